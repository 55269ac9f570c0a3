"""The events that a subscriber holds: which are due, and up to where everything is settled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hub.engine.sinks.attempts import Attempts, Pending
from hub.sdk.errors import InvalidEvent

EVENTS = 500
"""Events that are open at most; a key that fails for long has room for others beside it."""
SPAN = 5_000
"""Events that are held at most, with those settled past an open one: so many may be handled again after a crash."""
BYTES = 64 * 2**20
"""Bytes of payload after which no more are fetched."""


class Window:
    """Events fetched since one rebalance; with the next one it is stale, and what isn't settled is read again.

    Attributes:
        generation: the reader's, of these events.
        committed: positions that the group has.
    """

    def __init__(self, group: str, generation: int) -> None:
        self.generation = generation
        self.committed: dict[tuple[str, int], int] = {}
        self._attempts = Attempts(group, [])
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether no more should be fetched."""
        if self._attempts.open >= EVENTS:
            return True
        if self._attempts.held < SPAN and self._bytes < BYTES:
            return False
        self._attempts.positions()  # lets go of what is settled
        self._bytes = self._attempts.held_bytes
        return self._attempts.held >= SPAN or self._bytes >= BYTES

    def take(self, records: Sequence[Any]) -> list[tuple[Pending, InvalidEvent]]:
        """Takes in fetched records, and gives back those that hold no event."""
        self._attempts.add(records)
        self._bytes += sum(len(record.value or b"") for record in records)
        unreadable, self._attempts.unreadable = self._attempts.unreadable, []
        return unreadable

    def due(self) -> Pending | None:
        """The next event whose time has come, none of whose key is under way."""
        due = self._attempts.due(1)
        return due[0] if due else None

    def wait(self) -> float:
        """Seconds until another is due by itself; infinite where none is."""
        return math.inf if self._attempts.done else self._attempts.wait()

    def hand_out(self, pending: Pending) -> None:
        """Notes that an event is under way; its key waits."""
        pending.not_before = math.inf

    def settle(self, pending: Pending) -> None:
        """Handled, or dead-lettered."""
        self._attempts.settle(pending)

    def again(self, pending: Pending, wait: float) -> None:
        """Failed; comes again after so many seconds."""
        self._attempts.again(pending, wait)

    def hold(self, pending: Pending) -> None:
        """Not handled; comes again as if it had not been handed out."""
        self._attempts.hold(pending)

    def uncommitted(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → position, where that is further than the committed one."""
        return {
            partition: position
            for partition, position in self._attempts.positions().items()
            if self.committed.get(partition) != position
        }
