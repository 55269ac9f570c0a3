"""Successes and failures of the last while."""

from __future__ import annotations

_SLOTS = 10


class Rolling:
    """Counts over a window that moves on by a tenth of its length at a time. Times are seconds of any one clock."""

    __slots__ = ("_at", "_failed", "_slot", "_total", "failed", "total")

    def __init__(self, window: float) -> None:
        self._slot = window / _SLOTS
        self._total = [0] * _SLOTS
        self._failed = [0] * _SLOTS
        self._at = 0
        self.total = 0
        self.failed = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Counts one."""
        if int(now / self._slot) != self._at:
            self.move(now)
        index = self._at % _SLOTS
        self._total[index] += 1
        self.total += 1
        if failed:
            self._failed[index] += 1
            self.failed += 1

    def move(self, now: float) -> None:
        """Forgets what is over."""
        at = int(now / self._slot)
        if at == self._at:
            return
        for each in range(max(self._at + 1, at - _SLOTS + 1), at + 1):
            index = each % _SLOTS
            self.total -= self._total[index]
            self.failed -= self._failed[index]
            self._total[index] = self._failed[index] = 0
        self._at = max(self._at, at)

    def clear(self) -> None:
        """Forgets all."""
        self._total = [0] * _SLOTS
        self._failed = [0] * _SLOTS
        self.total = self.failed = 0
