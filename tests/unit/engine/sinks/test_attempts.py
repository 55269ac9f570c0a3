"""The deliveries of a batch: order per key, retries, and the position up to which everything is settled."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from hub.engine.dlq.deadletter import ROUTE
from hub.engine.sinks.attempts import RETRYING, Attempts, RetryPolicy, idempotency_key
from hub.sdk import Event, Transient


def record(offset: int, key: str | None = "a", partition: int = 0, headers: tuple = ()) -> SimpleNamespace:
    message = Event(type="t", source="/s", id=str(offset), data={}, partitionkey=key, headers=headers).to_kafka()
    return SimpleNamespace(topic="in", partition=partition, offset=offset, **message._asdict())


def test_one_delivery_per_key_is_due_at_a_time():
    """The second event of a key waits for the first; other keys don't."""
    attempts = Attempts("s", [record(0, "a"), record(1, "a"), record(2, "b")])
    first, other = attempts.due(10)
    assert (first.record.offset, other.record.offset) == (0, 2)
    attempts.settle(first)
    assert [pending.record.offset for pending in attempts.due(10)] == [1, 2]


def test_events_without_a_key_do_not_wait_for_each_other():
    """No key, no order."""
    assert len(Attempts("s", [record(0, None), record(1, None)]).due(10)) == 2


def test_no_more_than_the_limit_are_due():
    """Concurrency bounds what is under way."""
    assert len(Attempts("s", [record(n, str(n)) for n in range(9)]).due(4)) == 4


def test_a_failing_key_holds_back_only_itself():
    """While a key waits for its retry, the others go on; afterwards it is tried with a higher attempt."""
    attempts = Attempts("s", [record(0, "a"), record(1, "b"), record(2, "b")])
    failing, other = attempts.due(10)
    attempts.again(failing, 60.0)
    attempts.settle(other)
    assert [pending.record.offset for pending in attempts.due(10)] == [2]
    assert failing.delivery.attempt == 2
    attempts.settle(attempts.due(10)[0])
    assert 59 < attempts.wait() <= 60
    assert attempts.open == 1


def test_an_outage_uses_up_no_attempt():
    """What was held is due at once, with the attempt it had."""
    attempts = Attempts("s", [record(0)])
    (pending,) = attempts.due(1)
    attempts.hold(pending)
    assert attempts.due(1) == [pending]
    assert pending.delivery.attempt == 1


def test_positions_stand_at_the_lowest_open_offset_of_each_partition():
    """What lies after an open event is repeated after a restart, never what lies before it."""
    attempts = Attempts("s", [record(5, "a"), record(6, "b"), record(7, "c"), record(1, "d", partition=1)])
    five, six, seven, one = attempts.due(10)
    attempts.settle(seven)
    assert attempts.positions() == {}
    attempts.settle(five)
    attempts.settle(one)
    assert attempts.positions() == {("in", 0): 6, ("in", 1): 2}
    attempts.settle(six)
    assert attempts.positions() == {("in", 0): 8, ("in", 1): 2}
    assert attempts.done


def test_records_that_hold_no_event_are_named_and_hold_nothing_up():
    """Poison is not delivered; it waits to be dead-lettered and is part of the position."""
    poison = SimpleNamespace(topic="in", partition=0, offset=0, key=b"a", value=b"x", headers=())
    attempts = Attempts("s", [poison, record(1, "a")])
    ((pending, error),) = attempts.unreadable
    assert "expected a CloudEvent" in str(error)
    assert [due.record.offset for due in attempts.due(10)] == [1]
    attempts.settle(pending)
    assert attempts.positions() == {("in", 0): 1}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30), st.integers(1, 5))
def test_every_event_is_settled_once_and_in_order_of_its_key(plan, limit):
    """Whatever fails once and is tried again, each key's events settle in the order of their offsets."""
    attempts = Attempts("s", [record(offset, key) for offset, (key, _) in enumerate(plan)])
    fails = {offset for offset, (_, failing) in enumerate(plan) if failing}
    settled: list[int] = []
    while not attempts.done:
        for pending in attempts.due(limit):
            if pending.record.offset in fails:
                fails.discard(pending.record.offset)
                attempts.again(pending, 0.0)
            else:
                attempts.settle(pending)
                settled.append(pending.record.offset)
    assert sorted(settled) == list(range(len(plan)))
    for key in "abc":
        mine = [offset for offset in settled if plan[offset][0] == key]
        assert mine == sorted(mine)


def test_retries_end_by_count_by_time_and_obey_retry_after():
    """The far side's wish is the wait; used-up retries and time give None."""
    attempts = Attempts("s", [record(0)])
    (pending,) = attempts.due(1)
    policy = RetryPolicy(initial_interval=1.0, max_interval=4.0, max_retries=2)
    assert 0 <= policy.wait(pending, Transient("x")) <= 1.0
    assert policy.wait(pending, Transient("x", retry_after=17.0)) == 17.0
    pending.delivery.attempt = 3
    assert policy.wait(pending, Transient("x")) is None
    pending.delivery.attempt = 1
    hasty = RetryPolicy(initial_interval=1.0, max_interval=4.0, max_retries=2, max_elapsed_time=5.0)
    assert hasty.wait(pending, Transient("x", retry_after=60.0)) is None


def test_idempotency_keys_tell_routes_sinks_and_events_apart():
    """The same event by the same route to the same sink has one key; anything else another."""
    event = Event(type="t", source="/s", id="1", data={})
    routed = Event(type="t", source="/s", id="1", data={}, headers=[(ROUTE, b"r")])
    keys = {idempotency_key("a", event), idempotency_key("b", event), idempotency_key("a", routed)}
    keys.add(idempotency_key("a", Event(type="t", source="/other", id="1", data={})))
    assert len(keys) == 4
    assert idempotency_key("a", event) == idempotency_key("a", Event(type="u", source="/s", id="1", data={}))
    assert all(len(key) == 32 for key in keys)


def test_what_waits_for_another_attempt_can_be_told():
    """Where it lies, which attempt failed and why, and when the next is due; the oldest events first."""
    records = [record(n, str(n)) for n in range(RETRYING + 5)]
    for each in records:
        each.timestamp = 1_000 - each.offset // 20  # the last ones are the oldest
    attempts = Attempts("s", records)
    assert attempts.retrying() == []
    first, *others = attempts.due(100)
    attempts.settle(first)
    for pending in others:
        attempts.again(pending, 8.0, Transient("429 Too Many Requests"))
    told = attempts.retrying()
    assert [each.place for each in told][:6] == ["in-0@20", "in-0@21", "in-0@22", "in-0@23", "in-0@24", "in-0@1"]
    assert len(told) == RETRYING
    assert (told[0].attempt, told[0].cause) == (1, "429 Too Many Requests")
    assert 7 < (told[0].again - datetime.now(UTC)).total_seconds() <= 8
    for pending in others:
        attempts.hold(pending)
    assert attempts.retrying() == []
