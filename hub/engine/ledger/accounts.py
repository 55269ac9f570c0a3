"""What became of a unit's events, per input partition and since the unit's first start.

It is written into the note of each committed position (see `hub.engine.reading.positions`), so that it changes in the
same commit as the position, or in the same transaction, and is as exact as that. Whoever gets the partition goes on
from there. Two ways to count:

- What is settled batch by batch, in the order of the partition (routes): put it into `open`, write `note` with the
  position, and `commit` or `abort` when it is known what became of that.
- What is settled one by one and out of order (sinks): tell `settle` of each event, and write `note` with the position
  and with the offsets behind it that are remembered as settled, too. What a crash would repeat isn't counted yet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, Self

import orjson
from aiokafka import TopicPartition

LIMIT = 1024
"""Characters that an account takes in a note at most; Kafka gives the note 4,096 (``offset.metadata.max.bytes``)."""
OTHER = "other"
"""Where the rarest reasons are counted when there are too many to be told apart within the limit."""
_LONGEST = 64
_FOUND = re.compile(r"(?:^| )ledger=(\{\S*\})")
Fate = Literal["delivered", "filtered", "dead_lettered"]


class Counts:
    """What became of some events.

    Attributes:
        taken: events that were read; counted when they come, and not from what became of them.
        delivered, filtered, dead_lettered: what became of them; the latter by reason and by error.
        replayed: how many of them came back from a dead letter queue.
        origin: the offset at which counting began; None where that isn't known.
    """

    __slots__ = ("dead_lettered", "delivered", "filtered", "origin", "replayed", "taken")

    def __init__(self, origin: int | None = None) -> None:
        self.origin = origin
        self.taken = 0
        self.delivered = 0
        self.filtered: Counter[str] = Counter()
        self.dead_lettered: Counter[str] = Counter()
        self.replayed = 0

    def add(self, other: Counts) -> None:
        """Counts in what another one has counted."""
        self.taken += other.taken
        self.delivered += other.delivered
        self.filtered.update(other.filtered)
        self.dead_lettered.update(other.dead_lettered)
        self.replayed += other.replayed

    def plus(self, other: Counts | None) -> Counts:
        """Both together, as a new one."""
        made = Counts(self.origin)
        made.add(self)
        if other is not None:
            made.add(other)
        return made

    @property
    def settled(self) -> int:
        """Events whose fate is known; as many as were taken, or something doesn't add up."""
        return self.delivered + self.filtered.total() + self.dead_lettered.total()

    def to_note(self, limit: int = LIMIT) -> str:
        """As it stands in a position's note: no blanks, ASCII, at most so many characters."""
        filtered, dead_lettered = _named(self.filtered), _named(self.dead_lettered)
        while True:
            parts = {
                "o": self.origin,
                "t": self.taken,
                "d": self.delivered,
                "f": filtered,
                "x": dead_lettered,
                "r": self.replayed,
            }
            text = _ascii(orjson.dumps({name: value for name, value in parts.items() if value or name == "o"}).decode())
            if len(text) <= limit or not _folded(filtered, dead_lettered):
                return text

    @classmethod
    def of_note(cls, text: str) -> Self | None:
        """The account in a position's note; None where there is none that can be read."""
        found = _FOUND.search(text)
        if found is None:
            return None
        try:
            parts = orjson.loads(found[1])
            made = cls(parts.get("o"))
            made.taken, made.delivered, made.replayed = (int(parts.get(name, 0)) for name in "tdr")
            made.filtered.update({str(name): int(count) for name, count in parts.get("f", {}).items()})
            made.dead_lettered.update({str(name): int(count) for name, count in parts.get("x", {}).items()})
        except (ValueError, TypeError, AttributeError):
            return None
        return made


class Accounts:
    """The accounts of a unit's partitions, in one worker."""

    def __init__(self) -> None:
        self._kept: dict[TopicPartition, Counts] = {}
        self._open: dict[TopicPartition, Counts] = {}
        self._overtaken: list[Counts] = []
        self._one_by_one: dict[TopicPartition, dict[int, tuple[Fate, str, bool]]] = {}

    def restore(self, found: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Takes over partitions as their notes say; of all others nothing is known any more.

        Args:
            found: position and note of each. Where the note holds no account, counting begins at the position.
        """
        self._kept = {at: Counts.of_note(note) or Counts(position) for at, (position, note) in found.items()}
        # A commit of it may be under way, and then it is in the notes already.
        self._overtaken += self._open.values()
        self._open.clear()
        self._one_by_one.clear()

    def open(self, at: TopicPartition) -> Counts:
        """What is counted with the next commit of a partition; to be counted into."""
        counts = self._open.get(at)
        if counts is None:
            counts = self._open[at] = Counts()
        return counts

    def settle(self, at: TopicPartition, offset: int, fate: Fate, reason: str = "", *, replayed: bool = False) -> None:
        """Notes what became of one event; of a partition that is no longer ours, nothing.

        Args:
            at: its partition.
            offset: its place there; an event that is settled twice counts once.
            fate: what became of it.
            reason: of a filtered one; the error of a dead-lettered one.
            replayed: whether it came back from a dead letter queue.
        """
        if at in self._kept:
            self._one_by_one.setdefault(at, {})[offset] = (fate, reason, replayed)

    def note(self, at: TopicPartition, position: int, beyond: Collection[int] = (), limit: int = LIMIT) -> str:
        """What to write with a position, as ``ledger=…``.

        Args:
            at: the partition.
            position: of the next event that isn't settled.
            beyond: offsets from there on that are remembered with it as settled.
            limit: characters that the account may take.
        """
        counts = self._kept.get(at, Counts(position)).plus(self._open.get(at))
        for offset, each in self._one_by_one.get(at, {}).items():
            if offset < position or offset in beyond:
                _count(counts, *each)
        return f"ledger={counts.to_note(limit)}"

    def commit(self) -> Counts:
        """What `open` holds is committed. Gives all of it together."""
        for at, counts in self._open.items():
            self._kept.setdefault(at, Counts()).add(counts)
        total = combined((*self._open.values(), *self._overtaken))
        self.abort()
        return total

    def abort(self) -> None:
        """What `open` holds counts for nothing: it will be read again."""
        self._open.clear()
        self._overtaken.clear()

    def committed(self, at: TopicPartition, position: int, beyond: Collection[int] = ()) -> None:
        """What `note` gave with the same arguments is committed."""
        waiting = self._one_by_one.get(at, {})
        kept = self._kept.get(at)
        for offset in [each for each in waiting if each < position or each in beyond]:
            each = waiting.pop(offset)
            if kept is not None:
                _count(kept, *each)

    def total(self) -> Counts:
        """All partitions together, as committed."""
        return combined(self._kept.values())


def _count(counts: Counts, fate: Fate, reason: str, replayed: bool) -> None:  # noqa: FBT001  as it is kept
    counts.taken += 1
    counts.replayed += replayed
    if fate == "delivered":
        counts.delivered += 1
    else:
        getattr(counts, fate)[reason] += 1


def _named(counter: Mapping[str, int]) -> dict[str, int]:
    named: Counter[str] = Counter()
    for name, count in counter.items():
        named[name[:_LONGEST]] += count
    return {name: count for name, count in named.items() if count}


def _folded(*counters: dict[str, int]) -> bool:
    """Counts the rarest reason of all among the others; False where there is none left to fold."""
    rare: list[tuple[int, dict[str, int], str]] = [
        (count, counter, name) for counter in counters for name, count in counter.items() if name != OTHER
    ]
    if not rare:
        return False
    count, counter, name = min(rare, key=lambda each: (each[0], each[2]))
    del counter[name]
    counter[OTHER] = counter.get(OTHER, 0) + count
    return True


def _ascii(text: str) -> str:
    """JSON without blanks, which end a part of a note, and without characters that take several bytes."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(each if "!" <= each <= "~" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    units: Any = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def combined(counts: Iterable[Counts]) -> Counts:
    """Several accounts as one."""
    total = Counts()
    for each in counts:
        total.add(each)
    return total
