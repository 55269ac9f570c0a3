"""The syntax tree of an expression. Every node knows where it stands: offsets into the source, in code points.

Chains of ``&&`` and ``||`` are one node with many operands, since CEL doesn't care about their order. Macros are nodes
of their own, because their arguments are no ordinary expressions: those that go through a list or map are `Macro`,
those that give a value a name are `Bind` (``cel.bind``, ``cel.block``) and `OptionalMap`. Functions with a dotted name
(``math.abs(x)``) are a `Call` without a target whose ``function`` is the whole name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Node:
    """What all nodes share."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """``null``, a Boolean, a number, a string or bytes."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable. ``absolute`` where it is written with a leading dot, which looks past the variables of macros."""

    name: str
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Select(Node):
    """``operand.field``."""

    operand: Expr
    field: str
    field_start: int
    """Offset of the field's name; it ends where the node ends."""


@dataclass(frozen=True, slots=True)
class Has(Node):
    """``has(operand.field)``."""

    operand: Expr
    field: str
    field_start: int
    field_end: int


@dataclass(frozen=True, slots=True)
class OptionalSelect(Node):
    """``operand.?field``: an optional value, which is none where the field is missing.

    As with `Select`, an operand that is an optional itself stands for what it holds.
    """

    operand: Expr
    field: str
    field_start: int


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``operand[index]``."""

    operand: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class OptionalIndex(Node):
    """``operand[?index]``: an optional value, which is none where there is no such element."""

    operand: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``function(arguments)``, or ``target.function(arguments)``; ``function`` may be dotted: ``math.abs``."""

    function: str
    target: Expr | None
    arguments: tuple[Expr, ...]
    function_start: int


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``!operand`` or ``-operand``."""

    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic, a relation or ``in``."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """``a && b && …`` or ``a || b || …``."""

    operator: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """``condition ? then : otherwise``."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """``[a, ?b]``."""

    elements: tuple[Expr, ...]
    optionals: frozenset[int] = frozenset()
    """Places of the elements with a ``?``: they are optional values, and left out where those hold nothing."""


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """``{key: value, ?key: optional}``."""

    entries: tuple[tuple[Expr, Expr], ...]
    optionals: frozenset[int] = frozenset()
    """Places of the entries with a ``?``: their values are optional, and left out where those hold nothing."""


@dataclass(frozen=True, slots=True)
class Macro(Node):
    """``range.all(variable, predicate)`` and its kin.

    ``macro`` is ``all``, ``exists``, ``exists_one`` (also for ``existsOne``), ``filter``, ``map``, ``transformList``,
    ``transformMap``, ``transformMapEntry`` or ``sortBy``. ``predicate`` is the condition of ``all``, ``exists``,
    ``exists_one``, ``filter``, and of ``map`` and the ``transform…`` ones where they have one; ``transform`` is what
    the latter make of an element, and the key of ``sortBy``.

    With one variable it is an element of a list or a key of a map; with two (``second`` is set) they are index and
    element of a list, or key and value of a map.
    """

    macro: str
    range: Expr
    variable: str
    predicate: Expr | None
    transform: Expr | None
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Bind(Node):
    """``cel.bind(variable, value, body)``: the body, in which the variable stands for the value.

    The value is computed at most once, and its error counts only where the body needs it. ``cel.block([a, b], body)``
    is two of them inside of each other, with the variables ``@index0`` and ``@index1``.
    """

    variable: str
    value: Expr
    body: Expr


@dataclass(frozen=True, slots=True)
class OptionalMap(Node):
    """``operand.optMap(variable, transform)`` or, if ``flat``, ``operand.optFlatMap(variable, transform)``.

    None for an operand that holds nothing; else the transform of what it holds: as an optional value, or, if ``flat``,
    as it is, since it must be optional itself.
    """

    operand: Expr
    variable: str
    transform: Expr
    flat: bool


Expr: TypeAlias = (
    Literal
    | Name
    | Select
    | OptionalSelect
    | Has
    | Index
    | OptionalIndex
    | Call
    | Unary
    | Binary
    | Logical
    | Conditional
    | ListLiteral
    | MapLiteral
    | Macro
    | Bind
    | OptionalMap
)


def children(node: Expr) -> Iterator[Expr]:
    """The direct sub-expressions of a node, in the order of the source."""
    kind: Any = type(node)
    for name in _holding(kind):
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value  # type: ignore[misc]  # every Node that is made is one of Expr
        elif value is not None:
            yield from _nodes(value)


@cache
def _holding(kind: type[Node]) -> tuple[str, ...]:
    """The fields of a kind of node that hold expressions, by their annotations."""
    return tuple(each.name for each in fields(kind) if "Expr" in str(each.type))


def _nodes(value: Any) -> Iterator[Expr]:
    if isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)
    else:
        yield value


def walk(node: Expr) -> Iterator[Expr]:
    """A node and all nodes below it."""
    yield node
    for child in children(node):
        yield from walk(child)
