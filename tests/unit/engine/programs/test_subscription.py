"""What a subscriber gets: payloads that fit, blocks that settle, and windows that hold no more than they should."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from pydantic import BaseModel

import hub
from hub.engine.dlq.deadletter import Origin, root_cause
from hub.engine.programs import window as windows
from hub.engine.programs.received import Delivery, PayloadMismatch, State, payload
from hub.engine.programs.settlement import Settlement
from hub.engine.programs.window import Window
from hub.engine.sinks.attempts import RetryPolicy
from hub.sdk import Event, InvalidEvent, NotConnected, Permanent, Transient


class Wanted(BaseModel):
    title: str
    labels: list[str] = []


def event(data: object, content_type: str = "application/json") -> Event:
    return Event(type="review.wanted", source="/s", id="1", data=data, datacontenttype=content_type)


def test_a_payload_becomes_an_instance_of_the_model():
    """Defaults filled in; without a model there is nothing to become."""
    assert payload(event({"title": "x"}), Wanted) == Wanted(title="x")
    assert payload(event({"title": "x"}), None) is None


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (event({}), "the payload doesn't fit Wanted: title: Field required"),
        (event({"title": 1, "labels": [2]}), "title: Input should be a valid string; labels.0: Input should be"),
        (event(b"{no"), "data: Invalid JSON"),
        (event(None), "data: Input should be"),
        (event("text", "text/plain"), "data: Input should be"),
        (event({"title": "x", "labels": list(range(9))}), "and 4 more"),
    ],
)
def test_one_that_does_not_fit_is_refused_with_the_fields_that_are_wrong(made, message):
    """And not with what they hold: the message is logged, and kept as the cause."""
    with pytest.raises(PayloadMismatch) as caught:
        payload(made, Wanted)
    assert message in str(caught.value)
    assert root_cause(caught.value) is caught.value


async def test_a_block_tells_how_it_ended():
    """Its error reaches whoever settles it, and leaves the block only if that one says so."""
    ended: list[BaseException | None] = []

    async def leave(_: Delivery, error: BaseException | None) -> bool:
        ended.append(error)
        return isinstance(error, ValueError)

    def delivery() -> Delivery:
        return Delivery(event({"n": 1}), "key", 1, place=Origin("t", 0, 1), data=None, leave=leave)

    async with delivery() as received:
        assert received.data == {"n": 1}
    async with delivery():
        raise ValueError("dealt with")
    with pytest.raises(KeyError):
        async with delivery():
            raise KeyError("not dealt with")
    assert [type(each) for each in ended] == [type(None), ValueError, KeyError]


async def test_data_is_the_model_s_where_there_is_one():
    """Otherwise the event's own."""

    async def leave(*_: object) -> bool:
        return False

    typed = Delivery(event({}), "key", 1, place=Origin("t", 0, 1), data=Wanted(title="x"), leave=leave)
    assert typed.data == Wanted(title="x")
    assert typed.state is State.HANDED_OUT
    sent = event(b"{no").to_kafka()
    broken = Delivery(Event.from_kafka(*sent), "key", 1, place=Origin("t", 0, 1), data=None, leave=leave)
    with pytest.raises(InvalidEvent):
        _ = broken.data


def record(offset: int, key: str = "a", size: int = 2) -> SimpleNamespace:
    message = Event(type="t", source="/s", id=str(offset), data=b'"' + b"x" * size + b'"', partitionkey=key).to_kafka()
    return SimpleNamespace(topic="in", partition=0, offset=offset, **message._asdict())


def test_a_window_is_full_by_events_or_by_bytes(monkeypatch):
    """Settling makes room again."""
    monkeypatch.setattr(windows, "EVENTS", 3)
    window = Window("g", 1)
    window.take([record(0), record(1)])
    assert not window.full
    window.take([record(2)])
    assert window.full
    window.settle(window.due())
    assert not window.full
    monkeypatch.setattr(windows, "BYTES", 1000)
    window.take([record(3, size=2000)])
    monkeypatch.setattr(windows, "EVENTS", 300)
    assert window.full
    while pending := window.due():
        window.settle(pending)
    assert not window.full


def test_what_is_settled_past_an_open_event_counts_as_held(monkeypatch):
    """Otherwise a key that fails for long would let any number of events be done again after a crash."""
    monkeypatch.setattr(windows, "SPAN", 10)
    window = Window("g", 1)
    window.take([record(0, "stuck")])
    window.hand_out(window.due())
    for offset in range(1, 10):
        assert not window.full
        window.take([record(offset, "other")])
        window.settle(window.due())
    assert window.full


def test_events_are_handed_out_in_the_order_in_which_they_came():
    """And not key by key: what is settled past an open event is done again after a crash."""
    window = Window("g", 1)
    window.take([record(offset, f"k{offset % 7}") for offset in range(200)])
    handed_out = []
    while pending := window.due():
        handed_out.append(pending.record.offset)
        window.settle(pending)
        assert window.uncommitted() == {("in", 0): len(handed_out)}
    assert handed_out == list(range(200))


def test_what_is_handed_out_holds_back_its_key_and_nothing_else():
    """Until it is settled, tried again or held."""
    window = Window("g", 1)
    window.take([record(0, "a"), record(1, "a"), record(2, "b")])
    first = window.due()
    window.hand_out(first)
    second = window.due()
    assert (first.record.offset, second.record.offset) == (0, 2)
    window.hand_out(second)
    assert window.due() is None
    assert window.wait() == math.inf
    window.settle(second)
    assert window.uncommitted() == {}
    window.settle(first)
    assert window.uncommitted() == {("in", 0): 1}
    assert window.due().record.offset == 1


def test_an_empty_window_waits_for_nothing_by_itself():
    """Only for what is fetched."""
    assert Window("g", 1).wait() == math.inf


def test_only_positions_that_moved_are_committed():
    """A commit without news is a request for nothing."""
    window = Window("g", 1)
    window.take([record(0), record(1)])
    window.settle(window.due())
    positions = window.uncommitted()
    window.committed.update(positions)
    assert window.uncommitted() == {}


async def settled(error: BaseException | None, policy: RetryPolicy | None = None) -> tuple[bool, Window, Settlement]:
    window = Window("g", 1)
    window.take([record(0), record(1)])
    pending = window.due()
    window.hand_out(pending)
    settlement = Settlement("g", policy or RetryPolicy(max_retries=3), None)
    return await settlement.settle(window, pending, error), window, settlement


async def test_without_an_error_the_event_is_done():
    """The next one of its key is due."""
    dealt_with, window, _ = await settled(None)
    assert dealt_with
    assert window.due().record.offset == 1


@pytest.mark.parametrize("error", [ValueError("x"), Transient("x"), ExceptionGroup("tasks", [Transient("x")])])
async def test_an_error_is_tried_again_later(error):
    """With a higher attempt, and before the next one of its key."""
    dealt_with, window, _ = await settled(error, RetryPolicy(initial_interval=60, max_interval=60, max_retries=3))
    assert dealt_with
    assert window.due() is None
    assert 0 <= window.wait() <= 60


async def test_what_is_permanent_or_used_up_is_the_program_s_without_a_dead_letter_topic():
    """The event isn't settled."""
    for error, policy in (
        (Permanent("no"), None),
        (InvalidEvent("no JSON"), None),
        (Transient("x"), RetryPolicy(max_retries=0)),
    ):
        dealt_with, window, _ = await settled(error, policy)
        assert not dealt_with
        assert window.uncommitted() == {}


async def test_an_interruption_is_the_program_s():
    """The event is due again, with the attempt that it had."""
    dealt_with, window, _ = await settled(KeyboardInterrupt())
    assert not dealt_with
    assert window.due().delivery.attempt == 1


async def test_an_outage_makes_everything_wait():
    """As long as the far side asked for."""
    dealt_with, window, settlement = await settled(NotConnected("down", retry_after=30))
    assert dealt_with
    assert window.due().delivery.attempt == 1
    assert 29 < settlement.quiet <= 30


def test_everything_that_is_promised_can_be_imported():
    """Lazily: the package imports nothing by itself, and knows each of its names."""
    assert all(getattr(hub, name) for name in hub.__all__)
    assert set(hub.__all__) <= set(dir(hub))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = hub.nothing
