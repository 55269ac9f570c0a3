"""Retries: what is tried again, after how long, and when no more."""

from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from hub.sdk import NotConnected, Permanent, Response, ServiceRetry, Signal, Transient
from hub.services import retry as module
from hub.services.refusals import CircuitOpen
from hub.services.request import Request
from hub.services.retry import Budget, Retry
from tests.unit.services.far_side import Clock, far_side, service

QUICK = {"initial_interval": "1ms", "max_interval": "5s"}


class Setting:
    """Retries over a far side that gives prepared answers, with a clock that its waits move on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **config: Any) -> None:
        self.clock = Clock()
        self.waits: list[float] = []
        self.attempts: list[Request] = []
        self.answers: list[int | Signal] = []
        self.headers: dict[str, str] = {}
        self.retry = Retry(ServiceRetry(**config), self.clock, chance=lambda: 1.0)
        monkeypatch.setattr(module.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.clock.now += seconds

    async def ask(self, method: str = "GET", **more: Any) -> int | str:
        try:
            return (await self.retry(Request(method, URL("http://far/x"), **more), self._far)).status
        except Signal as signal:
            return type(signal).__name__

    async def _far(self, request: Request) -> Response:
        self.attempts.append(request)
        request.headers["signed"] = "once"
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Signal):
            raise answer
        return Response(answer, self.headers, b"", str(request.url))


async def test_waits_double_up_to_a_bound_and_end_in_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """With chance at its highest, full jitter waits as long as it may."""
    it = Setting(monkeypatch, initial_interval="1s", max_interval="5s", max_retries=9)
    it.answers = [500, Transient("cut"), NotConnected("refused"), 503, 408]
    assert await it.ask() == 200
    assert it.waits == [1, 2, 4, 5, 5]
    assert [each.attempt for each in it.attempts] == [1, 2, 3, 4, 5, 6]
    assert all(each.headers == {"signed": "once"} for each in it.attempts)
    assert it.retry.retries == 5


async def test_jitter_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any wait from none up to the bound may come."""
    it = Setting(monkeypatch, initial_interval="1s")
    it.retry._chance = iter([0.0, 0.25, 1.0]).__next__
    it.answers = [500, 500, 500]
    assert await it.ask() == 200
    assert it.waits == [0, 0.5, 4]


async def test_the_last_failure_is_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are no retries left, or no time."""
    it = Setting(monkeypatch, max_retries=2)
    it.answers = [500, 500, Transient("the last")]
    assert await it.ask() == "Transient"
    it = Setting(monkeypatch, initial_interval="20s", max_interval="20s", max_elapsed_time="50s", max_retries=9)
    it.answers = [500] * 9
    assert await it.ask() == 500
    assert it.waits == [20, 20]
    it = Setting(monkeypatch, initial_interval="2s")
    it.answers = [500] * 9
    assert await it.ask(deadline=it.clock.now + 3) == 500
    assert it.waits == [2]


@pytest.mark.parametrize(
    ("method", "headers", "again"),
    [
        ("GET", {}, True),
        ("PUT", {}, True),
        ("DELETE", {}, True),
        ("POST", {}, False),
        ("PATCH", {}, False),
        ("POST", {"idempotency-key": "k"}, True),
    ],
)
async def test_only_what_may_be_repeated_is(
    method: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """By its method, or because a key makes one of two."""
    it = Setting(monkeypatch)
    it.answers = [500]
    assert await it.ask(method, headers=headers) == (200 if again else 500)


async def test_a_delivery_is_never_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine does that."""
    it = Setting(monkeypatch)
    it.answers = [500]
    assert await it.ask(retries=False) == 500


@pytest.mark.parametrize("answer", [404, 401, 400, Permanent("no"), CircuitOpen("open", retry_after=1)])
async def test_what_would_fail_again_is_not_tried_again(answer: int | Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals of the request, and those of our own policies, which know when to come again."""
    it = Setting(monkeypatch)
    it.answers = [answer]
    await it.ask()
    assert len(it.attempts) == 1


async def test_what_the_far_side_asks_for_is_waited_and_a_long_wait_is_the_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In both forms of Retry-After; the jitter comes on top, so that not all come back at once."""
    it = Setting(monkeypatch, initial_interval="1s", max_interval="10s")
    it.headers = {"retry-after": "7"}
    it.answers = [429]
    assert await it.ask() == 200
    it.headers = {"date": "Sat, 21 Nov 2026 12:00:00 GMT", "retry-after": "Sat, 21 Nov 2026 12:00:04 GMT"}
    it.answers = [503]
    assert await it.ask() == 200
    assert it.waits == [8, 5]
    it.headers = {"retry-after": "11"}
    it.answers = [429]
    assert await it.ask() == 429


def test_the_budget_bounds_retries_by_requests() -> None:
    """A fifth of a retry for each request, and some per second however few requests there are."""
    clock = Clock()
    budget = Budget(ServiceRetry(budget=0.2, budget_floor=0), clock)
    for _ in range(100):
        budget.pay_in()
    assert [budget.take() for _ in range(4)] == [True, True, False, False]
    taken = 0
    for _ in range(100):
        budget.pay_in()
        taken += budget.take()
    assert taken in (19, 20)
    budget = Budget(ServiceRetry(budget=0, budget_floor=2), clock)
    assert sum(budget.take() for _ in range(100)) == 20
    clock.now += 3
    assert sum(budget.take() for _ in range(100)) == 6


async def test_in_an_outage_retries_add_no_more_than_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A far side that is in trouble gets a fifth more requests, not four times as many."""
    it = Setting(monkeypatch, budget=0.2, budget_floor=0, max_retries=3, initial_interval="1ms")
    it.answers = [500] * 1000
    for _ in range(200):
        await it.ask()
    assert 230 <= len(it.attempts) <= 242
    assert it.retry.exhausted > 150


async def test_a_service_tries_again() -> None:
    """Against a server; each attempt is signed and counted, and a POST counts only with a key."""
    async with far_side() as far, service(far, retry=QUICK, auth={"token": "t"}) as far_service:
        far.then(500, 503)
        assert (await far_service.request("GET", "/x")).status == 200
        assert [each.headers["authorization"] for each in far.seen] == ["Bearer t"] * 3
        far.then(500)
        with pytest.raises(Transient):
            await far_service.request("POST", "/x", json={})
        far.then(500)
        answer = await far_service.request("POST", "/x", json={"a": 1}, idempotency_key="k")
        assert answer.status == 200
        assert [each.headers.get("idempotency-key") for each in far.seen[-2:]] == ["k", "k"]
        assert await far.seen[-1].json() == {"a": 1}
        far.then(500)
        with pytest.raises(Transient):
            await far_service.for_deliveries().request("GET", "/x")
        figures = far_service.info().figures
        assert (figures["requests"], figures["retries"], figures["statuses"]) == (7, 3, {500: 4, 503: 1, 200: 2})


async def test_a_connection_that_breaks_is_tried_again() -> None:
    """As a server does it that is restarted while we keep its connections."""

    async def cut(request: web.Request) -> web.StreamResponse:
        if len(far.seen) < 3:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text="whole")

    async with far_side(cut) as far, service(far, retry=QUICK) as far_service:
        assert (await far_service.request("GET", "/x")).body == b"whole"
        assert len(far.seen) == 3
        assert far_service.info().figures["retries"] >= 1  # aiohttp itself tries again once on a kept connection
