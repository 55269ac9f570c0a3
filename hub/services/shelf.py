"""A bounded store of answers, which gives up what is worth least."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Literal, Protocol, TypeVar

from cachetools import LFUCache


class Sized(Protocol):
    """What can be kept."""

    size: int


V = TypeVar("V", bound=Sized)


class Shelf(Generic[V]):
    """Values by key, within bounds of number and of bytes at once, in the order in which they are given up.

    cachetools' `LFUCache` counts how often each is used; for the other orders a dictionary takes a third of the time.

    Args:
        entries: values at most.
        size: bytes of them at most; a value that is larger by itself isn't kept.
        eviction: which goes first: the least recently used, the least frequently used, or the oldest.
    """

    def __init__(self, entries: int, size: int, eviction: Literal["lru", "lfu", "fifo"]) -> None:
        self._entries = entries
        self._most = size
        self._uses: LFUCache[Hashable, None] | None = LFUCache(entries + 1) if eviction == "lfu" else None
        self._recent = eviction == "lru"
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self.size = 0
        """Bytes of all values."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """A value; it counts as used."""
        value = self._values.get(key)
        if value is not None:
            if self._recent:
                self._values.move_to_end(key)
            elif self._uses is not None:
                self._uses.get(key)
        return value

    def put(self, key: Hashable, value: V) -> None:
        """Keeps a value, in place of the one that the key has."""
        values, size = self._values, value.size
        if size > self._most:
            self.pop(key)
            return
        if (before := values.pop(key, None)) is not None:
            self.size -= before.size
        while values and (len(values) >= self._entries or self.size + size > self._most):
            if self._uses is None:
                self.size -= values.popitem(last=False)[1].size
            elif (given_up := values.pop(self._uses.popitem()[0], None)) is not None:
                self.size -= given_up.size
        values[key] = value
        self.size += size
        if self._uses is not None:
            self._uses[key] = None

    def pop(self, key: Hashable) -> None:
        """Gives up a value, if there is one."""
        value = self._values.pop(key, None)
        if value is not None:
            self.size -= value.size
            if self._uses is not None:
                self._uses.pop(key, None)

    def clear(self) -> None:
        """Gives up all values."""
        self._values.clear()
        self.size = 0
        if self._uses is not None:
            self._uses.clear()
