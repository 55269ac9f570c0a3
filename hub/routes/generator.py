"""Turns a syntax tree into Python: the careful version, which follows CEL to the letter.

Every operator becomes a call of its function in `hub.routes.operators`, and both sides of ``&&`` and ``||`` are tried
before an error wins. `hub.routes.inline` builds the fast version on top of this one. That one runs first; wherever it
stumbles, the careful version runs, and either has the value or says precisely what is wrong.
"""

from __future__ import annotations

import ast
from typing import Any

from hub.routes import digests, optionals
from hub.routes.costs import DEEP, SCANNING
from hub.routes.errors import ExpressionError, Failure, did_you_mean
from hub.routes.functions import FUNCTIONS
from hub.routes.kinds import Kind
from hub.routes.loops import Loops
from hub.routes.macros import NAMESPACES
from hub.routes.signature import Function
from hub.routes.strings import pattern, pattern_problem
from hub.routes.syntax import Binary, Call, Index, ListLiteral, Literal, MapLiteral, Name, Node, Unary
from hub.routes.tables import looked_up
from hub.routes.template import at, fill
from hub.routes.values import UInt
from hub.routes.words import FOREIGN_FUNCTIONS
from hub.routes.writer import Code

BINARY = {
    "==": "equals(a, b)",
    "!=": "differs(a, b)",
    "<": "less(a, b)",
    "<=": "less_or_equal(a, b)",
    ">": "greater(a, b)",
    ">=": "greater_or_equal(a, b)",
    "in": "is_in(a, b)",
    "+": "add(a, b)",
    "-": "subtract(a, b)",
    "*": "multiply(a, b)",
    "/": "divide(a, b)",
    "%": "remainder(a, b)",
}
RELATIONS = frozenset(("==", "!=", "<", "<=", ">", ">=", "in"))
# Kinds that an operand and its result share, whatever the other operand is, if there is a result.
_KEPT = {
    "+": frozenset((Kind.INT, Kind.UINT, Kind.DOUBLE, Kind.STRING, Kind.BYTES, Kind.LIST, Kind.TIMESTAMP)),
    "-": frozenset((Kind.INT, Kind.UINT, Kind.DOUBLE)),
    "*": frozenset((Kind.INT, Kind.UINT, Kind.DOUBLE)),
    "/": frozenset((Kind.INT, Kind.UINT, Kind.DOUBLE)),
    "%": frozenset((Kind.INT, Kind.UINT)),
}


class Generator(Loops):
    """Generates the code of one function, from any number of expressions."""

    def emit_index(self, node: Index) -> Code:
        """An element of a list or a value of a map."""
        operand, key = self.emit(node.operand), self.emit(node.index)
        return self.element(operand, key)

    def element(self, operand: Code, key: Code) -> Code:
        """An element of a value."""
        return Code(fill("index(a, b)", self._line, a=operand.expr, b=key.expr), Kind.DYN, operand.json)

    def emit_unary(self, node: Unary) -> Code:
        """``!`` and ``-``."""
        operand = self.emit(node.operand)
        if node.operator == "!":
            return self.inverted(operand)
        kind = operand.kind if operand.kind in (Kind.INT, Kind.DOUBLE) else Kind.DYN
        return Code(fill("negate(a)", self._line, a=operand.expr), kind)

    def emit_binary(self, node: Binary) -> Code:
        """A relation or arithmetic."""
        left, right = self.emit(node.left), self.emit(node.right)
        if node.operator == "in" and not isinstance(node.right, ListLiteral):
            right = self.charge(right)
        return self.binary(node.operator, left, right)

    def binary(self, operator: str, left: Code, right: Code) -> Code:
        """An operator on two values."""
        return Code(fill(BINARY[operator], self._line, a=left.expr, b=right.expr), result_kind(operator, left, right))

    def emit_listliteral(self, node: ListLiteral) -> Code:
        """A list."""
        elements = [self.emit(each) for each in node.elements]
        if node.optionals:
            return self.sparse(optionals.sparse_list, node.optionals, elements, Kind.LIST)
        expr = at(ast.List([each.expr for each in elements], ast.Load()), self._line)
        return Code(expr, Kind.LIST, all(each.as_json for each in elements))

    def emit_mapliteral(self, node: MapLiteral) -> Code:
        """A map."""
        entries = [(self.emit(key), self.emit(value)) for key, value in node.entries]
        if node.optionals:
            parts = [each for entry in entries for each in entry]
            return self.sparse(optionals.sparse_map, node.optionals, parts, Kind.MAP)
        return self.map_of(entries)

    def map_of(self, entries: list[tuple[Code, Code]]) -> Code:
        """A map of keys and values."""
        call = fill("make_map()", self._line)
        call.args = [each.expr for entry in entries for each in entry]
        json = all(key.kind is Kind.STRING and value.as_json for key, value in entries)
        return Code(call, Kind.MAP, json)

    # Calls

    def emit_call(self, node: Call) -> Code:
        """A function."""
        function = FUNCTIONS.get(node.function)
        if function is None or (function.name == "lookup" and not self.scope.tables):
            raise self.unknown_function(node)
        self.check_call(function, node)
        operands = (*((node.target,) if node.target else ()), *node.arguments)
        match function.name:
            case "or" | "orValue":
                return self.alternative(node)
            case "lookup":
                return self.lookup(node)
            case "matches" if isinstance(operands[1], Literal) and type(operands[1].value) is str:
                return self.match(
                    self.charge(self.emit(operands[0])), self.regular_expression(operands[1]), self.emit(operands[1])
                )
        values = [self.emit(each) for each in operands]
        if self.looping and function.name in SCANNING:
            values = [self.charge(each, deep=function.name in DEEP) for each in values]
        return self.call(function, values)

    def unknown_function(self, node: Call) -> ExpressionError:
        """The error of a function that there isn't."""
        name = node.function
        if name == "lookup":
            return self.error("route.unknown_function", "there are no tables here to `lookup` in", node,
                              "name them under `tables:` in a schema file")  # fmt: skip
        if isinstance(node.target, Name) and node.target.name in NAMESPACES - {*self.variables, *self.scope.roots}:
            name = f"{node.target.name}.{name}"
        hint = FOREIGN_FUNCTIONS.get(name) or did_you_mean(name, FUNCTIONS)
        place = Node(node.function_start, node.function_start + len(node.function))
        return self.error("route.unknown_function", f"there is no function `{name}`", place, hint)

    def lookup(self, node: Call) -> Code:
        """``lookup``: in tables that are known, and so may be the name."""
        name, tables = node.arguments[0], self.scope.tables
        if isinstance(name, Literal) and type(name.value) is str and name.value not in tables:
            hint = did_you_mean(name.value, tables)
            raise self.error("route.unknown_table", f"there is no table `{name.value}`", name, hint)
        operands = [self.emit(each) for each in node.arguments]
        call = self.use(looked_up, t=self.constant(tables), **{f"v{n}": each.expr for n, each in enumerate(operands)})
        return Code(call, json=all(each.as_json for each in operands[2:]))

    def check_call(self, function: Function, node: Call) -> None:
        """Refuses a call of a form that the function doesn't have."""
        counts = function.free if node.target is None else function.member
        if len(node.arguments) in counts:
            self.check_words(node)
            return
        what = f"`{function.name}` is written `{function.usage}`"
        got = f"got {len(node.arguments)} argument{'' if len(node.arguments) == 1 else 's'}"
        raise self.error("route.arguments", f"{what}; {got}{' after a dot' if node.target else ''}", node)

    def check_words(self, node: Call) -> None:
        """Refuses words that a function doesn't know, where they are written out."""
        if node.function in ("math.greatest", "math.least"):
            self.check_numbers(node)
        if node.function.startswith("regex.") and isinstance(node.arguments[1], Literal):
            self.regular_expression(node.arguments[1])
        known = {"hash": (1, digests.known_algorithm), "uuid5": (0, digests.known_namespace)}.get(node.function)
        if known and len(node.arguments) > known[0]:
            word = node.arguments[known[0]]
            message = known[1](word.value) if isinstance(word, Literal) and type(word.value) is str else None
            if message:
                raise self.error("route.arguments", message, word)

    def check_numbers(self, node: Call) -> None:
        """Refuses what is written out and is no number, as the definition of `math.greatest` wants."""
        only = node.arguments[0]
        listed = len(node.arguments) == 1 and isinstance(only, ListLiteral)
        values = only.elements if listed and isinstance(only, ListLiteral) else node.arguments
        for value in values:
            number = not isinstance(value, Literal) or type(value.value) in (int, float, UInt)
            if not number or isinstance(value, ListLiteral | MapLiteral):
                raise self.error("route.arguments", f"`{node.function}` takes numbers, or one list of numbers", value)
        if not values:
            raise self.error("route.arguments", f"`{node.function}` takes at least one number", only)

    def call(self, function: Function, operands: list[Code]) -> Code:
        """A function of values."""
        call = self.use(function.implementation, **{f"v{n}": each.expr for n, each in enumerate(operands)})
        return Code(call, function.result, function.name == "dyn" and operands[0].json)

    def regular_expression(self, literal: Literal) -> Any:
        """A regular expression that is known before it runs."""
        if type(literal.value) is not str:
            return None
        try:
            return pattern(literal.value)
        except Failure as error:
            detail, hint = pattern_problem(literal.value)
            raise self.error("route.regular_expression", f"{error}{detail}", literal, hint) from None

    def match(self, text: Code, expression: Any, source: Code) -> Code:  # noqa: ARG002  the fast version uses it
        """``matches`` with a known regular expression."""
        return self.call(FUNCTIONS["matches"], [text, source])


def result_kind(operator: str, left: Code, right: Code) -> Kind:
    """The kind of an operator's result, as far as the operands tell."""
    if operator in RELATIONS:
        return Kind.BOOL
    kept = _KEPT[operator]
    if left.kind in kept and not (left.kind is Kind.TIMESTAMP and operator == "-"):
        return left.kind
    return right.kind if right.kind in kept else Kind.DYN
