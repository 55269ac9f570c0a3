"""The shapes of values that are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.contracts.shape import DYN, NEVER, Shape
from hub.contracts.shape_constants import CONSTANT
from hub.contracts.shape_union import union


def shape_of_value(value: Any) -> Shape:
    """The shape of a value that JSON can hold; of anything else, nothing is known."""
    kind = CONSTANT.get(type(value))
    if kind:
        return Shape((kind,), enum=(value,))
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return Shape(("map",))
        fields = {key: shape_of_value(each) for key, each in value.items()}
        return Shape(("map",), fields=fields, required=fields, closed=True, sealed=True)
    if isinstance(value, list | tuple):
        return Shape(("list",), items=union(NEVER, *map(shape_of_value, value)))
    for base in (str, int, float):  # YAML's readers give texts and numbers of classes of their own
        if isinstance(value, base):
            return shape_of_value(base(value))
    return DYN
