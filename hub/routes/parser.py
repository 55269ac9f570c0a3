"""Parses CEL's whole grammar into a syntax tree, by recursive descent with operator precedence.

Its errors say what was expected, what came, and what was probably meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn

from hub.routes.costs import TooCostly, check_costs
from hub.routes.errors import ExpressionError
from hub.routes.lexer import Token, tokens
from hub.routes.macros import Written, macro
from hub.routes.syntax import (
    Binary,
    Call,
    Conditional,
    Expr,
    Index,
    ListLiteral,
    Literal,
    Logical,
    MapLiteral,
    Name,
    OptionalIndex,
    OptionalSelect,
    Select,
    Unary,
)
from hub.routes.values import INT_MAX, UINT_MAX, UInt
from hub.routes.words import FOREIGN_WORDS

MAX_NESTING = 64  # brackets and branches inside of each other

_KEYWORDS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset((
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
))  # fmt: skip
_PRECEDENCE = {
    "==": 1, "!=": 1, "<": 1, "<=": 1, ">": 1, ">=": 1, "in": 1,
    "+": 2, "-": 2,
    "*": 3, "/": 3, "%": 3,
}  # fmt: skip


def parse(source: str, start: int = 0) -> Expr:
    """The syntax tree of an expression, which begins at an offset of the text.

    Raises:
        ExpressionError: with the code ``route.syntax``, ``route.too_long``, ``route.too_deep``
            or ``route.too_costly``.
    """
    return _Parser(source, start).whole()


class _Parser:
    def __init__(self, source: str, start: int) -> None:
        self.source = source
        self.tokens = tokens(source, start)
        self.index = 0
        self.nesting = 0

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def at(self, kind: str) -> bool:
        return self.tokens[self.index].kind == kind

    def word(self) -> str | None:
        """The word that comes next, if one does."""
        token = self.token
        return str(token.value) if token.kind == "name" else None

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def accept(self, kind: str) -> bool:
        if self.at(kind):
            self.index += 1
            return True
        return False

    def expect(self, kind: str, purpose: str) -> Token:
        if self.at(kind):
            return self.take()
        return self.fail(f"expected `{kind}` {purpose}")

    @property
    def last_end(self) -> int:
        """Where the last token that was taken ends."""
        return self.tokens[self.index - 1].end

    def fail(self, expected: str, *, at: Token | None = None, suggestion: str | None = None) -> NoReturn:
        token = at or self.token
        text = self.source[token.start : token.end]
        came = "the expression ended" if token.kind == "end" else f"got `{text}`"
        if suggestion is None and token.kind == "name":
            suggestion = FOREIGN_WORDS.get(text)
        self.error(f"{expected}; {came}", token.start, token.end, suggestion)

    def error(
        self, message: str, start: int, end: int, suggestion: str | None = None, code: str = "route.syntax"
    ) -> NoReturn:
        raise ExpressionError(code, message, source=self.source, start=start, end=end, suggestion=suggestion)

    def beyond(self, limit: str, start: int, end: int, code: str = "route.too_deep") -> NoReturn:
        self.error(f"expected at most {limit}", start, end, "split it over several fields", code)

    # Expressions, from the weakest binding to the strongest

    def whole(self) -> Expr:
        if self.at("end"):
            self.error("expected an expression; got nothing", self.token.start, len(self.source))
        tree = self.expression()
        if not self.at("end"):
            self.fail("expected an operator or the end of the expression", suggestion=self.hint_after())
        try:
            check_costs(tree)
        except TooCostly as error:
            self.beyond(error.limit, error.node.start, error.node.end, error.code)
        return tree

    def hint_after(self) -> str | None:
        if self.at("string") and self.index and self.tokens[self.index - 1].kind == "name":
            return 'text is formatted with `+`, e.g. `"#" + string(data.number)`'
        if self.at("number") and self.source[self.token.start] == ".":
            return "an element of a list is `list[0]`"
        if self.word() == "not":
            return "write `!(element in list)`"
        return None

    def expression(self) -> Expr:
        self.nesting += 1
        if self.nesting > MAX_NESTING + 1:  # the outermost is inside of nothing
            self.beyond(f"{MAX_NESTING} levels of nesting", self.token.start, self.token.end)
        start = self.token.start
        condition = self.logical("||", lambda: self.logical("&&", lambda: self.binary(1)))
        if self.at("?"):
            condition = self.conditional(condition, start)
        self.nesting -= 1
        return condition

    def conditional(self, condition: Expr, start: int) -> Expr:
        question = self.take()
        null_safe = self.at(".") and self.token.start == question.end
        then = self.logical("||", lambda: self.logical("&&", lambda: self.binary(1)))
        if not self.at(":"):
            self.fail(
                "expected `:` and what holds otherwise",
                suggestion="a field that may be missing is read as `a.?b`, e.g. `a.?b.orValue(…)`"
                if null_safe
                else None,
            )
        self.take()
        otherwise = self.expression()
        return Conditional(start, self.last_end, condition, then, otherwise)

    def logical(self, operator: str, operand: Callable[[], Expr]) -> Expr:
        start = self.token.start
        operands = [operand()]
        while self.accept(operator):
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        return Logical(start, self.last_end, operator, tuple(operands))

    def binary(self, precedence: int) -> Expr:
        start = self.token.start
        left = self.unary()
        while True:
            operator = "in" if self.word() == "in" else self.token.kind
            if _PRECEDENCE.get(operator, 0) < precedence:
                return left
            self.take()
            right = self.binary(_PRECEDENCE[operator] + 1)
            left = Binary(start, self.last_end, operator, left, right)

    def unary(self) -> Expr:
        signs: list[Token] = []
        while self.at("!") or (self.at("-") and not (signs and signs[0].kind == "!")):
            if signs and self.token.kind != signs[0].kind:
                break
            signs.append(self.take())
        if signs and signs[-1].kind == "-" and self.at("number"):
            start = signs[-1].start
            operand = self.members(self.number(signs.pop()), start)
        else:
            start = self.token.start
            operand = self.members(self.primary(), start)
        for sign in reversed(signs):
            operand = Unary(sign.start, self.last_end, sign.kind, operand)
        return operand

    def members(self, operand: Expr, start: int) -> Expr:
        """What follows a value directly: selections, calls and indexes."""
        while self.at(".") or self.at("["):
            operand = self.index_of(operand, start) if self.at("[") else self.select(operand, start)
        if self.at("{") and isinstance(operand, Name | Select):
            self.fail(
                "expected an operator", suggestion='there are no message types; a map is written `{"key": value}`'
            )
        return operand

    def index_of(self, operand: Expr, start: int) -> Expr:
        self.take()
        kind = OptionalIndex if self.accept("?") else Index
        index = self.expression()
        end = self.expect("]", "after the index").end
        return kind(start, end, operand, index)

    def select(self, operand: Expr, start: int) -> Expr:
        self.take()
        optional = self.accept("?")
        token = self.token
        if token.kind != "quoted" and (token.kind != "name" or token.value in _KEYWORDS or token.value == "in"):
            suggestion = f'a key of this name is read as `["{token.value}"]`' if token.kind == "name" else None
            self.fail("expected a field's name after `.`", suggestion=suggestion)
        self.take()
        name = str(token.value)
        if optional:
            return OptionalSelect(start, token.end, operand, name, token.start)
        if token.kind == "name" and self.at("("):
            return self.method(operand, token, start)
        return Select(start, token.end, operand, name, token.start)

    def method(self, target: Expr, name: Token, start: int) -> Expr:
        arguments, end = self.arguments()
        written = Written(start, end, str(name.value), name.start, target, arguments)
        return macro(written, self.error) or Call(start, end, written.name, target, arguments, name.start)

    # Values

    def primary(self) -> Expr:  # noqa: PLR0911  one for each form
        token = self.token
        match token.kind:
            case "number":
                return self.number(None)
            case "string":
                self.take()
                return Literal(token.start, token.end, token.value)
            case "(":
                return self.group()
            case "[":
                return self.list_literal()
            case "{":
                return self.map_literal()
            case "name" | ".":
                return self.name()
        return self.fail("expected a value")

    def number(self, sign: Token | None) -> Expr:
        token = self.take()
        value = token.value
        start = sign.start if sign else token.start
        if sign:
            if type(value) is UInt:
                self.error("a uint has no sign", start, token.end)
            value = -value
        if type(value) is int and not -INT_MAX - 1 <= value <= INT_MAX:
            self.error(
                "expected an int of 64 bits, from -9223372036854775808 to 9223372036854775807",
                start,
                token.end,
                "write it with a decimal point as a double, e.g. `1e20`",
            )
        if type(value) is UInt and value > UINT_MAX:
            self.error("expected a uint of 64 bits, at most 18446744073709551615", start, token.end)
        if type(value) is float and math.isinf(value):
            self.error("expected a double of 64 bits, at most about 1.8e308", start, token.end)
        return Literal(start, token.end, value)

    def group(self) -> Expr:
        self.take()
        inner = self.expression()
        self.expect(")", "to close the bracket")
        return inner

    def name(self) -> Expr:
        start = self.token.start
        absolute = self.accept(".")
        token = self.token
        if token.kind != "name":
            self.fail("expected a name")
        word = str(token.value)
        if not absolute and word in _KEYWORDS:
            self.take()
            return Literal(start, token.end, _KEYWORDS[word])
        if word in _RESERVED or word in _KEYWORDS or word == "in":
            self.fail("expected a value")
        following = self.tokens[self.index + 1]
        if word in FOREIGN_WORDS and following.kind in ("name", "number", "string", "["):
            self.fail("expected a value")
        self.take()
        if self.at("("):
            return self.function(token, start)
        return Name(start, token.end, word, absolute)

    def function(self, name: Token, start: int) -> Expr:
        arguments, end = self.arguments()
        written = Written(start, end, str(name.value), name.start, None, arguments)
        return macro(written, self.error) or Call(start, end, written.name, None, arguments, name.start)

    def arguments(self) -> tuple[tuple[Expr, ...], int]:
        self.take()
        arguments: list[Expr] = []
        while not self.at(")"):
            arguments.append(self.expression())
            if not self.accept(","):
                break
            if self.at(")"):
                self.fail("expected another argument after `,`")
        return tuple(arguments), self.expect(")", "after the arguments").end

    def list_literal(self) -> Expr:
        start = self.take().start
        elements: list[Expr] = []
        optionals: set[int] = set()
        while not self.at("]"):
            if self.accept("?"):
                optionals.add(len(elements))
            elements.append(self.expression())
            if not self.accept(","):
                break
        end = self.expect("]", "after the elements").end
        return ListLiteral(start, end, tuple(elements), frozenset(optionals))

    def map_literal(self) -> Expr:
        start = self.take().start
        entries: list[tuple[Expr, Expr]] = []
        optionals: set[int] = set()
        while not self.at("}"):
            if self.accept("?"):
                optionals.add(len(entries))
            key = self.expression()
            self.expect(":", "between a key and its value")
            entries.append((key, self.expression()))
            if not self.accept(","):
                break
        end = self.expect("}", "after the entries").end
        return MapLiteral(start, end, tuple(entries), frozenset(optionals))
