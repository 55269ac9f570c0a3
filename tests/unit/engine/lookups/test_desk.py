"""One look-up at work: what is asked, how often, and what stands in where there is no answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hub.engine.lookups.answers import DEGRADED, Answers, Known, Refusal, marked
from hub.engine.lookups.desk import Desk, DeskSettings
from hub.engine.sinks.attempts import RetryPolicy
from hub.sdk import Event, Found, Lookup, LookupConfig, NotConnected, Permanent, Signal, Transient, UnitContext

QUICK = RetryPolicy(0.0, 0.0, 2)


class Far(Lookup[LookupConfig, int]):
    """Answers what a test says, and keeps the keys of each call."""

    answers: Callable[[int], Any] = staticmethod(lambda key: {"n": key})
    concurrency = 3

    def __init__(self) -> None:
        super().__init__(LookupConfig(), UnitContext("route.thing"))
        self.calls: list[list[int]] = []
        self.under_way = self.most = 0

    async def look_up(self, keys: Sequence[int]) -> Sequence[Any]:
        self.calls.append(list(keys))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        found = [self.answers(key) for key in keys]
        return [each if isinstance(each, Found | Signal) else Found(each) for each in found]


def desk(far: Far, **settings: Any) -> Desk:
    return Desk("thing", far, DeskSettings(**{"batch": 2, "retry": QUICK, **settings}), logging.getLogger("test"))


def keys(*numbers: int) -> list[bytes]:
    return [b"%d" % number for number in numbers]


async def test_the_first_call_goes_alone_and_the_others_side_by_side():
    """Nobody knows at first whether the far side is there; then there are as many calls as may be."""
    far = Far()
    asking = desk(far, concurrency=3)
    await asking.find(keys(*range(20)))
    assert far.calls[0] == [0, 1]
    assert far.most == 3
    assert sorted(each for call in far.calls for each in call) == list(range(20))
    assert [asking.answer(key) for key in keys(3)] == [Known({"n": 3}, {})]


async def test_a_key_is_asked_for_once_in_a_batch_and_anew_in_the_next():
    """What was found is held until the batch ends; without a cache no longer."""
    far = Far()
    asking = desk(far)
    await asking.find(keys(1))
    await asking.find(keys(1, 2))
    assert far.calls == [[1], [2]]
    asking.release()
    assert asking.answer(b"1") is None
    await asking.find(keys(1))
    assert far.calls == [[1], [2], [1]]
    assert asking.figures.asked == 3


async def test_after_an_outage_one_call_at_a_time_finds_out_whether_it_is_over():
    """The others don't go while the first fails; what was answered before it stays answered."""
    far = Far()
    asking = desk(far, concurrency=1)
    far.answers = lambda key: NotConnected("down") if key >= 4 else {"n": key}
    for _ in range(3):
        with pytest.raises(NotConnected):
            await asking.find(keys(*range(10)))
    assert far.calls == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]
    far.answers = lambda key: {"n": key}
    await asking.find(keys(*range(10)))
    assert all(asking.answer(key) is not None for key in keys(*range(10)))
    assert asking.figures.found == 10
    assert asking.figures.failed == 0


async def test_only_what_failed_for_a_passing_reason_is_asked_again():
    """Within the retries; then the question has no answer, and the others have theirs."""
    far = Far()
    tries: dict[int, int] = {}

    def answers(key: int) -> Any:
        tries[key] = tries.get(key, 0) + 1
        return Transient("busy") if key == 1 or (key == 2 and tries[key] < 3) else {"n": key}

    far.answers = answers
    asking = desk(far, batch=3)
    await asking.find(keys(1, 2, 3))
    assert far.calls == [[1, 2, 3], [1, 2], [1, 2]]
    refusal = asking.answer(b"1")
    assert isinstance(refusal, Refusal)
    assert (str(refusal.error), refusal.attempts) == ("busy", 3)
    assert asking.answer(b"2") == Known({"n": 2}, {})


@pytest.mark.parametrize("error", [Permanent("a bad request"), KeyError("a bug")])
async def test_a_call_that_is_refused_as_a_whole_is_made_for_each_key(error):
    """One key may be to blame: the others have their answers."""

    class Picky(Far):
        async def look_up(self, keys: Sequence[int]) -> Sequence[Any]:
            if 2 in keys:
                self.calls.append(list(keys))
                raise error
            return await super().look_up(keys)

    far = Picky()
    asking = desk(far, batch=3)
    await asking.find(keys(1, 2, 3))
    assert far.calls == [[1, 2, 3], [1], [2], [3]]
    assert [type(asking.answer(key)) for key in keys(1, 2, 3)] == [Known, Refusal, Known]


async def test_as_many_answers_as_keys():
    """A connector that leaves one out can't have its answers mixed up."""

    class Short(Far):
        async def look_up(self, keys: Sequence[int]) -> Sequence[Any]:
            return (await super().look_up(keys))[:-1]

    asking = desk(Short())
    await asking.find(keys(1, 2))
    refusal = asking.answer(b"1")
    assert isinstance(refusal, Refusal)
    assert str(refusal.error) == "the connector's look-up gave 0 answers to 1 keys"


@pytest.mark.parametrize("data", [float("nan"), {"x": object()}, 2**70])
async def test_what_no_event_can_hold_is_no_answer(data):
    """It is refused where it comes in, and not when an event is written."""
    far = Far()
    far.answers = lambda key: Found(data)
    asking = desk(far)
    await asking.find(keys(1))
    refusal = asking.answer(b"1")
    assert isinstance(refusal, Refusal)
    assert "what no event can hold" in str(refusal.error)


@pytest.mark.parametrize("marks", [{"Not-Allowed": "x"}, {"x": 5}, {5: "x"}, {"id": "2"}, {"time": "x"}, None])
async def test_marks_must_be_extensions(marks):
    """A mark that no event can have, or that would make another event of it, is the connector's fault."""
    far = Far()
    far.answers = lambda key: Found(1, marks)
    asking = desk(far)
    await asking.find(keys(1))
    assert isinstance(asking.answer(b"1"), Refusal)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, "the connector's look-up gave NoneType for an answer, neither `Found` nor a signal"),
        ({"n": 1}, "the connector's look-up gave dict for an answer, neither `Found` nor a signal"),
        (ValueError("no"), "the connector's look-up failed with ValueError: no"),
    ],
)
async def test_what_is_no_answer_fails_its_key_alone(answer, text):
    """A connector's slip is the dead letter of the events that ask, and not the end of the route."""

    class Careless(Far):
        async def look_up(self, keys: Sequence[int]) -> Sequence[Any]:
            return [answer if key == 1 else Found(key) for key in keys]

    asking = desk(Careless())
    await asking.find(keys(1, 2))
    refusal = asking.answer(b"1")
    assert isinstance(refusal, Refusal)
    assert (type(refusal.error), str(refusal.error)) == (Permanent, text)
    assert asking.answer(b"2") == Known(2, {})


async def test_a_search_for_the_key_to_blame_ends_with_an_outage():
    """Each call might take its whole timeout, one after the other."""

    class Falling(Far):
        async def look_up(self, keys: Sequence[int]) -> Sequence[Any]:
            self.calls.append(list(keys))
            if len(keys) > 1:
                raise Permanent("a bad request")
            return [NotConnected("down") if key > 1 else Found(key) for key in keys]

    far = Falling()
    asking = desk(far, batch=10)
    with pytest.raises(NotConnected):
        await asking.find(keys(*range(10)))
    assert far.calls == [list(range(10)), [0], [1], [2]]
    assert asking.figures.failed == 0


class Connected(Far):
    """One with a connection, which is lost and is there again when it is opened anew."""

    def __init__(self, *opening: Signal) -> None:
        super().__init__()
        self.opening = list(opening)
        self.state = "closed"

    async def open(self) -> None:
        assert self.state == "closed"
        if self.opening:
            raise self.opening.pop(0)
        self.state = "open"

    async def close(self) -> None:
        self.state = "closed"

    async def look_up(self, keys: Sequence[int]) -> Sequence[Any]:
        if self.state != "open":
            raise NotConnected("the connection is lost")
        return await super().look_up(keys)


@pytest.mark.parametrize("outage", [NotConnected("refused"), Transient("no answer")])
async def test_a_fallback_stands_in_where_the_far_side_is_not_even_there(outage):
    """`outage: fallback` holds for a far side that can't be reached at all, and only for as long as that."""
    far = Connected(outage)
    asking = desk(far, fallback=("x",), falls_back_in_outage=True)
    await asking.find(keys(1, 2, 3))
    assert far.calls == []
    assert asking.answer(b"3") == Known("x", {"hubdegraded": "fallback"})
    asking.release()
    await asking.find(keys(1))
    assert asking.answer(b"1") == Known({"n": 1}, {})


async def test_a_lost_connection_is_opened_again_though_something_stands_in():
    """Else the fallback would stand in for ever."""
    far = Connected()
    asking = desk(far, fallback=("x",), falls_back_in_outage=True)
    await asking.find(keys(1))
    far.state = "lost"
    await asking.find(keys(2))
    assert asking.answer(b"2") == Known("x", {"hubdegraded": "fallback"})
    await asking.find(keys(3))
    assert asking.answer(b"3") == Known({"n": 3}, {})


async def test_what_is_kept_needs_no_far_side():
    """It isn't even opened for answers that are at hand."""
    first = desk(Connected(), ttl=60.0, size=10)
    await first.find(keys(1))
    second = desk(Connected(NotConnected("refused")), ttl=60.0, size=10)
    second.follow(first)
    await second.find(keys(1))
    assert second.answer(b"1") == Known({"n": 1}, {})


async def test_a_fallback_counts_for_refusals_and_in_an_outage_only_where_told():
    """`outage: wait` is an outage for all; `outage: fallback` none."""
    far = Far()
    far.answers = lambda key: Permanent("gone") if key == 1 else NotConnected("down")
    asking = desk(far, batch=1, fallback=(None,))
    with pytest.raises(NotConnected):
        await asking.find(keys(1, 2))
    assert asking.answer(b"1") == Known(None, {"hubdegraded": "fallback"})
    asking = desk(far, batch=1, fallback=("x",), falls_back_in_outage=True)
    await asking.find(keys(1, 2))
    assert asking.answer(b"2") == Known("x", {"hubdegraded": "fallback"})
    assert asking.figures.fallback == 2


async def test_kept_answers_and_figures_outlast_a_life():
    """A unit that is started again knows what it knew, and its counters don't fall."""
    far = Far()
    first = desk(far, ttl=60.0, size=10)
    await first.find(keys(1))
    second = desk(far, ttl=60.0, size=10)
    second.follow(first)
    await second.find(keys(1))
    assert len(far.calls) == 1
    assert (second.figures.found, second.figures.cached) == (1, 1)


def test_kept_answers_grow_old_and_make_room(monkeypatch):
    """After the time to live they only stand in, after that they are gone; the one least wanted goes first."""
    now = [100.0]
    monkeypatch.setattr("hub.engine.lookups.answers.time.monotonic", lambda: now[0])
    kept = Answers(ttl=10, stale=5, size=2)
    kept.keep(b"1", Known("a"))
    now[0] += 10
    assert kept.fresh(b"1") == Known("a")
    now[0] += 1
    assert kept.fresh(b"1") is None
    assert kept.stale(b"1") == Known("a", {"hubdegraded": "stale"})
    now[0] += 5
    assert kept.stale(b"1") is None
    for key in (b"1", b"2"):
        kept.keep(key, Known(key.decode()))
    kept.fresh(b"1")
    kept.keep(b"3", Known("3"))
    assert [kept.fresh(key) is not None for key in (b"1", b"2", b"3")] == [True, False, True]


def test_nothing_is_kept_that_stood_in():
    """A degraded answer must not outlive the trouble that it came of."""
    kept = Answers(ttl=10, size=2)
    kept.keep(b"1", Known("a", {"hubdegraded": "stale"}))
    assert len(kept) == 0


@pytest.mark.parametrize(
    ("before", "mark", "after"),
    [(None, "stale", "stale"), ("stale", "fallback", "fallback"), ("fallback", "stale", "fallback")],
)
def test_a_mark_that_an_event_brings_along_gives_way_only_to_a_graver_one(before, mark, after):
    """What an earlier route made of a fallback stays marked as such, however little is wrong with the next answer."""
    extensions = {} if before is None else {DEGRADED: before}
    came = Event(type="t", source="/s", id="1", data={}, **extensions)
    [(made, _)] = marked([(came, ("out",))], {DEGRADED: mark})
    assert made.attributes[DEGRADED] == after
