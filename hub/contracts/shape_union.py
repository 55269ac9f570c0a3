"""What is known of a value that has one shape or another, or two at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from hub.contracts.shape import DYN, NEVER, NUMBERS, LazyFields, Shape
from hub.contracts.shape_constants import CONSTANT, among, equal

MOST_VARIANTS = 64
"""Of more alternatives than this only what they have in common is kept."""
MOST_CONSTANTS = 512
"""More constants than this are no longer listed."""
_DEPTH = 6  # levels that a comparison of two shapes looks at


def union(*shapes: Shape) -> Shape:
    """The shape of a value that has one of these."""
    parts: list[Shape] = []
    for each in shapes:
        if not each.kinds:
            return DYN
        if each is not NEVER and not any(each is known for known in parts):
            parts.append(each)
    if not parts:
        return NEVER
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    if all(same(first, each, 2) for each in parts[1:]):
        return first
    kinds = frozenset().union(*(each.kinds for each in parts))
    texts = {each.format for each in parts if "string" in each.kinds}
    labels = {each.label for each in parts if each.kinds != _NULL}
    lists = [each for each in parts if "list" in each.kinds or "optional_type" in each.kinds]
    common = _common([one for each in parts for one in each.objects])
    return Shape(
        kinds,
        items=(lambda: _items(lists)) if lists else None,
        enum=_constants(parts),
        format=texts.pop() if len(texts) == 1 else None,
        label=labels.pop() if len(labels) == 1 else None,
        **common,
    )


_NULL = frozenset(("null_type",))


def _items(lists: list[Shape]) -> Shape | None:
    items = [each.items for each in lists]
    return None if None in items else union(*filter(None, items))


def _constants(parts: Iterable[Shape]) -> tuple[Any, ...] | None:
    """All values of several shapes, if each lists its own."""
    found: list[Any] = []
    for each in parts:
        listed = constants(each)
        if listed is None or len(found) + len(listed) > MOST_CONSTANTS:
            return None
        found.extend(value for value in listed if not among(value, found))
    return tuple(found)


def constants(shape: Shape) -> tuple[Any, ...] | None:
    """All values of a shape, where they can be listed."""
    if shape.enum is not None:
        return shape.enum
    if shape.kinds and shape.kinds <= _LISTABLE:
        return tuple(value for kind, values in _LISTED.items() if kind in shape.kinds for value in values)
    return None


_LISTED = {"null_type": (None,), "bool": (True, False)}
_LISTABLE = frozenset(_LISTED)


def _common(objects: list[Shape]) -> dict[str, Any]:
    """What several maps have in common, as arguments of a shape."""
    distinct: list[Shape] = []
    for each in objects:
        if not any(same(each, known, 3) for known in distinct):
            distinct.append(each)
    if not distinct:
        return {}
    if len(distinct) == 1:
        only = distinct[0]
        return {
            "fields": only.fields, "required": only.required, "closed": only.closed, "sealed": only.sealed,
            "values": lambda: only.values,
        }  # fmt: skip
    return {
        **merged(distinct),
        "variants": tuple(distinct) if len(distinct) <= MOST_VARIANTS else (),
    }


def merged(objects: list[Shape]) -> dict[str, Any]:
    """The fields that one of several maps may have, as arguments of a shape."""

    def build(name: str) -> Shape:
        return union(*(shape for each in objects if (shape := each.field(name)) is not None))

    def values() -> Shape | None:
        known = [each.values for each in objects if not each.closed]
        return None if None in known else union(*filter(None, known))

    closed = all(each.closed for each in objects)
    return {
        "fields": LazyFields((name for each in objects for name in each.fields), build),
        "required": frozenset.intersection(*(each.required for each in objects)),
        "closed": closed,
        "sealed": all(each.sealed for each in objects),
        "values": None if closed else values,
    }


def of_variants(shape: Shape, variants: Iterable[Shape]) -> Shape:
    """The same value, where it is known to be one of some of its variants, or no map at all."""
    left = tuple(variants)
    if left == shape.variants:
        return shape
    rest = shape.without("map")
    found = union(rest, *left)
    return found if found is NEVER or not shape.label else found.labelled(shape.label)


def discriminator_of(variants: tuple[Shape, ...]) -> str | None:
    """The field whose constants tell all variants apart."""
    if len(variants) < 2:  # noqa: PLR2004  nothing to tell apart
        return None
    for name in variants[0].fields:
        if not all(name in each.required for each in variants):
            continue
        sets = [each.fields[name].enum for each in variants]
        if None in sets:
            continue
        seen: list[Any] = []
        for values in sets:
            if any(equal(value, other) for value in values or () for other in seen):
                break
            seen.extend(values or ())
        else:
            return name
    return None


def same(left: Shape, right: Shape, depth: int = _DEPTH) -> bool:
    """Whether two shapes say the same, down to some depth; below it they are taken as the same only if they are one."""
    if left is right:
        return True
    if left is NEVER or right is NEVER or depth <= 0:
        return False
    if (
        left.kinds != right.kinds
        or left.closed is not right.closed
        or left.sealed is not right.sealed
        or left.format != right.format
        or left.required != right.required
        or left.fields.keys() != right.fields.keys()
        or len(left.variants) != len(right.variants)
        or not _same_constants(left.enum, right.enum)
    ):
        return False
    # One after the other: alternatives mostly differ in the first field, which tells them apart.
    pairs = chain(
        ((left.fields[name], right.fields[name]) for name in left.fields),
        zip(left.variants, right.variants, strict=True),
        ((getattr(left, part), getattr(right, part)) for part in ("values", "items")),
    )
    return all(
        (a is None and b is None) or (a is not None and b is not None and same(a, b, depth - 1)) for a, b in pairs
    )


def _same_constants(left: tuple[Any, ...] | None, right: tuple[Any, ...] | None) -> bool:
    if left is None or right is None:
        return left is right
    return len(left) == len(right) and all(type(a) is type(b) and a == b for a, b in zip(left, right, strict=True))


def overlap(left: Shape, right: Shape) -> bool:
    """Whether a value of one shape may equal one of the other, as far as kinds and constants tell."""
    if left is NEVER or right is NEVER:
        return False
    if not left.kinds or not right.kinds:
        return True
    if left.kinds.isdisjoint(right.kinds) and (left.kinds.isdisjoint(NUMBERS) or right.kinds.isdisjoint(NUMBERS)):
        return False
    if left.enum is None or right.enum is None:
        return _may_equal_constants(left, right)
    return any(among(value, right.enum) for value in left.enum)


def _may_equal_constants(left: Shape, right: Shape) -> bool:
    """Whether one shape admits a constant of the other by its kind."""
    listed, other = (left, right) if left.enum is not None else (right, left)
    if listed.enum is None:
        return True
    kinds = {CONSTANT.get(type(value)) for value in listed.enum}
    return bool(kinds & other.kinds) or bool(kinds & NUMBERS and other.kinds & NUMBERS) or None in kinds
