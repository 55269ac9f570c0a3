"""Which records may go out: order per key, never two of a key, whatever fails, waits, comes back or is taken away."""

from __future__ import annotations

from types import SimpleNamespace

import hypothesis.strategies as st
from aiokafka import TopicPartition
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from hub.engine.dlq.deadletter import REPLAYS
from hub.engine.reading.frontier import decode
from hub.engine.sinks.intake import Intake
from hub.engine.sinks.schedule import OVERHEAD, Parcel, Schedule
from hub.sdk import Transient

PARTITIONS = 2


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(
    offset: int, key: str | None = "a", partition: int = 0, size: int = 0, headers: tuple = ()
) -> SimpleNamespace:
    return SimpleNamespace(
        topic="in", partition=partition, offset=offset, key=key and key.encode(), value=b"x" * size, headers=headers
    )


def offsets(parcels: list[Parcel]) -> list[int]:
    return [parcel.record.offset for parcel in parcels]


def add(made: Schedule, record_: SimpleNamespace) -> Parcel:
    return made.add(record_, TopicPartition(record_.topic, record_.partition))


def schedule(*records: SimpleNamespace) -> tuple[Schedule, Clock]:
    clock = Clock()
    made = Schedule(clock)
    for each in records:
        add(made, each)
    return made, clock


def fail(made: Schedule, parcel: Parcel, wait: float) -> None:
    parcel.delivery = parcel.delivery or SimpleNamespace(attempt=1)
    made.again(parcel, wait, Transient("no"))


def test_one_record_per_key_goes_out_at_a_time_the_oldest_first():
    """The second of a key waits for the first; other keys don't; no key, no order."""
    made, _ = schedule(*[record(n, key) for n, key in enumerate(["a", "a", "b", None, None, "c"])])
    first = made.take(4)
    assert offsets(first) == [0, 2, 3, 4]
    made.settle(first[0])
    assert offsets(made.take(10)) == [1, 5]


def test_a_key_that_waits_for_another_attempt_holds_back_only_itself():
    """Others go on; it comes again when its time has come, with a higher attempt."""
    made, clock = schedule(record(0, "a"), record(1, "a"), record(2, "b"), record(3, "b"))
    a, b = made.take(10)
    fail(made, a, 5.0)
    made.settle(b)
    assert offsets(made.take(10)) == [3]
    assert made.wait == 5.0
    assert [parcel.record.offset for parcel in made.failing()] == [0]
    clock.now = 5.0
    (again,) = made.take(10)
    assert (again, again.attempt) == (a, 2)
    made.settle(again)
    assert made.wait is None
    assert list(made.failing()) == []
    assert offsets(made.take(10)) == [1]


def test_several_of_a_key_go_out_together_in_order_where_the_sink_takes_that():
    """They are a group that nothing of the key overtakes: what follows waits until all of it is back."""
    made, _ = schedule(*[record(n, key) for n, key in enumerate("abaab")])
    taken = made.take(4, several=True)
    assert offsets(taken) == [0, 1, 2, 3]
    assert made.take(4, several=True) == []
    made.settle(taken[0])
    made.back(taken[2])
    made.back(taken[3])
    assert offsets(made.take(4, several=True)) == [2, 3]
    made.settle(taken[1])
    assert offsets(made.take(4, several=True)) == [4]


def test_what_is_under_way_over_a_rebalance_is_not_taken_twice():
    """The partition came back while the call was under way: its outcome counts, and its key waits for it."""
    made, _ = schedule(record(0, "a"), record(1, "a"))
    (zero,) = made.take(10)
    assert made.clear() == 2
    assert zero.stale
    assert add(made, record(0, "a")) is zero
    add(made, record(1, "a"))
    assert made.take(10) == []
    made.settle(zero)
    assert offsets(made.take(10)) == [1]
    assert made.open == 1


def test_what_is_under_way_over_a_rebalance_holds_its_key_back_and_ends_for_itself():
    """The partition is another worker's now, but other partitions hold the same key."""
    made, _ = schedule(record(0, "a"))
    (zero,) = made.take(10)
    made.clear()
    add(made, record(7, "a", partition=1))
    assert made.take(10) == []
    fail(made, zero, 60.0)
    assert offsets(made.take(10)) == [7]
    assert list(made.failing()) == []


def test_the_last_word_is_the_last_events():
    """Where something before a stale record of its key is read again, the record goes out again after it."""
    made, _ = schedule(record(5, "a"))
    (five,) = made.take(10)
    made.clear()
    add(made, record(4, "a"))
    assert add(made, record(5, "a")) is not five
    made.settle(five)
    (four,) = made.take(10)
    made.settle(four)
    assert offsets(made.take(10)) == [5]


def test_replays_go_first_where_the_rest_waits_for_them():
    """In their own order, behind what is under way; else nothing of the key would ever go out again."""
    clock = Clock()
    made = Schedule(clock, replays_first=True)
    for n in range(3):
        add(made, record(n, "a"))
    (zero,) = made.take(10)
    made.put_off(zero, 60.0)
    for n in (10, 11):
        add(made, record(n, "a", 1, headers=((REPLAYS, b"1"),)))
    for expected in (10, 11):
        (replay,) = made.take(10)
        assert replay.record.offset == expected
        made.settle(replay)
    assert made.take(10) == []
    clock.now = 60.0
    assert made.take(10) == [zero]


def test_what_is_held_is_counted_in_bytes():
    """Until it is settled."""
    made, _ = schedule(record(0, "a", size=100), record(1, "b", size=50))
    assert made.bytes == 152 + 2 * OVERHEAD
    made.settle(made.take(1)[0])
    assert made.bytes == 51 + OVERHEAD


def test_partitions_are_read_on_when_half_of_their_share_is_free():
    """Each has its own share, so that one with a key that is stuck doesn't stop the others."""
    intake = Intake(limit=80 * (OVERHEAD + 101), clock=Clock())
    zero, one = TopicPartition("in", 0), TopicPartition("in", 1)
    many = [record(n, f"{n}", size=100 - len(str(n)) + 1) for n in range(40)]
    assert intake.take({zero: many, one: [record(0, "x", 1, 100)]}, {}) == 41
    assert intake.full({zero, one}) == {zero}
    parcels = [each for each in intake.schedule.take(100) if each.record.partition == 0]
    for parcel in parcels[:20]:
        intake.settle(parcel)
    assert intake.full({zero, one}) == {zero}
    for parcel in parcels[20:21]:
        intake.settle(parcel)
    assert intake.full({zero, one}) == set()


class Sink(RuleBasedStateMachine):
    """A sink that fails, waits and loses its partitions, beside a model of what must hold."""

    under_way = Bundle("under_way")

    @initialize(several=st.booleans())
    def begin(self, *, several: bool) -> None:
        self.clock = Clock()
        self.several = several
        self.intake = Intake(limit=0, clock=self.clock)
        self.log = [[] for _ in range(PARTITIONS)]
        self.positions = [0] * PARTITIONS
        self.notes = [""] * PARTITIONS
        self.read = [0] * PARTITIONS
        self.delivered: list[set[int]] = [set() for _ in range(PARTITIONS)]
        self.remembered: list[set[int]] = [set() for _ in range(PARTITIONS)]
        self.out: dict[int, list[Parcel]] = {}
        self.calls = 0
        self.order: dict[bytes, list[tuple[int, int]]] = {}

    @rule(partition=st.integers(0, PARTITIONS - 1), keys=st.lists(st.sampled_from(["a", "b", "c", None]), max_size=6))
    def produce(self, partition: int, keys: list[str | None]) -> None:
        # A key lives on one partition, as Kafka's partitioner has it.
        keys = [None if key is None else f"{key}{partition}" for key in keys]
        log = self.log[partition]
        log += [record(len(log) + n, key, partition) for n, key in enumerate(keys)]

    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(1, 8))
    def fetch(self, partition: int, count: int) -> None:
        start = self.read[partition]
        records = self.log[partition][start : start + count]
        if records:
            self.read[partition] = start + len(records)
            at = TopicPartition("in", partition)
            taken = self.intake.take({at: records}, {at: (self.positions[partition], self.notes[partition])})
            fresh = [each for each in records if each.offset not in self.remembered[partition]]
            assert taken == len(fresh)

    @rule(target=under_way, limit=st.integers(1, 5))
    def send(self, limit: int) -> int:
        taken = self.intake.schedule.take(limit, several=self.several)
        busy = {parcel.record.key for call in self.out.values() for parcel in call if parcel.record.key}
        keys = [parcel.record.key for parcel in taken if parcel.record.key]
        assert not busy & set(keys), "two of a key under way in two calls"
        assert self.several or len(keys) == len(set(keys)), "two of a key in one call"
        for key in set(keys):
            mine = [parcel.record.offset for parcel in taken if parcel.record.key == key]
            assert mine == sorted(mine)
        assert all(parcel.due <= self.clock.now for parcel in taken), "before its time"
        self.calls += 1
        self.out[self.calls] = taken
        return self.calls

    @rule(call=consumes(under_way), failing=st.sets(st.integers(0, 4)), wait=st.sampled_from([0.0, 3.0]))
    def end(self, call: int, failing: set[int], wait: float) -> None:
        stopped = set()
        for index, parcel in enumerate(self.out.pop(call)):
            if parcel.lane in stopped:
                self.intake.schedule.back(parcel)
            elif index in failing:
                stopped.add(parcel.lane)
                fail(self.intake.schedule, parcel, wait)
            else:
                self.deliver(parcel)

    def deliver(self, parcel: Parcel) -> None:
        record_ = parcel.record
        if record_.key is not None and not parcel.stale:
            earlier = [each.offset for each in self.log[record_.partition][: record_.offset] if each.key == record_.key]
            assert set(earlier) <= self.delivered[record_.partition], "overtook another of its key"
        self.delivered[record_.partition].add(record_.offset)
        self.intake.settle(parcel)

    @rule(seconds=st.sampled_from([1.0, 5.0]))
    def tick(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(room=st.sampled_from([0, 12, 500]))
    def commit(self, room: int) -> None:
        commit = self.intake.uncommitted()
        for at, position in commit.offsets.items():
            partition = at.partition
            assert set(range(position)) <= self.delivered[partition], "committed what is not settled"
            self.positions[partition], self.notes[partition] = position, commit.notes[at](room)
        self.intake.committed(commit)

    @rule()
    def rebalance(self) -> None:
        """The partitions are taken away, and come back."""
        self.intake.clear()
        for partition, (position, note) in enumerate(zip(self.positions, self.notes, strict=True)):
            settled = set(decode(note, position))
            assert settled <= self.delivered[partition]
            self.remembered[partition] = settled
        self.read = list(self.positions)

    @precondition(lambda self: not self.out)
    @rule()
    def drain(self) -> None:
        """Nothing is ever forgotten: left alone, everything that was read goes out."""
        self.clock.now += 100.0
        while taken := self.intake.schedule.take(10, several=self.several):
            for parcel in taken:
                self.deliver(parcel)
        assert self.intake.schedule.open == 0
        assert self.intake.schedule.bytes == 0
        for partition, read in enumerate(self.read):
            assert set(range(read)) <= self.delivered[partition]

    @invariant()
    def counts(self) -> None:
        if hasattr(self, "intake"):
            assert self.intake.schedule.under_way == sum(map(len, self.out.values()))


TestSink = Sink.TestCase
TestSink.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
