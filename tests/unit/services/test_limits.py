"""Rate limits: how many requests go, when, and what the API has to say of it."""

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from hub.sdk import NotConnected, RateLimit, Response
from hub.sdk.policies import Limit
from hub.services.limits import RateLimiter
from hub.services.limits.adaptive import AdaptiveGate
from hub.services.limits.gates import SlidingWindow, TokenBucket
from hub.services.limits.reading import Reading, read
from hub.services.refusals import Limited
from hub.services.request import Request
from tests.unit.services.far_side import far_side, service


def went(gate: TokenBucket | SlidingWindow, seconds: float) -> list[float]:
    """When requests go that come as fast as they may."""
    now, times = 0.0, []
    while (now := gate.earliest(now)) < seconds:
        gate.take(now)
        times.append(now)
    return times


@pytest.mark.parametrize("algorithm", ["token_bucket", "sliding_window"])
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_no_interval_holds_more_than_one_percent_over_the_limit(algorithm: Any, count: int) -> None:
    """Wherever it begins; a sliding window holds none over it. And what may go does."""
    gate = (SlidingWindow if algorithm == "sliding_window" else TokenBucket)(
        Limit(count=count, interval="10s", algorithm=algorithm)
    )
    times = went(gate, 60)
    most = count if algorithm == "sliding_window" else count + max(1, count // 100)
    assert all(later - earlier >= 10 - 1e-6 for earlier, later in zip(times, times[most:], strict=False))
    assert len(times) >= 6 * count


def test_a_bucket_saves_up_a_burst_and_no_more() -> None:
    """After any rest."""
    bucket = TokenBucket(Limit(count=10, interval="1s", burst=3))
    for rest in (0, 1000, 5000):
        times = [at for at in went(bucket, rest + 0.95) if at >= rest]
        if rest == 0:
            assert sum(at < 0.01 for at in times) == 3
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) == pytest.approx(0.1, abs=1e-6)


def test_the_headers_of_apis_are_understood() -> None:
    """GitHub's, the IETF's in three versions, points in time, milliseconds; nonsense is none."""
    date = "Sat, 21 Nov 2026 12:00:00 GMT"
    now = 1795262400
    github = {
        "date": date,
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "4999",
        "x-ratelimit-reset": str(now + 60),
        "x-ratelimit-resource": "core",
    }
    assert read(github) == Reading(5000, 4999, 61, "core")
    assert read({**github, "x-ratelimit-reset": str((now + 60) * 1000)}) == Reading(5000, 4999, 61, "core")
    assert read({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "5", "ratelimit-reset": "30"}) == Reading(
        100, 5, 30
    )
    assert read({"ratelimit": "limit=100, remaining=50, reset=5"}) == Reading(100, 50, 5)
    assert read(
        {
            "ratelimit": '"burst";r=50;t=30, "day";r=7;t=9000',
            "ratelimit-policy": '"burst";q=100;w=60,"day";q=1000;w=86400',
        }
    ) == Reading(1000, 7, 9000)
    assert read({"x-rate-limit-remaining": "3"}) == Reading(None, 3, None)
    for nonsense in ({}, {"x-ratelimit-remaining": "many"}, {"ratelimit": "soon"}, {"x-ratelimit-limit": "5"}):
        assert read(nonsense) is None


def test_a_gate_that_learns_slows_down_before_the_limit() -> None:
    """Half of it goes at once; the rest is spread over the time until it starts anew, and none is over."""
    gate, now, sent = AdaptiveGate(0.5), 0.0, []
    while (now := gate.earliest(now)) < 59:
        gate.take(now)
        gate.answered()
        sent.append(now)
        gate.learn(now, 200, {}, Reading(100, 100 - len(sent), 60 - now))
    assert 95 <= len(sent) <= 100
    assert sum(at < 1 for at in sent) in range(50, 53)
    assert max(later - earlier for earlier, later in pairwise(sent)) < 3


def test_what_is_under_way_counts_as_used() -> None:
    """Many requests at once don't go over a limit whose rest is small; a new window lets all go again."""
    gate = AdaptiveGate(0.5)
    gate.take(0)
    gate.answered()
    gate.learn(0, 200, {}, Reading(100, 3, 10))
    now, sent = 0.0, 0
    while (now := gate.earliest(now)) < 10:
        gate.take(now)
        sent += 1
    assert sent == 3
    assert gate.earliest(5) == 10
    assert gate.earliest(10.1) == 10.1


def test_a_pause_that_the_api_asks_for_is_kept_and_one_request_tries_first() -> None:
    """With a time or without; a 403 counts only if it says how long to wait."""
    gate = AdaptiveGate(0.5, chance=lambda: 1.0)
    gate.take(0)
    gate.answered()
    gate.learn(0, 429, {"retry-after": "30"}, None)
    assert gate.earliest(1) == 30
    gate.take(30)
    assert gate.earliest(30) > 30
    gate.answered()
    gate.learn(31, 429, {}, None)
    assert gate.earliest(31) == 33
    gate.take(33)
    gate.answered()
    gate.learn(33, 200, {}, None)
    gate.take(33)
    assert gate.earliest(33) == 33
    gate.answered()
    gate.learn(33, 403, {}, None)
    assert gate.earliest(33) == 33
    gate.learn(33, 403, {"retry-after": "5"}, None)
    assert gate.earliest(33) == 38


async def sent_by(limiter: RateLimiter, requests: list[Request]) -> list[tuple[float, str]]:
    sent: list[tuple[float, str]] = []

    async def far(request: Request) -> Response:
        sent.append((time.monotonic(), request.path))
        return Response(200, {}, b"", str(request.url))

    await asyncio.gather(*(limiter(each, far) for each in requests))
    return sent


def ask(path: str = "/x", method: str = "GET", user: str = "", **more: Any) -> Request:
    return Request(method, URL("http://far" + path), user=user, **more)


async def test_requests_queue_in_order_and_go_at_the_limits_pace() -> None:
    """However many come at once."""
    limiter = RateLimiter("far", RateLimit(count=100, interval="1s"))
    sent = await sent_by(limiter, [ask(f"/{number}") for number in range(20)])
    assert [path for _, path in sent] == [f"/{number}" for number in range(20)]
    assert sent[-1][0] - sent[0][0] >= 0.19 - 0.001
    assert limiter.waits == 19


async def test_who_would_wait_too_long_is_told_when_to_come_again() -> None:
    """At once, without waiting first; and those who were told so take no place."""
    limiter = RateLimiter("far", RateLimit(count=10, interval="1s", max_wait="250ms"))
    tasks = [asyncio.create_task(sent_by(limiter, [ask()])) for _ in range(10)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [each for each in done if isinstance(each, Limited)]
    assert 6 <= len(refused) <= 7
    assert all(each.retry_after for each in refused)
    assert max(each.retry_after or 0 for each in refused) == pytest.approx(0.3, abs=0.05)
    assert limiter.refused == len(refused)
    with pytest.raises(Limited):
        await sent_by(limiter, [ask(deadline=time.monotonic() + 0.01)])


async def test_an_endpoints_limit_does_not_hold_up_the_others() -> None:
    """Its requests wait for it first, and for the service's own only then."""
    endpoints = [{"match": "POST /repos/*/issues", "count": 10, "interval": "1s"}]
    limiter = RateLimiter("far", RateLimit(count=10_000, interval="1s", endpoints=endpoints))
    slow = [ask("/repos/a/issues", "POST") for _ in range(4)]
    sent = await sent_by(
        limiter, [*slow, *(ask("/repos/a/issues") for _ in range(5)), ask("/repos/a/b/issues", "POST")]
    )
    assert [path for _, path in sent].count("/repos/a/issues") == 9
    late = [at for at, _ in sent if at - sent[0][0] > 0.05]
    assert len(late) == 3


async def test_endpoints_of_one_limit_count_together() -> None:
    """As writes of any method, which an API wants one after the other."""
    writes = [{"match": ["POST /repos/**", "PATCH /repos/**"], "count": 20, "interval": "1s", "burst": 1}]
    limiter = RateLimiter("far", RateLimit(endpoints=writes))
    methods = ("POST", "PATCH", "POST", "GET", "GET")
    sent = await sent_by(limiter, [ask(f"/repos/a/{number}", each) for number, each in enumerate(methods)])
    went = {path: at for at, path in sent}
    assert went["/repos/a/2"] - went["/repos/a/0"] >= 0.1 - 0.001
    assert went["/repos/a/4"] - went["/repos/a/0"] < 0.05


async def test_each_user_has_their_own_limit_where_it_is_by_user() -> None:
    """And one user's requests don't wait for another's."""
    limiter = RateLimiter("far", RateLimit(count=10, interval="1s", by="user"))
    sent = await sent_by(limiter, [ask(user=f"user {number}") for number in range(20)])
    assert sent[-1][0] - sent[0][0] < 0.09


async def test_giving_up_while_waiting_leaves_the_queue_in_order() -> None:
    """Whoever is cancelled makes room, and nobody waits for ever."""
    limiter = RateLimiter("far", RateLimit(count=50, interval="1s"))
    tasks = [asyncio.create_task(sent_by(limiter, [ask(f"/{number}")])) for number in range(8)]
    await asyncio.sleep(0.005)
    for each in (tasks[1], tasks[4]):
        each.cancel()
    done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 2)
    assert sum(isinstance(each, list) for each in done) == 6
    assert limiter._own is not None
    assert all(lane.waiting == 0 and not lane.turn.locked() for lane in limiter._own.lanes)


async def test_a_storm_of_429_is_sat_out() -> None:
    """A far side with a limit that we only know from its answers gets no more than it allows, after the first 429."""
    limit, window = 20, 0.3
    taken: list[float] = []
    refused: list[float] = []

    async def far(_: web.Request) -> web.Response:
        now = time.monotonic()
        recent = [at for at in taken if at > now - window]
        if len(recent) >= limit:
            refused.append(now)
            return web.Response(status=429, headers={"Retry-After": str(round(recent[0] + window - now + 0.01, 3))})
        taken.append(now)
        headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(limit - len(recent) - 1)}
        return web.Response(headers={**headers, "X-RateLimit-Reset": str(window)})

    async with far_side(far) as server, service(server, rate_limit={}) as far_service:
        done = 0
        end = time.monotonic() + 10
        while time.monotonic() < end and done < 80:
            try:
                await far_service.request("GET", "/x")
                done += 1
            except NotConnected as signal:
                await asyncio.sleep(signal.retry_after or 0)
        assert done == 80
        assert len(refused) <= 1


async def test_what_a_service_may_send_can_be_seen() -> None:
    """Declared limits, and what the API tells of its own, by resource."""

    async def far(request: web.Request) -> web.Response:
        resource = "search" if request.path.startswith("/search") else "core"
        left = {"search": "29", "core": "4990"}[resource]
        return web.Response(
            headers={
                "X-RateLimit-Limit": "5000",
                "X-RateLimit-Remaining": left,
                "X-RateLimit-Reset": "60",
                "X-RateLimit-Resource": resource,
            }
        )

    limit = {"count": 1000, "interval": "1h", "burst": 10}
    async with far_side(far) as server, service(server, rate_limit=limit) as far_service:
        for path in ("/search/issues", "/repos/a", "/search/code"):
            await far_service.request("GET", path)
        states = {each.name: each for each in far_service.limits()}
        assert states["service"].limit == 1000
        assert (states["core"].remaining, states["search"].remaining) == (4990, 29)
        assert 50 < (states["search"].reset or 0) <= 60
        assert states["search"].wait > 0
        assert states["core"].wait == 0


async def test_requests_that_went_together_teach_the_limit_that_they_count_for() -> None:
    """Those that set off before anybody knew of it, too: what it says holds up nothing else."""
    limiter = RateLimiter("far", RateLimit(max_wait="1s"))
    answered = asyncio.Event()

    async def searches(request: Request) -> Response:
        await answered.wait()
        told = {"resource": "search", "limit": "30", "remaining": "0", "reset": "3000"}
        return Response(200, {f"x-ratelimit-{name}": value for name, value in told.items()}, b"", request.url)

    async def others(request: Request) -> Response:
        return Response(200, {}, b"", request.url)

    together = asyncio.gather(*(limiter(ask("/search/x"), searches) for _ in range(3)))
    await asyncio.sleep(0)
    answered.set()
    await together
    await limiter(ask("/repos/x"), others)
    with pytest.raises(Limited):
        await limiter(ask("/search/x"), others)


async def test_of_too_many_users_those_are_forgotten_who_asked_for_nothing_for_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody who is held up by a limit doesn't get rid of it because others come."""
    monkeypatch.setattr("hub.services.limits.limiter._USERS", 3)
    limit = RateLimit(count=1, interval="1h", by="user", adaptive=False, max_wait="0s")
    limiter = RateLimiter("far", limit)
    await sent_by(limiter, [ask(user=each) for each in "abc"])
    for newcomer in "de":
        with pytest.raises(Limited):
            await sent_by(limiter, [ask(user="a")])
        await sent_by(limiter, [ask(user=newcomer)])
    with pytest.raises(Limited):
        await sent_by(limiter, [ask(user="a")])
