"""A bounded store of answers, which gives up what is worth least."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Literal, Protocol, TypeVar


class Sized(Protocol):
    """What can be kept."""

    size: int


V = TypeVar("V", bound=Sized)


class Shelf(Generic[V]):
    """Values by key, within bounds of number and of bytes.

    ``lfu`` keeps, for each number of uses, the keys that were used as often, as in Shah, Mitra, Matani, "An O(1)
    algorithm for implementing the LFU cache eviction scheme" (2010); of those the one that got there first goes first.

    Args:
        entries: values at most.
        size: bytes of them at most; a value that is larger by itself isn't kept.
        eviction: which goes first.
    """

    def __init__(self, entries: int, size: int, eviction: Literal["lru", "lfu", "fifo"]) -> None:
        self._entries = entries
        self._limit = size
        self._eviction = eviction
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._uses: dict[Hashable, int] = {}
        self._by_uses: dict[int, OrderedDict[Hashable, None]] = {}
        self.size = 0
        """Bytes of all values."""
        self.evicted = 0
        """How many have been given up."""

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """A value; it counts as used."""
        value = self._values.get(key)
        if value is None:
            return None
        if self._eviction == "lru":
            self._values.move_to_end(key)
        elif self._eviction == "lfu":
            uses = self._forget_uses(key)
            self._note_uses(key, uses + 1)
        return value

    def put(self, key: Hashable, value: V) -> None:
        """Keeps a value, in place of the one that the key has, which counts as a use of it."""
        before = self._values.get(key)
        if value.size > self._limit:
            self.pop(key)
            return
        if before is not None:
            self.size -= before.size
            self._values[key] = value
            self.get(key)
        else:
            if len(self._values) >= self._entries:
                self._evict()
            self._values[key] = value
            if self._eviction == "lfu":
                self._note_uses(key, 1)
        self.size += value.size
        while self.size > self._limit:
            self._evict(but=key)

    def pop(self, key: Hashable) -> None:
        """Gives up a value, if there is one."""
        value = self._values.pop(key, None)
        if value is not None:
            self.size -= value.size
            if self._eviction == "lfu":
                self._forget_uses(key)

    def clear(self) -> None:
        """Gives up all values."""
        self._values.clear()
        self._uses.clear()
        self._by_uses.clear()
        self.size = 0

    def _evict(self, but: Hashable = None) -> None:
        """Gives up the one that is worth least, other than the one that was just put."""
        if self._eviction == "lfu":
            candidates = (key for uses in sorted(self._by_uses) for key in self._by_uses[uses])
        else:
            candidates = (key for key in self._values)
        key = next(each for each in candidates if each != but)
        self.pop(key)
        self.evicted += 1

    def _note_uses(self, key: Hashable, uses: int) -> None:
        self._uses[key] = uses
        self._by_uses.setdefault(uses, OrderedDict())[key] = None

    def _forget_uses(self, key: Hashable) -> int:
        uses = self._uses.pop(key)
        same = self._by_uses[uses]
        del same[key]
        if not same:
            del self._by_uses[uses]
        return uses
