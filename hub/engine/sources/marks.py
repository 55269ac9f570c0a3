"""Marks of deliveries in little memory: sixteen bytes each, the oldest forgotten first.

Python's own sets take more than a hundred bytes for a mark. Here marks lie one behind the other in byte arrays, some
twenty in each, which are searched as a whole; and those that came one after the other lie in one portion, so that to
forget is to let go of a portion.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

SIZE = 16
"""Bytes of a mark."""
PORTIONS = 32
"""Portions into which the most marks that are known are split: so much more is forgotten at once than must be."""
_SPANS = 14
"""Portions into which the time is split, where fewer come."""
_CROWD = 16
"""Marks in one byte array, about: with fewer an array's own size counts, and with more the search takes longer."""


class Marks:
    """Which marks came within some time, up to a number.

    Args:
        bound: marks that are known at most.
        keep: how long a mark is known, unless more come than are.
        clock: gives the time, in seconds since 1970.
    """

    def __init__(self, bound: int, keep: timedelta, *, clock: Callable[[], float] = time.time) -> None:
        self._bound = bound
        self._keep = int(keep.total_seconds() * 1000)
        self._most = max(1, bound // PORTIONS)
        # A power of two, so that a mark's first bytes tell the array; digests spread evenly.
        self._mask = (1 << (self._most // _CROWD).bit_length()) - 1
        self._clock = clock
        self._portions: deque[_Portion] = deque()
        self._count = 0
        self._forgotten = 0
        self._until = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, mark: bytes) -> bool:
        index = int.from_bytes(mark[:4], "big") & self._mask
        # Written out, since this is done for every request and every portion.
        for portion in self._portions:
            array = portion.arrays[index]
            if array is not None:
                at = array.find(mark)
                while at >= 0 and at % SIZE:  # across two marks
                    at = array.find(mark, at + 1)
                if at >= 0:
                    return True
        return False

    def add(self, mark: bytes, at: int) -> None:
        """Takes in a mark.

        Args:
            mark: `SIZE` bytes of a digest.
            at: when it was made, in milliseconds since 1970; marks are given in about this order.
        """
        last = self._portions[-1] if self._portions else None
        if last is None or last.count >= self._most or at - last.oldest >= self._keep // _SPANS:
            last = _Portion(self._mask + 1, at)
            self._portions.append(last)
        last.add(mark, int.from_bytes(mark[:4], "big") & self._mask, at)
        self._count += 1
        if self._count > self._bound:
            self.forgot(self._portions[0].count, self._portions[0].newest)
            self._drop()

    def tidy(self) -> None:
        """Forgets what is older than it has to be known."""
        while self._portions and self._portions[0].newest < self.since:
            self._drop()

    def clear(self) -> None:
        """Forgets all."""
        self._portions.clear()
        self._count = self._forgotten = self._until = 0

    def forgot(self, count: int, until: int) -> None:
        """Takes note that so many marks, made until then, aren't known though they should be."""
        self._forgotten += count
        self._until = max(self._until, until)

    @property
    def forgotten(self) -> int:
        """Marks that were forgotten early, because too many came."""
        return self._forgotten

    @property
    def window(self) -> timedelta | None:
        """How far back marks are known, where that is less far than they should be; else None."""
        if self._until <= self.since:
            return None
        return timedelta(milliseconds=max(0, self._keep - (self._until - self.since)))

    @property
    def since(self) -> int:
        """What is older, in milliseconds since 1970, needn't be known."""
        return int(self._clock() * 1000) - self._keep

    def _drop(self) -> None:
        self._count -= self._portions.popleft().count


class _Portion:
    """Marks that came one after the other."""

    __slots__ = ("arrays", "count", "newest", "oldest")

    def __init__(self, arrays: int, at: int) -> None:
        self.arrays: list[bytearray | None] = [None] * arrays
        self.count = 0
        self.oldest = self.newest = at

    def add(self, mark: bytes, index: int, at: int) -> None:
        array = self.arrays[index]
        if array is None:
            self.arrays[index] = bytearray(mark)
        else:
            array += mark
        self.count += 1
        self.newest = max(self.newest, at)
