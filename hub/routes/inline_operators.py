"""Code for operators in the fast version: Python's own, behind guards on the types that aren't known."""

from __future__ import annotations

import ast

from hub.routes.generator import Generator
from hub.routes.kinds import CLASSES, NUMBERS, Kind
from hub.routes.syntax import Binary, ListLiteral, Literal
from hub.routes.template import at, fill
from hub.routes.writer import Code

# Kinds whose `==` in Python is CEL's, whatever the other side is.
_PLAIN_EQUALITY = frozenset((Kind.STRING, Kind.BYTES, Kind.TIMESTAMP, Kind.DURATION, Kind.TYPE))
_SINGLE = frozenset((Kind.NULL, Kind.BOOL))
# Kinds whose order in Python is CEL's, among themselves.
_ORDERED = frozenset((Kind.STRING, Kind.BYTES, Kind.BOOL, Kind.TIMESTAMP, Kind.DURATION))
_CHECKED = {
    "+": "INT_MIN <= (t := a + b) <= INT_MAX",
    "-": "INT_MIN <= (t := a - b) <= INT_MAX",
    "*": "INT_MIN <= (t := a * b) <= INT_MAX",
}
_PLAIN = {"+": "a + b", "-": "a - b", "*": "a * b", "/": "a // b", "%": "a % b"}
# Up to here every whole number is a double, so that Python, which compares exactly, and CEL agree.
_EXACT = 2**53


class InlineOperators(Generator):
    """Writes operators for the types that they mostly meet."""

    def guarded(self, fast: ast.expr, careful: ast.expr, *guards: tuple[Code, tuple[Kind, ...]]) -> ast.expr:
        """``fast`` where the operands have the kinds for which it is right, else ``careful``."""
        tests: list[ast.expr] = []
        for code, kinds in guards:
            if code.kind in kinds:
                continue
            if code.kind is not Kind.DYN:
                return careful
            options = [fill(f"type(a) is {CLASSES[kind]}", self._line, a=code.expr) for kind in kinds]
            tests.append(options[0] if len(options) == 1 else at(ast.BoolOp(ast.Or(), options), self._line))
        if not tests:
            return fast
        test = tests[0] if len(tests) == 1 else at(ast.BoolOp(ast.And(), tests), self._line)
        return at(ast.IfExp(test, fast, careful), self._line)  # type: ignore[no-any-return]

    def simple(self, code: Code) -> Code:
        """The same value as a name or a constant."""
        return Code(self.named(code), code.kind, code.json, code.chain)

    def emit_binary(self, node: Binary) -> Code:
        """An operator; ``in`` a list of text is looked up in a tuple that is made once."""
        if node.operator == "in" and isinstance(node.right, ListLiteral):
            texts = [each.value for each in node.right.elements if isinstance(each, Literal)]
            if len(texts) == len(node.right.elements) and all(type(each) is str for each in texts):
                element = self.emit(node.left)
                options = at(ast.Tuple([self.constant(each) for each in texts], ast.Load()), self._line)
                return Code(fill("a in b", self._line, a=element.expr, b=options), Kind.BOOL)
        return super().emit_binary(node)

    def binary(self, operator: str, left: Code, right: Code) -> Code:
        """An operator on two values."""
        left, right = self.simple(left), self.simple(right)
        careful = super().binary(operator, left, right)
        if isinstance(left.expr, ast.Constant) and isinstance(right.expr, ast.Constant):
            return careful
        match operator:
            case "==" | "!=":
                expr = self.equality(operator, left, right, careful.expr)
            case "in":
                expr = self.membership(left, right, careful.expr)
            case "+" | "-" | "*":
                expr = self.arithmetic(operator, left, right, careful.expr)
            case "/" | "%":
                expr = self.division(operator, left, right, careful.expr)
            case _:
                expr = self.order(operator, left, right, careful.expr)
        return Code(expr, careful.kind)

    def equality(self, operator: str, left: Code, right: Code, careful: ast.expr) -> ast.expr:
        """``==`` and ``!=``: Python's, but for Booleans, which Python takes for numbers, and for containers."""
        parts = {"a": left.expr, "b": right.expr}
        plain = fill(f"a {operator} b", self._line, **parts)
        kinds = {left.kind, right.kind}
        if kinds & _PLAIN_EQUALITY or (len(kinds) == 1 and kinds <= NUMBERS):
            return plain  # type: ignore[no-any-return]
        if kinds <= _SINGLE or (Kind.DYN in kinds and kinds & _SINGLE):
            # There is one object for each of true, false and null.
            return fill("a is b" if operator == "==" else "a is not b", self._line, **parts)  # type: ignore[no-any-return]
        if kinds == {Kind.DYN}:
            test = fill("type(a) is str or type(b) is str", self._line, **parts)
            return at(ast.IfExp(test, plain, careful), self._line)  # type: ignore[no-any-return]
        if kinds <= NUMBERS | {Kind.DYN}:
            return self.number_equality(operator, left, right, careful)
        return careful

    def number_equality(self, operator: str, left: Code, right: Code, careful: ast.expr) -> ast.expr:
        """Equality with a constant number: Python's, but that 0 and 1 equal no Booleans."""
        number, other = (left, right) if _number(left) is not None else (right, left)
        constant = _number(number)
        if constant is None or abs(constant) >= _EXACT:
            return careful
        parts = {"a": other.expr, "b": number.expr}
        if constant not in (0, 1) or other.kind is not Kind.DYN:
            return fill(f"a {operator} b", self._line, **parts)  # type: ignore[no-any-return]
        text = "a == b and type(a) is not bool" if operator == "==" else "a != b or type(a) is bool"
        return fill(text, self._line, **parts)  # type: ignore[no-any-return]

    def membership(self, element: Code, container: Code, careful: ast.expr) -> ast.expr:
        """``in``: text in a list or in the keys of an object."""
        fast = fill("a in b", self._line, a=element.expr, b=container.expr)
        return self.guarded(fast, careful, (element, (Kind.STRING,)), (container, (Kind.LIST, Kind.MAP)))

    def order(self, operator: str, left: Code, right: Code, careful: ast.expr) -> ast.expr:
        """``<`` and its kin: Python's, on values of one type and on numbers."""
        fast = fill(f"a {operator} b", self._line, a=left.expr, b=right.expr)
        known = {left.kind, right.kind} - {Kind.DYN}
        if not known:
            text = "type(a) is type(b) and (type(a) is int or type(a) is str)"
            test = fill(text, self._line, a=left.expr, b=right.expr)
            return at(ast.IfExp(test, fast, careful), self._line)  # type: ignore[no-any-return]
        if len(known) > 1:
            return careful
        constant = _number(left) or _number(right)
        kinds = tuple(known)
        if constant is not None and abs(constant) < _EXACT:
            kinds = (Kind.INT, Kind.DOUBLE)
        elif not known <= _ORDERED | NUMBERS:
            return careful
        return self.guarded(fast, careful, (left, kinds), (right, kinds))

    def arithmetic(self, operator: str, left: Code, right: Code, careful: ast.expr) -> ast.expr:
        """``+``, ``-`` and ``*``: text and doubles are Python's, whole numbers are checked for their range."""
        parts = {"a": left.expr, "b": right.expr}
        plain = fill(_PLAIN[operator], self._line, **parts)
        known = {left.kind, right.kind} - {Kind.DYN}
        if known == {Kind.DOUBLE} or (operator == "+" and known in ({Kind.STRING}, {Kind.BYTES})):
            kind = tuple(known)
            return self.guarded(plain, careful, (left, kind), (right, kind))
        if known == {Kind.INT} or (not known and operator != "+"):
            result = at(ast.Name(self.fresh(), ast.Load()), self._line)
            checked = fill(_CHECKED[operator], self._line, t=result, **parts)
            whole = at(ast.IfExp(checked, result, careful), self._line)
            return self.guarded(whole, careful, (left, (Kind.INT,)), (right, (Kind.INT,)))
        if not known:
            return self.guarded(plain, careful, (left, (Kind.STRING,)), (right, (Kind.STRING,)))
        return careful

    def division(self, operator: str, left: Code, right: Code, careful: ast.expr) -> ast.expr:
        """``/`` and ``%`` of what isn't negative by a positive constant: there Python agrees with CEL."""
        divisor = _number(right)
        if left.kind not in (Kind.INT, Kind.DYN) or right.kind is not Kind.INT or not divisor or divisor < 0:
            return careful
        fast = fill(_PLAIN[operator], self._line, a=left.expr, b=right.expr)
        test = fill("type(a) is int and 0 <= a <= INT_MAX", self._line, a=left.expr)
        return at(ast.IfExp(test, fast, careful), self._line)  # type: ignore[no-any-return]


def _number(code: Code) -> int | float | None:
    """The value of a constant that is a number."""
    value = code.expr.value if isinstance(code.expr, ast.Constant) and code.kind in NUMBERS else None
    return value if isinstance(value, int | float) else None
