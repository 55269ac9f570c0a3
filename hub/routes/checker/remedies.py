"""What to write instead: corrections of comparisons, operands and predicates whose types don't fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.contracts.shape import DYN, NUMBERS, Shape
from hub.routes.syntax import Binary, Call, Conditional, Expr, Literal, Logical, Unary

Text = Callable[[Expr], str]
"""The source of a node."""
_TO_TEXT = frozenset((*NUMBERS, "bool", "timestamp", "duration"))
_TEXT = frozenset(("string", "null_type"))


@dataclass(frozen=True)
class Remedy:
    """How something is mended.

    Attributes:
        hint: for people.
        place: the node that it is about; ``None`` for the whole.
        fix: what stands in that place then, for programs.
    """

    hint: str | None = None
    place: Expr | None = None
    fix: str | None = None


NONE = Remedy()


def replaced(place: Expr, fix: str) -> Remedy:
    """Something else in place of a node."""
    return Remedy(f"write `{fix}`", place, fix)


def of_comparison(first: Expr, left: Shape, second: Expr, right: Shape, text: Text) -> Remedy:
    """What makes two values comparable."""
    for one, shape, other, opposite in ((second, right, first, left), (first, left, second, right)):
        constant = shape.constant
        if constant is not None and isinstance(constant[0], str):
            found = _of_written(one, constant[0], other, opposite, text)
            if found:
                return found
    for one, shape, opposite in ((first, left, right), (second, right, left)):
        if shape.kinds == {"string"} and opposite.kinds == {"timestamp"}:
            return replaced(one, f"timestamp({text(one)})")
        if shape.kinds <= NUMBERS | {"bool"} and opposite.kinds == {"string"}:
            quoted = isinstance(one, Literal)
            return replaced(one, f'"{text(one)}"' if quoted else f"string({text(one)})")
    return NONE


def _of_written(node: Expr, written: str, other: Expr, opposite: Shape, text: Text) -> Remedy | None:
    """A constant text that stands where another type is wanted."""
    number = opposite.kinds <= NUMBERS and is_number(written)
    if number or (opposite.kinds == {"bool"} and written in ("true", "false")):
        return Remedy(f"write `{written}` without quotes", node, written if isinstance(node, Literal) else None)
    if opposite.kinds == {"timestamp"}:
        return replaced(node, f"timestamp({text(node)})")
    if opposite.kinds == {"list"}:
        return Remedy(f"write `{text(node)} in {text(other)}`")
    return None


def of_arithmetic(node: Binary, left: Shape, right: Shape, text: Text) -> Remedy:
    """What makes two values operands of an arithmetic operator."""
    kinds = left.kinds | right.kinds
    if {"null_type"} in (left.kinds, right.kinds):
        return Remedy("test for null first")
    if "string" in kinds:
        is_text = "string" in left.kinds
        one, other = (node.left, node.right) if is_text else (node.right, node.left)
        opposite = right.kinds if is_text else left.kinds
        if node.operator == "+" and opposite <= _TO_TEXT | {"bytes"}:
            return replaced(other, f"string({text(other)})")
        if opposite & {"timestamp", "duration"}:
            return replaced(one, f"{'timestamp' if 'timestamp' in opposite else 'duration'}({text(one)})")
    if kinds <= NUMBERS:
        if isinstance(node.right, Literal) and left.kinds == {"double"} and right.kinds == {"int"}:
            return replaced(node.right, f"{text(node.right)}.0")
        return Remedy("write int(…), uint(…) or double(…) around one of them")
    return NONE


def of_operand(operand: Expr, shape: Shape, kinds: frozenset[str], items: frozenset[str], text: Text) -> Remedy:  # noqa: PLR0911  one for each
    """How an operand becomes what a function takes.

    Args:
        operand: the node.
        shape: what it is.
        kinds: what is taken.
        items: what is taken as elements, if it is a list.
        text: gives the source of a node.
    """
    if shape.kinds == {"null_type"}:
        return Remedy("test for null first")
    if kinds == {"optional_type"}:
        return Remedy("a field that may be missing is read as `a.?b`")
    if items == {"string"} and shape.kinds == {"list"} and (shape.items or DYN).kinds <= _TO_TEXT:
        return replaced(operand, f"{text(operand)}.map(x, string(x))")
    if kinds == {"string"} and shape.kinds <= {"list", "null_type"}:
        return Remedy("for an element of a list write `element in list`")
    if kinds == {"string"} and shape.kinds <= NUMBERS and isinstance(operand, Literal):
        return replaced(operand, f'"{text(operand)}"')
    for target, convertible in _CONVERTIBLE.items():
        if kinds == {target} and shape.kinds <= convertible:
            return replaced(operand, f"{target}({text(operand)})")
    return NONE


_CONVERTIBLE = {
    "string": _TO_TEXT,
    "timestamp": _TEXT,
    "double": NUMBERS,
    "int": NUMBERS | {"string"},
    "bytes": _TEXT,
}
"""Type → types that its function makes it of."""


def of_predicate(node: Expr, shape: Shape, text: Text, *, inverted: bool) -> Remedy:
    """How a value that is no test becomes one; in brackets where it stands behind a ``!``."""
    kinds = shape.kinds - {"null_type"}
    if isinstance(node, Binary | Logical | Conditional | Unary) or not kinds:
        return NONE
    if isinstance(node, Call) and node.function == "size":
        return replaced(node, f"({text(node)} > 0)" if inverted else f"{text(node)} > 0")
    form = (
        "{} != null" if "null_type" in shape.kinds else next((test for taken, test in _TESTS if kinds <= taken), None)
    )
    if form is None:
        return NONE
    test = form.format(text(node))
    return replaced(node, f"({test})" if inverted and " " in form else test)


_TESTS = (
    (frozenset(("string",)), '{} != ""'),
    (NUMBERS, "{} != 0"),
    (frozenset(("list", "map")), "size({}) > 0"),
    (frozenset(("optional_type",)), "{}.hasValue()"),
)
"""Types, and the test that is probably meant by a value of them."""


def is_number(text: str) -> bool:
    """Whether text would be a number without its quotes."""
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text and text[-1:].isdigit() and "_" not in text
