"""Shapes of comparisons and arithmetic: which types go together, and which are never equal."""

from __future__ import annotations

from typing import Any

from hub.contracts.shape import BOOL, DYN, NEVER, NUMBERS, Shape
from hub.contracts.shape_constants import CONSTANT, among
from hub.contracts.shape_text import constant_text, described, short
from hub.contracts.shape_union import overlap, union
from hub.routes.checker import remedies
from hub.routes.checker.access import Access
from hub.routes.checker.facts import at
from hub.routes.checker.spelling import misspelt
from hub.routes.syntax import Binary, Expr, ListLiteral, Literal

_SAME = {
    "+": ("int", "uint", "double", "string", "bytes", "list", "duration"),
    "-": ("int", "uint", "double", "duration"),
    "*": ("int", "uint", "double"),
    "/": ("int", "uint", "double"),
    "%": ("int", "uint"),
}
_RESULTS: dict[str, dict[tuple[str, str], str]] = {
    operator: {(kind, kind): kind for kind in kinds} for operator, kinds in _SAME.items()
}
_RESULTS["+"] |= {("timestamp", "duration"): "timestamp", ("duration", "timestamp"): "timestamp"}
_RESULTS["-"] |= {("timestamp", "duration"): "timestamp", ("timestamp", "timestamp"): "duration"}
_ORDERED = frozenset(("string", "bytes", "bool", "timestamp", "duration"))
_TEXT = frozenset(("string",))
_KEYS = NUMBERS | {"string", "bool"}
_NULL = frozenset(("null_type",))
_MOST_CONSTANTS = 6
_NAMING = ("name", "login", "key", "slug", "title", "id")
"""Fields by which people know an object."""


class Relations(Access):
    """Operators with two operands."""

    def infer_binary(self, node: Binary) -> Shape:
        """A relation or arithmetic."""
        left, right = self.infer(node.left), self.infer(node.right)
        if left is NEVER or right is NEVER:
            return DYN if node.operator in _RESULTS else BOOL
        match node.operator:
            case "==" | "!=":
                self.equality(node, left, right)
                return BOOL
            case "in":
                self.membership(node, left, right)
                return BOOL
            case "<" | "<=" | ">" | ">=":
                self.order(node, left, right)
                return BOOL
        return self.arithmetic(node, left, right)

    # Equality

    def equality(self, node: Binary, left: Shape, right: Shape) -> None:
        """``==`` and ``!=``: reports what is never equal. A comparison with null is a test, and needs no reason."""
        if not overlap(left, right) and _NULL not in (left.kinds, right.kinds):
            self.never_equal(node, node.left, left, node.right, right)

    def never_equal(self, node: Expr, first: Expr, left: Shape, second: Expr, right: Shape) -> None:
        """Reports two values that are never equal."""
        if self._compatible(left, right):
            self.not_among(first, left, second, right)
            return
        remedy = remedies.of_comparison(first, left, second, right, self.plain)
        one, other = self.text(first), self.text(second)
        message = f"{one} is {described(left)} and {other} is {described(right)}, so they are never equal"
        place = remedy.place or node
        self.error("route.never_equal", message, place, remedy.hint, fix=remedy.fix, everywhere=True)

    def _compatible(self, left: Shape, right: Shape) -> bool:
        return not left.kinds.isdisjoint(right.kinds) or (bool(left.kinds & NUMBERS) and bool(right.kinds & NUMBERS))

    def not_among(self, first: Expr, left: Shape, second: Expr, right: Shape) -> None:
        """Reports a constant that isn't one of those that a value may have."""
        if isinstance(first, Literal):
            first, left, second, right = second, right, first, left
        known = left.enum or ()
        value = right.constant
        what = self.text(second) if value is None else constant_text(value[0])
        if self.was_possible(first, right):
            shown = f"tests before it have shown that it is {short(left)}"
            message = f"{self.text(first)} is never {what} here: {shown}"
            self.warning("route.never_equal", message, second, everywhere=True)
            return
        message = f"{self.text(first)} is never {what}"
        options = " or ".join(constant_text(each) for each in known[:_MOST_CONSTANTS])
        more = " or …" if len(known) > _MOST_CONSTANTS else ""
        if value is not None and isinstance(value[0], str):
            meant = misspelt(value[0], [each for each in known if isinstance(each, str)])
            if meant:
                text = constant_text(meant)
                hint = f"did you mean `{text}`?"
                fix = text if isinstance(second, Literal) else None
                self.error("route.never_equal", message, second, hint, fix=fix, everywhere=True)
                return
        # A schema may be older than the system: a value that nothing resembles is no slip of the pen.
        self.warning("route.never_equal", message, second, f"it is {options}{more}", everywhere=True)

    def was_possible(self, node: Expr, other: Shape) -> bool:
        """Whether a value could be equal to another before something was known of it."""
        path = self.path_of(node)
        if path is None or path not in self.facts:
            return False
        return overlap(at(path, {}, self.roots), other)

    # Membership

    def membership(self, node: Binary, left: Shape, right: Shape) -> None:
        """``in``: an element of a list, or a key of a map."""
        if not right.kinds:
            return
        holders = right.kinds & {"list", "map"}
        if not holders:
            hint = None
            if right.kinds <= {"string", "null_type"}:
                hint = f"write `{self.plain(node.right)}.contains({self.plain(node.left)})`"
            what = f"expected a list or an object after `in`; {self.text(node.right)} is {described(right)}"
            self.error("route.type", what, node.right, hint)
            return
        self.perhaps(node.right, right.kinds - holders)
        if isinstance(node.right, ListLiteral) and not node.right.optionals:
            self.elements(node, left, node.right)
        elif holders == {"list"} and right.items is not None and right.items is not NEVER:
            if not overlap(left, right.items) and left.kinds != _NULL:
                message = (
                    f"{self.text(node.left)} is {described(left)} and the elements of {self.text(node.right)} are "
                    f"{short(right.items)}, so it is never one of them"
                )
                self.error(
                    "route.never_equal", message, node, self.any_element(node, left, right.items), everywhere=True
                )
        elif holders == {"map"}:
            self.expect(node.left, _TEXT if right.closed or right.fields else _KEYS, "a key of the object is text")
        elif left.kinds:
            self.perhaps(node.left, left.kinds - _KEYS)

    def any_element(self, node: Binary, left: Shape, items: Shape) -> str | None:
        """How a list of objects is searched, where text was looked for in it."""
        if left.kinds != {"string"} or "map" not in items.kinds:
            return None
        names = [each for each in _NAMING if (field := items.fields.get(each)) and "string" in field.kinds]
        if not names:
            return None
        return f"write `{self.plain(node.right)}.exists(x, x.{names[0]} == {self.plain(node.left)})`"

    def elements(self, node: Binary, left: Shape, right: ListLiteral) -> None:
        """A list that is written out: each of its elements must be possible."""
        for element in right.elements:
            shape = self.shape_of(element)
            if not overlap(left, shape) and _NULL not in (left.kinds, shape.kinds):
                self.never_equal(element, node.left, left, element, shape)

    # Order

    def order(self, node: Binary, left: Shape, right: Shape) -> None:
        """``<`` and its kin."""
        if not left.kinds or not right.kinds:
            for operand in (node.left, node.right):
                self.expect(operand, NUMBERS | _ORDERED, f"`{node.operator}` takes values that have an order")
            return
        pairs = [(one, other) for one in left.kinds for other in right.kinds]
        possible = [pair for pair in pairs if _comparable(*pair)]
        if not possible:
            remedy = remedies.of_comparison(node.left, left, node.right, right, self.plain)
            if _NULL in (left.kinds, right.kinds):
                remedy = remedies.Remedy("test `… == null` for null")
            elif remedy.fix and remedy.fix.startswith(("string(", '"')):
                remedy = remedies.NONE  # text has another order than numbers, so this is hardly what was meant
            message = (
                f"`{node.operator}` takes two values that have an order: {self.text(node.left)} is {described(left)}, "
                f"{self.text(node.right)} is {described(right)}"
            )
            self.error("route.type", message, remedy.place or node, remedy.hint, fix=remedy.fix)
        elif len(possible) < len(pairs):
            self.mixed(node, left, right, possible)

    def mixed(self, node: Binary, left: Shape, right: Shape, possible: list[tuple[str, str]]) -> None:
        """Reports operands that go together only where they have some of their types."""
        ours, theirs = {pair[0] for pair in possible}, {pair[1] for pair in possible}
        before = len(self.problems)
        self.perhaps(node.left, left.kinds - ours)
        self.perhaps(node.right, right.kinds - theirs)
        pairs = len(left.kinds & ours) * len(right.kinds & theirs)
        if len(self.problems) == before and pairs > len(possible):
            what = f"`{node.operator}` may get {described(left)} and {described(right)}"
            self.possible("route.maybe_type", what, node, "make sure that both have one type")

    # Arithmetic

    def arithmetic(self, node: Binary, left: Shape, right: Shape) -> Shape:
        """``+ - * / %``."""
        results = _RESULTS[node.operator]
        if not left.kinds or not right.kinds:
            return self.half_known(node, left, right, results)
        pairs = [(one, other) for one in left.kinds for other in right.kinds]
        possible = [pair for pair in pairs if pair in results]
        if not possible:
            self.no_overload(node, left, right)
            return DYN
        if len(possible) < len(pairs):
            numbers = left.kinds <= NUMBERS and right.kinds <= NUMBERS
            if numbers:
                self.number_trap(node, left, right)
            else:
                self.mixed(node, left, right, possible)
        kinds = {results[pair] for pair in possible}
        items = None
        if "list" in kinds:
            items = union(left.items or DYN, right.items or DYN)
        return Shape(kinds, items=items)

    def half_known(self, node: Binary, left: Shape, right: Shape, results: dict[tuple[str, str], str]) -> Shape:
        """An operator of which an operand may be anything."""
        takes = frozenset(kind for pair in results for kind in pair)
        self.expect(node.left, takes, f"`{node.operator}` takes {_listed(takes)}")
        self.expect(node.right, takes, f"`{node.operator}` takes {_listed(takes)}")
        kinds = {
            result
            for (one, other), result in results.items()
            if (not left.kinds or one in left.kinds) and (not right.kinds or other in right.kinds)
        }
        return Shape(kinds) if len(kinds) == 1 and "list" not in kinds else DYN

    def number_trap(self, node: Binary, left: Shape, right: Shape) -> None:
        """A number of JSON is an int or a double by how it is written, and the two don't mix."""
        for operand, shape in ((node.left, left), (node.right, right)):
            if len(shape.kinds) > 1:
                text = self.plain(operand)
                self.warning(
                    "route.maybe_type",
                    f"{self.text(operand)} is {described(shape)}, and `{node.operator}` takes two numbers of one type",
                    operand,
                    f"write `double({text})`, and the other number as a double",
                    everywhere=True,
                )
                return

    def no_overload(self, node: Binary, left: Shape, right: Shape) -> None:
        """Reports operands that no form of the operator takes."""
        remedy = remedies.of_arithmetic(node, left, right, self.plain)
        message = (
            f"`{node.operator}` doesn't take {described(left)} and {described(right)}: "
            f"{self.text(node.left)} and {self.text(node.right)}"
        )
        self.error("route.type", message, remedy.place or node, remedy.hint, fix=remedy.fix)


def _comparable(left: str, right: str) -> bool:
    return (left == right and left in _ORDERED) or (left in NUMBERS and right in NUMBERS)


def _listed(kinds: frozenset[str]) -> str:
    return described(Shape(kinds)).replace(" or ", " and ")


def constants_of(node: ListLiteral, shapes: list[Shape]) -> tuple[Any, ...] | None:
    """The elements of a list that is written out, if they are constants."""
    if node.optionals or any(each.constant is None for each in shapes):
        return None
    found: list[Any] = []
    for each in shapes:
        value = each.enum[0] if each.enum else None
        if not among(value, found):
            found.append(value)
    return tuple(found) if all(type(value) in CONSTANT for value in found) else None
