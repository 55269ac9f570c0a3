"""A service whose settings have changed goes on where it was."""

import pytest

from hub.sdk import NotConnected, ServiceConfig
from hub.services import HttpService
from tests.unit.services.far_side import FarSide, far_side


def made(far: FarSide, before: HttpService | None = None, **policies: object) -> HttpService:
    return HttpService("far", ServiceConfig(base_url=far.url, **policies), before=before)


LIMIT = {"count": 2, "interval": "1h", "algorithm": "sliding_window", "max_wait": "0s"}


async def test_a_limit_that_is_used_up_stays_so() -> None:
    """A reload is no way around it; nor does it forget what the API has told, or the counts."""
    async with far_side() as far:
        headers = {"x_ratelimit_limit": "9", "x_ratelimit_remaining": "7", "x_ratelimit_reset": "60"}
        far.then(200, 200, **headers)
        async with made(far, rate_limit=LIMIT) as first:
            for _ in range(2):
                await first.request("GET", "/x")
            async with made(far, first, rate_limit=LIMIT, timeout={"total": "9s"}) as second:
                with pytest.raises(NotConnected, match="rate limit"):
                    await second.request("GET", "/x")
                told = {limit.name: limit.remaining for limit in second.limits()}
                assert told.keys() == {"service", "told by the API"}
                assert told["told by the API"] in (6, 7)  # the second answer was read only if it came later
                assert second.info().figures["requests"] == 2
        assert len(far.seen) == 2


async def test_a_limit_that_has_changed_begins_anew() -> None:
    """What has gone by the old one says little of the new one."""
    async with far_side() as far, made(far, rate_limit=LIMIT) as first:
        await first.request("GET", "/x")
        await first.request("GET", "/x")
        async with made(far, first, rate_limit={**LIMIT, "count": 3}) as second:
            await second.request("GET", "/x")


async def test_an_open_circuit_stays_open_and_answers_stay_kept() -> None:
    """Unless what they depend on has changed: the breaker's settings, the credentials, the address."""
    breaker = {"failure_threshold": 1}
    async with far_side() as far, far_side() as other:
        far.then(200, 503)
        policies = {"circuit_breaker": breaker, "cache": {"ttl": "1m"}}
        async with made(far, **policies) as first:
            await first.request("GET", "/kept")
            with pytest.raises(NotConnected):
                await first.request("GET", "/x")
            async with made(far, first, **policies, pool={"connections": 2}) as second:
                assert second.info().circuit == "open"
                assert (await second.request("GET", "/kept")).origin == "cache"
            async with made(far, first, **policies, auth={"token": "another"}) as third:
                assert third.info().figures["cache"]["entries"] == 0
            async with made(other, first, **policies) as fourth:
                assert fourth.info().circuit == "closed"
