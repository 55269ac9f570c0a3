"""An API that goes away for a while, and one that throttles all who ask: what is sent, and what becomes of it."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from hub.sdk import NotConnected, Response, Transient
from hub.services.auth import NotSignedIn
from hub.services.request import Request
from hub.services.transport import Transport
from tests.unit.services.far_side import far_side, service


async def test_an_outage_is_sat_out_with_probes_alone() -> None:
    """Sixteen that ask for ever send one probe per interval, and all go on within one of them when it is back."""
    away, asked_while_away = False, 0
    timeout = 0.1

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked_while_away
        asked_while_away += away
        return web.Response(status=503 if away else 200)

    policies = {
        "circuit_breaker": {"failure_threshold": 3, "breaker_timeout": "100ms", "success_threshold": 1},
        "retry": {"initial_interval": "5ms", "max_interval": "20ms"},
    }
    async with far_side(handler) as far, service(far, **policies) as api:
        answered: list[float] = []
        back = float("inf")
        ending, again = asyncio.Event(), asyncio.Event()

        async def unit() -> None:
            """Asks as the engine has a unit do it: it waits as long as it is told, and no answer is given up."""
            while not ending.is_set():
                try:
                    await api.request("GET", "/x")
                    answered.append(time.monotonic())
                    if not away and answered[-1] >= back:
                        again.set()
                    await asyncio.sleep(0.01)
                except (NotConnected, Transient) as signal:
                    await asyncio.sleep(signal.retry_after or 0.05)

        units = [asyncio.create_task(unit()) for _ in range(16)]
        await asyncio.sleep(0.1)
        away = True
        await asyncio.sleep(1.0)
        away, back = False, time.monotonic()
        async with asyncio.timeout(5):
            await again.wait()
        recovered = min(at for at in answered if at >= back) - back
        ending.set()
        await asyncio.gather(*units)
    # Those under way when it went, three failures, then probes.
    assert asked_while_away <= 16 + 3 + 1.0 / timeout + 1
    assert recovered <= timeout + 0.2  # a probe interval, on a machine that may be busy


async def test_a_storm_of_429_holds_up_all_and_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred who ask at once an API with a hard limit: no window holds more than it, and each gets an answer."""
    limit, window = 25, 1.0
    taken: deque[float] = deque()
    sent: list[float] = []
    whole = Transport.__call__

    async def watched(transport: Transport, request: Request) -> Response:
        sent.append(time.monotonic())
        return await whole(transport, request)

    monkeypatch.setattr(Transport, "__call__", watched)

    async def handler(request: web.Request) -> web.Response:
        now = time.monotonic()
        while taken and taken[0] <= now - window:
            taken.popleft()
        if len(taken) >= limit:  # what a request takes to arrive varies, so that a few are refused
            return web.Response(status=429, headers={"Retry-After": "0.2"})
        taken.append(now)
        return web.Response(text=request.path)

    rate = {"count": limit, "interval": "1s", "algorithm": "sliding_window", "max_wait": "300ms"}
    async with far_side(handler) as far, service(far, rate_limit=rate) as api:

        async def ask(number: int) -> bytes:
            while True:
                try:
                    return (await api.request("GET", f"/{number}")).body
                except NotConnected as signal:
                    await asyncio.sleep(signal.retry_after or 0.05)

        async with asyncio.timeout(30):
            answers = await asyncio.gather(*(ask(number) for number in range(100)))
    assert answers == [b"/%d" % number for number in range(100)]
    assert len(sent) == len(far.seen)
    assert all(later - earlier >= window - 0.01 for earlier, later in zip(sent, sent[limit:], strict=False))


async def test_a_revoked_credential_is_an_outage_that_says_what_to_do() -> None:
    """One 401 for good must not dead-letter every event; the breaker sees no failure of the far side in it."""
    handler = _statuses([401] * 9)
    for auth, advice in (
        ({}, "give service far its credentials under auth"),
        ({"token": "t"}, "the API takes the credentials of service far no more"),
    ):
        async with far_side(handler) as far, service(far, auth=auth, circuit_breaker={"failure_threshold": 1}) as api:
            with pytest.raises(NotSignedIn, match=advice) as raised:
                await api.for_deliveries().request("POST", "/x")
            assert (raised.value.status, raised.value.retry_after) == (401, 60)
            assert api.info().circuit == "closed"


@pytest.mark.parametrize(("health", "kind"), [(500, NotConnected), (503, NotConnected), (404, Transient)])
async def test_a_probe_that_fails_is_the_requests_fault_only_if_the_far_side_works(
    health: int, kind: type[Exception]
) -> None:
    """An outage of 500s uses up no retry; a request that always gives 500 doesn't hold up all others for good."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=500 if request.path == "/x" else health)

    breaker = {"failure_threshold": 2, "breaker_timeout": "20ms"}
    async with far_side(handler) as far, service(far, circuit_breaker=breaker, health={"path": "/up"}) as api:
        with pytest.raises(Transient) as before:  # an open circuit alone makes an outage of it
            await api.request("GET", "/x")
        assert before.value.retry_after is None
        for _ in range(3):
            with pytest.raises(kind) as raised:
                await api.request("GET", "/x")
            assert isinstance(raised.value, Transient | NotConnected)
            assert (raised.value.status, api.info().circuit) == (500, "open")
            assert 0 <= (raised.value.retry_after or 0) <= 0.02
            await asyncio.sleep(0.03)


async def test_requests_that_fail_together_ask_for_the_health_once() -> None:
    """And again where the circuit opens another time: an API in trouble isn't asked once for each of them."""
    arrived, checks = asyncio.Barrier(9), 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal checks
        if request.path == "/up":
            checks += 1
            await asyncio.sleep(0.01)
        elif request.path == "/x":
            await arrived.wait()
        return web.Response(status=500)

    breaker = {"failure_threshold": 1, "breaker_timeout": "20ms"}
    async with far_side(handler) as far, service(far, circuit_breaker=breaker, health={"path": "/up"}) as api:
        failed = await asyncio.gather(*(api.request("GET", "/x") for _ in range(9)), return_exceptions=True)
        assert {type(each) for each in failed} == {NotConnected}
        assert checks == 1
        await asyncio.sleep(0.03)
        with pytest.raises(NotConnected):
            await api.request("GET", "/y")
        assert checks == 2


async def test_no_answer_while_the_circuit_is_open_says_when_to_come_again() -> None:
    """Whoever waits by a rule of their own would wait longer, and find the far side late."""
    async with far_side() as far:
        url = far.url
    async with service(url, circuit_breaker={"failure_threshold": 1, "breaker_timeout": "7s"}) as api:
        with pytest.raises(NotConnected) as raised:
            await api.request("GET", "/x")
        assert 6 < (raised.value.retry_after or 0) <= 7


async def test_a_refused_stream_leaves_no_connection_behind() -> None:
    """What a retry drops was read to its end, or closed: the pool of one connection serves who comes next."""
    handler = _statuses([503, 500, 401, 200])
    policies = {"retry": {"initial_interval": "1ms", "max_interval": "2ms"}, "pool": {"connections": 1}}
    async with far_side(handler) as far, service(far, auth={"token": "t"}, **policies) as api, asyncio.timeout(10):
        with pytest.raises(NotSignedIn):
            async with api.stream("GET", "/large"):
                pass
        async with api.stream("GET", "/large") as answer:
            assert [chunk async for chunk in answer.chunks()] == [b"body"]


def _statuses(statuses: list[int]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=statuses.pop(0), text="body")

    return handler
