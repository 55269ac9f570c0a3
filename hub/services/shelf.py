"""A bounded store of answers, which gives up what is worth least."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, Literal, Protocol, TypeVar

from cachetools import Cache, FIFOCache, LFUCache, LRUCache


class Sized(Protocol):
    """What can be kept."""

    size: int


V = TypeVar("V", bound=Sized)

_KINDS: dict[str, type[Cache[Any, Any]]] = {"lru": LRUCache, "lfu": LFUCache, "fifo": FIFOCache}


def _size(value: Sized) -> int:
    return value.size


class Shelf(Generic[V]):
    """Values by key, within bounds of number and of bytes at once, of which cachetools knows one.

    Args:
        entries: values at most.
        size: bytes of them at most; a value that is larger by itself isn't kept.
        eviction: which goes first: the least recently used, the least frequently used, or the oldest.
    """

    def __init__(self, entries: int, size: int, eviction: Literal["lru", "lfu", "fifo"]) -> None:
        self._entries = entries
        self._values: Cache[Hashable, V] = _KINDS[eviction](size, getsizeof=_size)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return int(self._values.currsize)

    def get(self, key: Hashable) -> V | None:
        """A value; it counts as used."""
        return self._values.get(key)

    def put(self, key: Hashable, value: V) -> None:
        """Keeps a value, in place of the one that the key has."""
        if value.size > self._values.maxsize:
            self.pop(key)
            return
        if key not in self._values and len(self._values) >= self._entries:
            self._values.popitem()
        self._values[key] = value

    def pop(self, key: Hashable) -> None:
        """Gives up a value, if there is one."""
        self._values.pop(key, None)

    def clear(self) -> None:
        """Gives up all values."""
        self._values.clear()
