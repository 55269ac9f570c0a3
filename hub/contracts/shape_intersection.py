"""What is known of a value that has two shapes at once: ``allOf``, and what stands beside ``anyOf`` or ``$ref``."""

from __future__ import annotations

from typing import Any

from hub.contracts.shape import DYN, NEVER, LazyFields, Shape
from hub.contracts.shape_constants import CONSTANT, among
from hub.contracts.shape_union import MOST_VARIANTS, merged, overlap, union


def intersection(*shapes: Shape) -> Shape:
    """The shape of a value that has all of these."""
    result = DYN
    for each in shapes:
        result = _both(result, each)
    return result


def _both(left: Shape, right: Shape) -> Shape:
    if left is NEVER or right is NEVER:
        return NEVER
    if not left.kinds or left is right:
        return _described(right, left)
    if not right.kinds:
        return _described(left, right)
    kinds = left.kinds & right.kinds
    enum = _constants(left, right, kinds)
    if enum is not None:
        kinds = frozenset(CONSTANT[type(value)] for value in enum)
    if not kinds:
        return NEVER
    objects: dict[str, Any] = {}
    if "map" in kinds:
        objects = _objects(left, right)
        if not objects:
            kinds -= {"map"}
            if not kinds:
                return NEVER
    return Shape(
        kinds,
        enum=enum,
        format=(left.format or right.format) if "string" in kinds else None,
        items=(lambda: _items(left, right)) if "list" in kinds or "optional_type" in kinds else None,
        description=left.description or right.description,
        label=left.label or right.label,
        **objects,
    )


def _described(shape: Shape, other: Shape) -> Shape:
    if shape.description is None and other.description is not None and shape.kinds:
        return shape.changed(description=other.description)
    return shape


def _constants(left: Shape, right: Shape, kinds: frozenset[str]) -> tuple[Any, ...] | None:
    """The constants that both admit, where one of them lists some."""
    if left.enum is None and right.enum is None:
        return None
    listed, other = (left, right) if left.enum is not None else (right, left)
    enum = listed.enum or ()
    found = [value for value in enum if CONSTANT.get(type(value)) in kinds]
    if other.enum is not None:
        found = [value for value in enum if among(value, other.enum)]
    return tuple(found)


def _items(left: Shape, right: Shape) -> Shape | None:
    if left.items is None or right.items is None:
        return left.items or right.items
    return _both(left.items, right.items)


def _objects(left: Shape, right: Shape) -> dict[str, Any]:
    """The fields of a map that is of both shapes; nothing where there is none."""
    ours, theirs = left.objects, right.objects
    if len(ours) * len(theirs) > MOST_VARIANTS:
        ours, theirs = _plain(left), _plain(right)
    pairs = [_object(one, other) for one in ours for other in theirs if _compatible(one, other)]
    if not pairs:
        return {}
    if len(pairs) == 1:
        return pairs[0]
    variants = tuple(Shape(("map",), **each) for each in pairs)
    return {**merged(list(variants)), "variants": variants}


def _plain(shape: Shape) -> tuple[Shape, ...]:
    return (shape.only(("map",)).changed(variants=()),)


def _compatible(left: Shape, right: Shape) -> bool:
    """Whether no field that both need tells them apart by its constants."""
    needed = (left.required & right.required) & left.fields.keys() & right.fields.keys()
    return all(
        overlap(left.fields[name], right.fields[name])
        for name in needed
        if left.fields[name].enum is not None and right.fields[name].enum is not None
    )


def _object(left: Shape, right: Shape) -> dict[str, Any]:
    if not _speaks(left):
        left, right = right, left
    if not _speaks(right):  # it says no more than that it is a map, or which fields are there
        fields: Any = left.fields
        closed, sealed, values = left.closed, left.sealed, (lambda: left.values)
    else:
        fields = LazyFields((*left.fields, *right.fields), lambda name: _field(left, right, name))
        sealed = left.sealed or right.sealed
        closed = sealed or (left.closed and right.closed)
        values = lambda: _values(left, right)  # noqa: E731  built when asked for
    return {
        "fields": fields,
        "required": left.required | right.required,
        "closed": closed,
        "sealed": sealed,
        "values": None if closed else values,
    }


def _speaks(shape: Shape) -> bool:
    """Whether a map's shape says anything of its fields."""
    return bool(shape.fields) or shape.closed or shape.values is not None


def _field(left: Shape, right: Shape, name: str) -> Shape:
    known = [each.fields[name] for each in (left, right) if name in each.fields]
    # What another part allows by `additionalProperties` holds for this field as well.
    known += [each.values for each in (left, right) if name not in each.fields and each.values is not None]
    return intersection(*known)


def _values(left: Shape, right: Shape) -> Shape | None:
    values = [each.values for each in (left, right) if not each.closed]
    if not values or None in values:
        return union(*filter(None, values)) if any(values) else None
    return intersection(*filter(None, values))
