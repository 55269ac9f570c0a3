"""What is known of values at a place of an expression, beyond their types: what tests before it have shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from hub.contracts.shape import DYN, NEVER, NUMBERS, LazyFields, Shape
from hub.contracts.shape_constants import CONSTANT, among
from hub.contracts.shape_union import constants, of_variants, overlap, union

Path: TypeAlias = tuple[str | int, ...]
"""A name, then fields and places in lists."""
Facts: TypeAlias = Mapping[Path, Shape]
"""What is known of the values at some paths. A path that is in it can be read without an error."""


def join(*facts: Facts | None) -> Facts | None:
    """What is known where one of several is true; ``None`` stands for what is never true."""
    possible = [each for each in facts if each is not None]
    if len(possible) <= 1:
        return possible[0] if possible else None
    first, *others = possible
    return {
        path: union(shape, *(each[path] for each in others))
        for path, shape in first.items()
        if all(path in each for each in others)
    }


def at(path: Path, facts: Facts, roots: Mapping[str | int, Shape]) -> Shape:
    """The shape of the value at a path."""
    known = facts.get(path)
    if known is not None:
        return known
    if len(path) == 1:
        return roots.get(path[0], DYN)
    return step(at(path[:-1], facts, roots), path[-1])


def step(shape: Shape, key: str | int) -> Shape:
    """The shape of a field or an element."""
    if isinstance(key, int):
        return (shape.items or DYN) if "list" in shape.kinds else DYN
    return shape.field(key) or DYN


def refined(facts: Facts, path: Path, shape: Shape, roots: Mapping[str | int, Shape]) -> Facts | None:
    """What is known once the value at a path has a shape; ``None`` where there is no such value.

    Where the value of a field tells variants of its object apart, the object is known better, too.
    """
    if shape is NEVER:
        return None
    found: Facts = {**facts, path: shape}
    if len(path) > 1 and isinstance(field := path[-1], str):
        parent = at(path[:-1], facts, roots)
        if parent.variants:
            left = [each for each in parent.variants if overlap(each.field(field) or NEVER, shape)]
            if len(left) < len(parent.variants):
                return refined(found, path[:-1], of_variants(parent.only(("map",)), left), roots)
    return found


def present(facts: Facts, path: Path, roots: Mapping[str | int, Shape]) -> Facts | None:
    """What is known once a path was read: all above its end is there, and holds what it was asked for."""
    found: Facts | None = facts
    for length in range(1, len(path)):
        assert found is not None
        key = path[length]
        parent = at(path[:length], found, roots)
        if "optional_type" in parent.kinds:
            return found
        holder = parent.only(("map",) if isinstance(key, str) else ("list", "map"))
        if holder is not parent:
            found = refined(found, path[:length], holder, roots)
            if found is None:
                return None
        below = path[: length + 1]
        if below in found:
            continue
        if isinstance(key, str) and holder.variants:
            with_field = [each for each in holder.variants if each.field(key) is not None]
            if len(with_field) < len(holder.variants):
                holder = of_variants(holder, with_field)
                found = refined(found, path[:length], holder, roots)
                if found is None:
                    return None
        if not (isinstance(key, str) and key in holder.required):
            found = {**found, below: step(holder, key)}
    return found


def absent(facts: Facts, path: Path, roots: Mapping[str | int, Shape]) -> Facts | None:
    """What is known once an object, which was there, lacks a field."""
    above = present(facts, path[:-1], roots)
    if above is None:
        return None
    parent = at(path[:-1], above, roots)
    objects = parent.objects
    if not objects:
        return above
    without = [each for each in objects if path[-1] not in each.required]
    if not without or path in facts:
        return None
    return refined(above, path[:-1], of_variants(parent.only(("map",)), without), roots) if parent.variants else above


def equalled(shape: Shape, other: Shape) -> Shape:
    """What a value is, once it is equal to one of another shape."""
    if not other.kinds:
        return shape
    if not overlap(shape, other):
        return NEVER
    kinds = other.kinds | NUMBERS if other.kinds & NUMBERS else other.kinds
    left = shape.only(kinds)
    if left is NEVER or other.enum is None:
        return left
    if left.enum is not None:
        enum: tuple[Any, ...] = tuple(value for value in left.enum if among(value, other.enum))
    elif left.kinds & NUMBERS:
        return left
    else:
        enum = tuple(value for value in other.enum if CONSTANT.get(type(value)) in left.kinds)
    return left.changed(enum=enum, kinds={CONSTANT[type(value)] for value in enum}) if enum else NEVER


def differing(shape: Shape, value: Any) -> Shape:
    """What a value is, once it is not equal to a constant."""
    if value is None:
        return shape.without("null_type")
    listed = constants(shape)
    if listed is None:
        return shape
    left = tuple(each for each in listed if not among(each, (value,)))
    if len(left) == len(listed):
        return shape
    return shape.changed(enum=left, kinds={CONSTANT[type(each)] for each in left}) if left else NEVER


def applied(shape: Shape, prefix: Path, facts: Facts) -> Shape:
    """A shape with what is known of the parts of its value.

    Args:
        shape: of the value at ``prefix``.
        prefix: its path.
        facts: what is known.
    """
    shape = facts.get(prefix, shape)
    if shape.variants or "map" not in shape.kinds:
        return shape
    length = len(prefix)
    names = {path[length] for path in facts if len(path) > length and path[:length] == prefix}
    known = {name for name in names if isinstance(name, str) and name in shape.fields}
    if not known:
        return shape
    there = {name for name in known if (*prefix, name) in facts}

    def build(name: str) -> Shape:
        below = shape.fields[name]
        return applied(below, (*prefix, name), facts) if name in known else below

    return shape.changed(fields=LazyFields(shape.fields, build), required=shape.required | there)
