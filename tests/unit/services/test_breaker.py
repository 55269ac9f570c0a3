"""The circuit breaker: when it opens, what it lets through then, and when it closes again."""

import asyncio

import pytest
from yarl import URL

from hub.sdk import CircuitBreaker, NotConnected, Permanent, Response, Transient
from hub.services.breaker import Breaker
from hub.services.refusals import CircuitOpen, Limited
from hub.services.request import Request
from tests.unit.services.far_side import Clock, far_side, service


class Far:
    """The rest of the pipeline: answers with a status, or raises."""

    def __init__(self) -> None:
        self.answer: int | Exception = 200
        self.headers: dict[str, str] = {}
        self.asked = 0

    async def __call__(self, request: Request) -> Response:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return Response(self.answer, self.headers, b"", str(request.url))


class Setting:
    def __init__(self, **config: object) -> None:
        self.clock, self.far = Clock(), Far()
        self.changes: list[str] = []
        changed = lambda state, _: self.changes.append(state)  # noqa: E731
        self.breaker = Breaker("far", CircuitBreaker(**config), self.clock, changed)

    async def ask(self, answer: int | Exception | None = None) -> int | str:
        if answer is not None:
            self.far.answer = answer
        try:
            return (await self.breaker(Request("GET", URL("http://far/")), self.far)).status
        except (Transient, NotConnected, Permanent) as signal:
            return type(signal).__name__


async def test_failures_in_a_row_open_it_and_nothing_is_sent_until_the_probe() -> None:
    """A success in between starts the count anew; the refusal says when to come again."""
    it = Setting(failure_threshold=3, failure_rate=None, breaker_timeout="10s", success_threshold=1)
    for answer in (500, Transient("cut"), 200, 503, NotConnected("refused")):
        await it.ask(answer)
    assert it.breaker.state == "closed"
    await it.ask(500)
    assert (it.breaker.state, it.breaker.opened) == ("open", 1)
    asked = it.far.asked
    it.clock.now += 4
    with pytest.raises(CircuitOpen, match="500") as refused:
        await it.breaker(Request("GET", URL("http://far/")), it.far)
    assert refused.value.retry_after == pytest.approx(6)
    assert it.far.asked == asked
    it.clock.now += 6
    assert await it.ask(200) == 200
    assert it.changes == ["open", "half_open", "closed"]


async def test_what_says_nothing_of_the_far_sides_health_counts_for_nothing() -> None:
    """Being throttled, refused requests, what our own policies refuse, and what was given up."""
    it = Setting(failure_threshold=1)
    for answer in (429, 404, 401, 501, Permanent("too large"), Limited("ours"), CircuitOpen("another's")):
        await it.ask(answer)
    it.far.answer = asyncio.CancelledError()  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await it.breaker(Request("GET", URL("http://far/")), _cancelled)
    assert it.breaker.state == "closed"


async def _cancelled(_: Request) -> Response:
    raise asyncio.CancelledError


async def test_a_rate_of_failures_opens_it_once_there_are_enough_requests() -> None:
    """However they are mixed with successes; what is older than the window is forgotten."""
    it = Setting(failure_threshold=100, failure_rate=0.5, window="10s", sample_rate=10)
    for _ in range(20):
        await it.ask(500)
        if it.breaker.state == "open":
            break
    assert it.far.asked == 10
    it = Setting(failure_threshold=100, failure_rate=0.5, window="10s", sample_rate=10)
    for _ in range(30):
        await it.ask(500)
        await it.ask(200)
        it.clock.now += 2.6
    assert it.breaker.state == "closed"
    for _ in range(9):
        await it.ask(200)
        await it.ask(500)
    assert it.breaker.state == "open"


async def test_no_more_probes_go_out_than_may() -> None:
    """Those that find all probes taken come again soon; a probe that was given up frees its place."""
    it = Setting(failure_threshold=1, half_open_max=2, success_threshold=2, breaker_timeout="1s")
    await it.ask(500)
    it.clock.now += 1
    release = asyncio.Event()

    async def slow(request: Request) -> Response:
        await release.wait()
        return Response(200, {}, b"", str(request.url))

    probes = [asyncio.create_task(it.breaker(Request("GET", URL("http://far/")), slow)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await it.ask(200) == "CircuitOpen"
    probes[0].cancel()
    await asyncio.wait(probes[:1])
    assert await it.ask(200) == 200
    assert it.breaker.state == "half_open"
    release.set()
    await probes[1]
    assert it.breaker.state == "closed"


async def test_a_probe_that_fails_opens_it_again_for_as_long_as_the_far_side_asks() -> None:
    """But no shorter than configured."""
    it = Setting(failure_threshold=1, breaker_timeout="5s")
    await it.ask(500)
    it.clock.now += 5
    it.far.headers = {"retry-after": "60"}
    await it.ask(503)
    assert it.breaker.next_probe == pytest.approx(60)
    it.clock.now += 60
    it.far.headers = {"retry-after": "1"}
    await it.ask(503)
    assert it.breaker.next_probe == pytest.approx(5)


async def test_what_began_before_it_opened_does_not_count_afterwards() -> None:
    """A late success doesn't close it, a late failure doesn't prolong it."""
    it = Setting(failure_threshold=1, success_threshold=1, breaker_timeout="1s")
    release = asyncio.Event()

    async def late(_: Request) -> Response:
        await release.wait()
        raise Transient("late")

    task = asyncio.create_task(it.breaker(Request("GET", URL("http://far/")), late))
    await asyncio.sleep(0)
    await it.ask(500)
    it.clock.now += 1
    await it.ask(200)
    assert it.breaker.state == "closed"
    release.set()
    with pytest.raises(Transient):
        await task
    assert it.breaker.state == "closed"


async def test_a_service_shows_its_circuit_and_recovers() -> None:
    """Against a server that fails and comes back; a health check goes past the circuit."""
    async with far_side() as far:
        policies = {"failure_threshold": 2, "success_threshold": 1, "breaker_timeout": "50ms"}
        async with service(far, circuit_breaker=policies) as far_service:
            far.then(500, 502)
            for expected in (Transient, NotConnected):
                with pytest.raises(expected):
                    await far_service.request("GET", "/x")
            assert far_service.info().circuit == "open"
            with pytest.raises(CircuitOpen) as refused:
                await far_service.request("GET", "/x")
            assert 0 < (refused.value.retry_after or 0) <= 0.05
            assert len(far.seen) == 2
            assert (await far_service.health()).healthy
            await asyncio.sleep(refused.value.retry_after or 0)
            assert (await far_service.request("GET", "/x")).status == 200
            assert far_service.info().circuit == "closed"
