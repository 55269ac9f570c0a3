"""The open dead letters of a sink by key, and what came before what among those of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from pydantic import BaseModel, ConfigDict

from hub.engine.dlq.deadletter import Origin

_NONE: Mapping[Origin, Any] = MappingProxyType({})


class Held(BaseModel):
    """Keys of which a sink sends nothing new.

    Attributes:
        keys: how many have open dead letters.
        waiting: how many of these wait for replays that are on their way.
        waiting_seconds: for how long the first of them does.
        deleted: dead letters that held a key and were deleted by retention, so that it goes on without them.
        strays: replays whose end nobody had noted, so that their keys went on without that.
    """

    model_config = ConfigDict(frozen=True)

    keys: int = 0
    waiting: int = 0
    waiting_seconds: float = 0.0
    deleted: int = 0
    strays: int = 0

    def __str__(self) -> str:
        """In a line, for people; empty where there is nothing to say."""
        parts = [f"{self.keys} keys are held by dead letters"] if self.keys else []
        if self.waiting:
            parts.append(f"{self.waiting} of them wait for replays, for {self.waiting_seconds:.0f} s at most")
        if self.deleted:
            parts.append(f"retention deleted {self.deleted} dead letters that held keys")
        return ", ".join(parts)


class Order(NamedTuple):
    """A letter's place in its key's order: that of the first letter of the same event.

    Attributes:
        time: the latest timestamp on its partition up to it, in milliseconds. Workers' clocks differ, so a later letter
            may have an earlier timestamp of its own.
        place: where that letter lies.
    """

    time: int
    place: Origin

    def before(self, other: Order) -> bool:
        """Whether it comes first: on one partition the offset says so, and among several there is but the time."""
        if self.place[:2] == other.place[:2]:
            return self.place.offset < other.place.offset
        return self < other


@dataclass(slots=True)
class Letter:
    """An open dead letter.

    Attributes:
        order: when it is its turn.
        root: the letter of the same event whose place in the order it is to have, as long as that one wasn't met.
        line: letters of the same event in whose stead it holds the key.
    """

    order: Order
    root: Origin | None = None
    line: list[Origin] = field(default_factory=list)


class Letters:
    """Dead letters that hold their keys. They may be met in any order, for they lie on several partitions."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, dict[Origin, Letter]] = {}
        self._keys: dict[Origin, bytes] = {}
        self._instead: dict[Origin, Origin] = {}
        self._heirs: dict[Origin, set[Origin]] = {}
        self._times: dict[TopicPartition, int] = {}
        self._beginnings: dict[TopicPartition, int] = {}

    def of(self, key: bytes) -> Mapping[Origin, Letter]:
        """Those of a key, by their places."""
        return self._by_key.get(key, _NONE)

    def keys(self) -> int:
        """How many keys are held."""
        return len(self._by_key)

    def places(self) -> list[Origin]:
        """Where all of them lie, as of now."""
        return list(self._keys)

    def add(self, key: bytes, place: Origin, timestamp: int, root: Origin | None) -> None:
        """Takes a letter in; nothing happens where it is known, or where retention has deleted it.

        Args:
            key: of the event.
            place: where the letter lies.
            timestamp: of its record.
            root: the letter of which the event is the replay, if it is one.
        """
        partition = TopicPartition(place.topic, place.partition)
        time = self._times[partition] = max(timestamp, self._times.get(partition, timestamp))
        if place in self._keys or place in self._instead or self._is_deleted(place):
            return
        letter = Letter(Order(time, place))
        self._put(key, place, letter)
        if root is not None and root != place:
            earlier = self._find(root)
            self._follow(place, letter, root if earlier is None else earlier.root)
            if earlier is not None:
                letter.order = earlier.order
        for each in self._heirs.pop(place, ()):  # met before it
            heir = self._find(each)
            if heir is not None:
                heir.order = letter.order
                self._follow(each, heir, letter.root)

    def replace(self, place: Origin, again: Origin) -> bool:
        """A letter's replay has failed again, and lies elsewhere now: there it has the same place in the order.

        Returns:
            False where nothing holds the key in its stead: the letter isn't known, or the other one is deleted.
        """
        key = self._keys.get(place)
        if key is None:
            return False
        letter = self._by_key[key][place]
        root = letter.root
        self.drop(place)
        if self._is_deleted(again):
            return False
        heir = self._find(again)
        if heir is None:
            heir = Letter(letter.order)
            self._put(key, again, heir)
        heir.order = letter.order
        self._follow(again, heir, root)
        heir.line += [*letter.line, place]
        self._instead.update(dict.fromkeys(heir.line, again))
        return True

    def drop(self, place: Origin) -> None:
        """A letter holds nothing any more."""
        key = self._keys.pop(place, None)
        if key is None:
            return
        letters = self._by_key[key]
        letter = letters.pop(place)
        if not letters:
            del self._by_key[key]
        self._follow(place, letter, None)
        for each in letter.line:
            self._instead.pop(each, None)

    def _put(self, key: bytes, place: Origin, letter: Letter) -> None:
        self._keys[place] = key
        self._by_key.setdefault(key, {})[place] = letter

    def _find(self, place: Origin) -> Letter | None:
        """The letter at a place, or the one that holds the key in its stead."""
        place = self._instead.get(place, place)
        key = self._keys.get(place)
        return None if key is None else self._by_key[key][place]

    def _follow(self, place: Origin, letter: Letter, root: Origin | None) -> None:
        """Has a letter's order follow that of another one, once that is met."""
        if letter.root is not None and (heirs := self._heirs.get(letter.root)) is not None:
            heirs.discard(place)
            if not heirs:
                del self._heirs[letter.root]
        letter.root = root
        if root is not None:
            self._heirs.setdefault(root, set()).add(place)

    def delete(self, beginnings: Mapping[TopicPartition, int]) -> list[Origin]:
        """Lets go of letters that retention has deleted: nobody can replay or discard them any more.

        Args:
            beginnings: by partition the first offset that is left.

        Returns:
            Where they lay.
        """
        if all(self._beginnings.get(partition) == offset for partition, offset in beginnings.items()):
            return []
        self._beginnings.update(beginnings)
        deleted = [place for place in self._keys if self._is_deleted(place)]
        for place in deleted:
            self.drop(place)
        return deleted

    def _is_deleted(self, place: Origin) -> bool:
        return place.offset < self._beginnings.get(TopicPartition(place.topic, place.partition), 0)
