"""An API that goes away for a while, and one that throttles all who ask: what is sent, and what becomes of it."""

import asyncio
import time
from collections import deque

import pytest
from aiohttp import web

from hub.sdk import NotConnected, Response, Transient
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
