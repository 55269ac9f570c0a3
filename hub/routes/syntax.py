"""The syntax tree of an expression. Every node knows where it stands: offsets into the source, in code points.

Chains of ``&&`` and ``||`` are one node with many operands, since CEL doesn't care about their order. Macros are nodes
of their own, because their arguments are no ordinary expressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
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
class Index(Node):
    """``operand[index]``."""

    operand: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``function(arguments)``, or ``target.function(arguments)``."""

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
    """``[a, b]``."""

    elements: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """``{key: value}``."""

    entries: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True, slots=True)
class Macro(Node):
    """``range.all(variable, predicate)`` and its kin.

    ``predicate`` is the condition of ``all``, ``exists``, ``exists_one``, ``filter`` and of ``map`` with three
    arguments; ``transform`` is what ``map`` makes of an element.
    """

    macro: str
    range: Expr
    variable: str
    predicate: Expr | None
    transform: Expr | None


Expr: TypeAlias = (
    Literal
    | Name
    | Select
    | Has
    | Index
    | Call
    | Unary
    | Binary
    | Logical
    | Conditional
    | ListLiteral
    | MapLiteral
    | Macro
)


def children(node: Expr) -> Iterator[Expr]:
    """The direct sub-expressions of a node, in the order of the source."""
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: Any) -> Iterator[Expr]:
    if isinstance(value, Node):
        yield value  # type: ignore[misc]  # every Node that is made is one of Expr
    elif isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)


def walk(node: Expr) -> Iterator[Expr]:
    """A node and all nodes below it."""
    yield node
    for child in children(node):
        yield from walk(child)
