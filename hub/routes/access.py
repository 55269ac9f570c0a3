"""The meaning of what reaches into values and builds them: fields, elements, macros' ranges, literals of maps.

Where an operand is an optional value, what is read of it is optional too: CEL's "viral" selection.
"""

from __future__ import annotations

from typing import Any

from hub.routes.errors import Failure
from hub.routes.operators import MAPS, is_key, value_at
from hub.routes.values import NONE, NOTHING, KeyedMap, Optional, UInt, described, keys, stored_key


def select(container: Any, field: str) -> Any:
    """``container.field``; of an optional value, the field of what it holds as an optional value."""
    if type(container) not in MAPS:
        if type(container) is Optional:
            return container if container is NONE else optional_select(container.held, field)
        raise Failure(f"expected an object{{at}}, got {described(container)}")
    value = container.get(field, NOTHING)
    if value is NOTHING:
        raise Failure(f"the object{{at}} has no field `{field}`; test with has(…) where it may be missing")
    return value


def has_field(container: Any, field: str) -> bool:
    """``has(container.field)``; false of an optional value that holds nothing."""
    if type(container) is Optional:
        return container is not NONE and has_field(container.held, field)
    if type(container) not in MAPS:
        raise Failure(f"expected an object{{at}}, got {described(container)}")
    return field in container


def index(container: Any, key: Any) -> Any:
    """``container[key]``; of an optional value, the element of what it holds as an optional value."""
    kind = type(container)
    if kind is list:
        return _element(container, key)
    if kind in MAPS:
        value = value_at(container, key)
        if value is NOTHING:
            raise Failure("the object{at} has no such key; test with `key in object` where it may be missing")
        return value
    if kind is Optional:
        return container if container is NONE else optional_index(container.held, key)
    raise Failure(f"expected a list or an object{{at}}, got {described(container)}")


def _element(container: list[Any], key: Any) -> Any:
    place = _place(key)
    if not 0 <= place < len(container):
        raise Failure("the list{at} has no element of this index; test with size(…)")
    return container[place]


def _place(key: Any) -> int:
    kind = type(key)
    if kind is int or kind is UInt:
        return int(key)
    if kind is float and key.is_integer():
        return int(key)
    raise Failure(f"expected a whole number as index of the list{{at}}, got {described(key)}")


def optional_select(container: Any, field: str) -> Optional:
    """``container.?field``: none where an object doesn't have the field; of an optional value, of what it holds."""
    kind = type(container)
    if kind is Optional:
        return container if container is NONE else optional_select(container.held, field)
    if kind not in MAPS:
        raise Failure(f"expected an object{{at}}, got {described(container)}")
    value = container.get(field, NOTHING)
    return NONE if value is NOTHING else Optional(value)


def optional_index(container: Any, key: Any) -> Optional:
    """``container[?key]``: none where there is no such element; of an optional value, of what it holds."""
    kind = type(container)
    if kind is list:
        place = _place(key)
        return Optional(container[place]) if 0 <= place < len(container) else NONE
    if kind in MAPS:
        value = value_at(container, key) if is_key(key) else NOTHING
        return NONE if value is NOTHING else Optional(value)
    if kind is Optional:
        return container if container is NONE else optional_index(container.held, key)
    raise Failure(f"expected a list or an object{{at}}, got {described(container)}")


def elements(container: Any) -> Any:
    """What a macro goes through: the elements of a list, or the keys of a map."""
    kind = type(container)
    if kind is list:
        return container
    if kind in MAPS:
        return list(keys(container))
    raise Failure(f"expected a list or an object{{at}}, got {described(container)}")


def pairs(container: Any) -> list[tuple[Any, Any]]:
    """What a macro with two variables goes through: index and element of a list, or key and value of a map."""
    kind = type(container)
    if kind is list:
        return list(enumerate(container))
    if kind in MAPS:
        return list(zip(keys(container), container.values(), strict=True))
    raise Failure(f"expected a list or an object{{at}}, got {described(container)}")


def merged(made: dict[Any, Any], entries: Any) -> dict[Any, Any]:
    """A map that is being made, with the entries of another."""
    if type(entries) not in MAPS:
        raise Failure(f"expected an object with the entries to add, got {described(entries)}")
    for key, value in pairs(entries):
        made = inserted(made, key, value)
    return made


def make_map(*pairs: Any) -> dict[Any, Any]:
    """A map literal: keys and values in turn."""
    made: dict[Any, Any] = {}
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        made = inserted(made, key, value)
    return made


def inserted(made: dict[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    """A map that is being made, with one more entry; another object where the first key comes that is no text."""
    kind = type(key)
    if kind is not str:
        if kind not in (int, UInt, bool):
            raise Failure(f"expected a string, a bool or a whole number as key, got {described(key)}")
        if type(made) is dict:
            made = KeyedMap(made)
    stored = stored_key(key)
    if stored in made:
        raise Failure("the same key stands twice in the map")
    made[stored] = value
    return made
