"""What a value is made of: fields of the event that are copied, computed with, or that decide.

A value is known by its structure as far as its expression shows it: of ``{"a": data.x, "b": size(data.y)}`` the field
``a`` is a copy of ``data.x`` with all that is in it, and ``b`` is computed of ``data.y``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from hub.routes.paths import EACH, Each, FieldPath
from hub.routes.writer import Source

How = Literal["copies", "computes", "decides"]
Step = str | Each


@dataclass(frozen=True)
class Read:
    """A field of the incoming event that a value depends on.

    Attributes:
        path: of the field.
        how: whether the value is the field's own, is computed of it, or only chosen by it.
        dynamic: whether the expression computes which field it is, so that this is only one of those that it may be.
        shallow: whether only its being there counts, and not what is in it.
    """

    path: FieldPath
    how: How = "copies"
    dynamic: bool = False
    shallow: bool = False

    def touches(self, field: FieldPath) -> bool:
        """Whether it reads a field, a part of it, or something that the field is a part of."""
        return meets(self.path, field) and not (self.shallow and len(field) > len(self.path))


@dataclass(frozen=True)
class Leaf:
    """A part of a value, and a field that it depends on.

    Attributes:
        at: where in the value.
        read: the field.
        source: the expression that says so; ``None`` where a field is simply kept.
        without: places in the value where the copy was dropped or replaced.
    """

    at: FieldPath
    read: Read
    source: Source | None = None
    without: frozenset[FieldPath] = field(default_factory=frozenset)


class Value(ABC):
    """What is known of a value."""

    @abstractmethod
    def below(self, step: Step) -> Value:
        """A field or element of it."""

    @abstractmethod
    def leaves(self) -> Iterator[Leaf]:
        """All that it depends on."""

    def at(self, path: Iterable[Step]) -> Value:
        """A part of it."""
        value: Value = self
        for step in path:
            value = value.below(step)
        return value

    def reads(self, how: How | None = None) -> frozenset[Read]:
        """The fields that it depends on.

        Args:
            how: what the dependence becomes when something is made of this value: ``computes`` or ``decides``.
        """
        found = (leaf.read for leaf in self.leaves())
        if how is None:
            return frozenset(found)
        return frozenset(replace(each, how="decides" if each.how == "decides" else how) for each in found)


@dataclass(frozen=True)
class Copy(Value):
    """A field of the event, as it is."""

    path: FieldPath
    dynamic: bool = False

    def below(self, step: Step) -> Value:
        """A field of the field."""
        return Copy((*self.path, step), self.dynamic)

    def leaves(self) -> Iterator[Leaf]:
        """Itself."""
        yield Leaf((), Read(self.path, "copies", self.dynamic))


@dataclass(frozen=True)
class Computed(Value):
    """Something of which only the ingredients are known."""

    of: frozenset[Read] = frozenset()

    def below(self, step: Step) -> Value:  # noqa: ARG002  any part may depend on any ingredient
        """The same: any part may depend on any ingredient."""
        return self

    def leaves(self) -> Iterator[Leaf]:
        """The ingredients."""
        for read in sorted(self.of, key=lambda each: (str(each.path), each.how)):
            yield Leaf((), read)


NOTHING = Computed()
"""What isn't there; told from a constant by identity."""
CONSTANT = Computed()
"""Something that depends on no event."""


@dataclass(frozen=True)
class Made(Value):
    """A map or list that is written out.

    Attributes:
        parts: its fields; the elements of a list are together one part, named `EACH`.
        rest: of fields whose names are computed.
    """

    parts: Mapping[Step, Value]
    rest: Value = NOTHING

    def below(self, step: Step) -> Value:
        """A part."""
        if step in self.parts:
            found = self.parts[step]
        elif EACH in self.parts:
            found = self.parts[EACH]
        elif step is EACH:
            found = either(self.parts.values())
        else:
            found = NOTHING
        return found if self.rest is NOTHING else either((found, self.rest))

    def leaves(self) -> Iterator[Leaf]:
        """Those of all parts."""
        for step, value in self.parts.items():
            for leaf in value.leaves():
                yield moved(leaf, (step,))
        for leaf in self.rest.leaves():
            yield moved(leaf, (EACH,))


@dataclass(frozen=True)
class Either(Value):
    """One of several values.

    Attributes:
        values: those that it may be.
        decided: what decides which.
    """

    values: tuple[Value, ...]
    decided: frozenset[Read] = frozenset()

    def below(self, step: Step) -> Value:
        """A part of each of them."""
        return Either(tuple(each.below(step) for each in self.values), self.decided)

    def leaves(self) -> Iterator[Leaf]:
        """Those of all, and of the decision."""
        for value in self.values:
            yield from value.leaves()
        yield from Computed(self.decided).leaves()


@dataclass(frozen=True)
class Edited(Value):
    """A value of which parts were dropped or replaced.

    Attributes:
        base: as it was.
        changed: the parts that are something else now; `NOTHING` where they were dropped.
    """

    base: Value
    changed: Mapping[Step, Value]

    def below(self, step: Step) -> Value:
        """The part as it is now."""
        if step in self.changed:
            return self.changed[step]
        if step is EACH and self.changed:
            return either((self.base.below(step), *self.changed.values()))
        if EACH in self.changed:
            return self.changed[EACH]
        return self.base.below(step)

    def leaves(self) -> Iterator[Leaf]:
        """The base's where nothing changed, and those of what is new."""
        gone = frozenset((step,) for step in self.changed)
        for leaf in self.base.leaves():
            if not leaf.at:
                yield replace(leaf, without=leaf.without | gone)
            elif leaf.at[:1] not in gone:
                yield leaf
        for step, value in self.changed.items():
            for leaf in value.leaves():
                yield moved(leaf, (step,))


@dataclass(frozen=True)
class Written(Value):
    """A value with the expression that gives it."""

    value: Value
    source: Source

    def below(self, step: Step) -> Value:
        """A part, by the same expression."""
        return Written(self.value.below(step), self.source)

    def leaves(self) -> Iterator[Leaf]:
        """The value's, with the expression."""
        for leaf in self.value.leaves():
            yield replace(leaf, source=self.source)


def either(values: Iterable[Value]) -> Value:
    """One of several values."""
    found = tuple(each for each in values if each is not NOTHING)
    return found[0] if len(found) == 1 else Either(found) if found else NOTHING


def absent(value: Value) -> bool:
    """Whether there is no such value at all."""
    match value:
        case Written():
            return absent(value.value)
        case Either():
            return all(absent(each) for each in value.values)
    return value is NOTHING


def undecided(value: Value) -> Value:
    """A value without what decides which of several it is."""
    return Either(value.values) if isinstance(value, Either) else value


def moved(leaf: Leaf, below: FieldPath) -> Leaf:
    """A leaf of a part as a leaf of the whole."""
    return replace(leaf, at=below + leaf.at, without=frozenset(below + each for each in leaf.without))


def meets(path: FieldPath, other: FieldPath) -> bool:
    """Whether one path leads to the other's field, or to a part of it, or it is a part of that."""
    return all(a == b or a is EACH or b is EACH for a, b in zip(path, other, strict=False))


def arrives(field: FieldPath, leaf: Leaf) -> FieldPath | None:
    """Where in a value a field arrives by a leaf; ``None`` if it doesn't.

    Of a copied object its fields arrive below the copy; of one that is computed with nothing more is known.
    """
    if not leaf.read.touches(field):
        return None
    rest = field[len(leaf.read.path) :] if leaf.read.how == "copies" else ()
    place = leaf.at + rest
    if any(len(each) <= len(place) and meets(each, place) for each in leaf.without):
        return None
    return place
