"""Calls that are no calls of functions: CEL's macros, and functions whose names are dotted.

The arguments of a macro are no values: ``list.map(x, x.name)`` names a variable and says what to do with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from hub.routes.functions import FUNCTIONS
from hub.routes.syntax import Bind, Call, Expr, Has, ListLiteral, Literal, Macro, Name, OptionalMap, Select

NAMESPACES = frozenset(name.partition(".")[0] for name in FUNCTIONS if "." in name) | {"cel"}
"""What stands before the dot in names of functions."""

Refuse = Callable[..., NoReturn]
"""Raises an error, of a message, a start, an end, and a suggestion."""


@dataclass(frozen=True, slots=True)
class Written:
    """A call as it is written: ``target.name(arguments)``, or ``name(arguments)`` without a target."""

    start: int
    end: int
    name: str
    name_start: int
    target: Expr | None
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """A macro that goes through a list or map.

    Attributes:
        counts: how many arguments it may have → how many of them are variables.
        usage: its forms, for messages.
        transforms: whether its last argument is a transform, which a condition may precede; else it is a condition.
    """

    counts: dict[int, int]
    usage: str
    transforms: bool = False


_ONE_OR_TWO = {2: 1, 3: 2}
_FORMS = {
    "all": _Form(_ONE_OR_TWO, "`list.all(x, condition)`"),
    "exists": _Form(_ONE_OR_TWO, "`list.exists(x, condition)`"),
    "exists_one": _Form(_ONE_OR_TWO, "`list.exists_one(x, condition)`"),
    "existsOne": _Form(_ONE_OR_TWO, "`list.existsOne(x, condition)`"),
    "filter": _Form({2: 1}, "`list.filter(x, condition)`"),
    "map": _Form({2: 1, 3: 1}, "`list.map(x, expression)` or `list.map(x, condition, expression)`", transforms=True),
    "sortBy": _Form({2: 1}, "`list.sortBy(x, key)`", transforms=True),
    "transformList": _Form({3: 2, 4: 2}, "`list.transformList(index, x, expression)`", transforms=True),
    "transformMap": _Form({3: 2, 4: 2}, "`map.transformMap(key, x, expression)`", transforms=True),
    "transformMapEntry": _Form({3: 2, 4: 2}, "`map.transformMapEntry(key, x, {key: expression})`", transforms=True),
}


def macro(written: Written, refuse: Refuse) -> Expr | None:
    """The node of a macro or of a function with a dotted name; ``None`` for any other call."""
    if written.target is None:
        return _has(written, refuse) if written.name == "has" else None
    if written.name in _FORMS:
        return _loop(written, _FORMS[written.name], refuse)
    if written.name in ("optMap", "optFlatMap"):
        return _optional_map(written, refuse)
    if _dotted(written.target, "cel"):
        return _cel(written, refuse)
    return _qualified(written)


def _dotted(target: Expr, name: str) -> bool:
    return isinstance(target, Name) and target.name == name


def _has(written: Written, refuse: Refuse) -> Expr:
    tested = written.arguments[0] if len(written.arguments) == 1 else None
    if not isinstance(tested, Select):
        refuse("expected one field, e.g. `has(data.user)`", written.name_start, written.end)
    return Has(written.start, written.end, tested.operand, tested.field, tested.field_start, tested.end)


def _variable(argument: Expr, written: Written, refuse: Refuse, purpose: str = "the element") -> str:
    if not isinstance(argument, Name) or argument.absolute:
        place = "first argument" if argument is written.arguments[0] else "second argument"
        example = "cel.bind(x, value, …)" if written.name == "bind" else f"list.{written.name}(x, …)"
        message = f"expected a name for {purpose} as {place} of `{written.name}`"
        refuse(message, argument.start, argument.end, f"write e.g. `{example}`")
    return argument.name


def _count(written: Written, usage: str, refuse: Refuse) -> NoReturn:
    count = len(written.arguments)
    got = f"{count} argument{'' if count == 1 else 's'}"
    refuse(f"expected {usage}; got {got}", written.name_start, written.end)


def _loop(written: Written, form: _Form, refuse: Refuse) -> Expr:
    assert written.target
    variables = form.counts.get(len(written.arguments))
    if variables is None:
        _count(written, form.usage, refuse)
    names = [_variable(each, written, refuse) for each in written.arguments[:variables]]
    if len(set(names)) < len(names):
        second = written.arguments[1]
        refuse(f"expected two names that differ, got `{names[0]}` twice", second.start, second.end)
    rest = written.arguments[variables:]
    predicate = rest[0] if len(rest) > 1 or not form.transforms else None
    transform = rest[-1] if form.transforms else None
    name = "exists_one" if written.name == "existsOne" else written.name
    second_name = names[1] if len(names) > 1 else None
    return Macro(written.start, written.end, name, written.target, names[0], predicate, transform, second_name)


def _optional_map(written: Written, refuse: Refuse) -> Expr:
    assert written.target
    if len(written.arguments) != 2:  # noqa: PLR2004  a variable and an expression
        _count(written, f"`optional.{written.name}(x, expression)`", refuse)
    variable = _variable(written.arguments[0], written, refuse, "what the optional holds")
    flat = written.name == "optFlatMap"
    return OptionalMap(written.start, written.end, written.target, variable, written.arguments[1], flat)


def _cel(written: Written, refuse: Refuse) -> Expr | None:
    """What stands behind ``cel.``: names for values."""
    arguments = written.arguments
    match written.name:
        case "bind":
            if len(arguments) != 3:  # noqa: PLR2004  a name, a value and an expression
                _count(written, "`cel.bind(x, value, expression)`", refuse)
            variable = _variable(arguments[0], written, refuse, "the value")
            return Bind(written.start, written.end, variable, arguments[1], arguments[2])
        case "block":
            return _block(written, refuse)
        case "index":
            return Name(written.start, written.end, f"@index{_numbers(written, 1, refuse)[0]}")
        case "iterVar" | "accuVar":
            depth, place = _numbers(written, 2, refuse)
            return Name(written.start, written.end, f"@{'it' if written.name == 'iterVar' else 'ac'}:{depth}:{place}")
    return None


def _block(written: Written, refuse: Refuse) -> Expr:
    values = written.arguments[0] if len(written.arguments) == 2 else None  # noqa: PLR2004  values and an expression
    if not isinstance(values, ListLiteral) or values.optionals:
        refuse("expected `cel.block([value, …], expression)`", written.name_start, written.end)
    body = written.arguments[1]
    for index, value in reversed(list(enumerate(values.elements))):
        body = Bind(written.start, written.end, f"@index{index}", value, body)
    return body


def _numbers(written: Written, count: int, refuse: Refuse) -> list[int]:
    found = [each.value for each in written.arguments if isinstance(each, Literal) and type(each.value) is int]
    if len(found) != count or len(written.arguments) != count or min(found) < 0:
        refuse(f"expected `cel.{written.name}` of numbers that are written out", written.name_start, written.end)
    return found


def _qualified(written: Written) -> Expr | None:
    """A function whose name is dotted, such as ``math.abs(x)``."""
    assert written.target
    if not isinstance(written.target, Name):
        return None
    name = f"{written.target.name}.{written.name}"
    if name not in FUNCTIONS:
        return None
    return Call(written.start, written.end, name, None, written.arguments, written.target.start)
