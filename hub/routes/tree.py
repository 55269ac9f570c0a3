"""Trees of a schema file whose texts may be expressions: read, checked and turned into code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from hub.routes.errors import ExpressionError
from hub.routes.generator import Generator
from hub.routes.kinds import JSON_KINDS, Kind
from hub.routes.parser import parse
from hub.routes.scope import Scope
from hub.routes.syntax import Literal
from hub.routes.template import at, fill
from hub.routes.writer import Source
from hub.sdk.config import has_expression

MARK = "= "
"""What text starts with that is an expression."""

Path: TypeAlias = tuple[str | int, ...]


class Tree:
    """A JSON-like tree of constants and expressions.

    Attributes:
        value: a scalar, a `Source`, a list of trees, or a dictionary of them.
        constant: whether no expression is in it.
        path: where it stands in its section.
    """

    __slots__ = ("constant", "path", "value")

    def __init__(self, value: Any, path: Path, *, constant: bool) -> None:
        self.value = value
        self.path = path
        self.constant = constant

    def plain(self) -> Any:
        """The value of a tree that is constant."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value

    def code(self, generator: Generator, *, own: bool) -> ast.expr:
        """Code that makes the JSON value.

        Args:
            generator: where it goes.
            own: whether it must not share lists and objects with the event.
        """
        if isinstance(self.value, Source):
            return _leaf(generator, self.value, own=own)
        if isinstance(self.value, dict):
            values = [each.code(generator, own=own) for each in self.value.values()]
            return at(ast.Dict([at(ast.Constant(key), 1) for key in self.value], values), 1)  # type: ignore[no-any-return]
        if isinstance(self.value, list):
            return at(ast.List([each.code(generator, own=own) for each in self.value], ast.Load()), 1)  # type: ignore[no-any-return]
        return at(ast.Constant(self.value), 1)  # type: ignore[no-any-return]


def _leaf(generator: Generator, source: Source, *, own: bool) -> ast.expr:
    code = generator.expression(source)
    plain = code.kind in JSON_KINDS and not (own and code.kind is Kind.UINT)
    if plain or (code.as_json and not own and not generator.careful):
        return code.expr
    return fill("json_value(a)", generator.line(source.tree), a=code.expr)  # type: ignore[no-any-return]


class Sources:
    """Reads the trees of one section, and gathers their expressions and all that is wrong with them."""

    def __init__(self) -> None:
        self.found: list[Source] = []
        self.errors: list[ExpressionError] = []

    def parse(self, text: str, path: Path, start: int = 0) -> Source:
        """Reads an expression, which begins at an offset of the text."""
        try:
            source = Source(text, parse(text, start), path)
        except ExpressionError as error:
            error.path = path
            self.errors.append(error)
            return Source(text, Literal(start, start, None), path)
        self.found.append(source)
        return source

    def read(self, value: Any, path: Path) -> Tree:
        """Reads a tree."""
        if isinstance(value, str):
            # Not by the mark alone: what a reference gave is text, whatever it starts with.
            if has_expression(value):
                return Tree(self.parse(str(value), path, len(MARK)), path, constant=False)
            return Tree(str(value), path, constant=True)
        if value is None or isinstance(value, bool | int | float):
            # YAML's readers give numbers of classes of their own.
            plain = (
                value if value is None or isinstance(value, bool) else (int if isinstance(value, int) else float)(value)
            )
            return Tree(plain, path, constant=True)
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    self.refuse(f"expected text as key, got {type(key).__name__}; write it in quotes", path)
            items = {str(key): self.read(each, (*path, str(key))) for key, each in value.items()}
            return Tree(items, path, constant=all(each.constant for each in items.values()))
        if isinstance(value, Sequence):
            each = [self.read(element, (*path, index)) for index, element in enumerate(value)]
            return Tree(each, path, constant=all(element.constant for element in each))
        self.refuse(f"expected a value that JSON can hold, got {type(value).__name__}; write it in quotes", path)
        return Tree(None, path, constant=True)

    def refuse(
        self,
        message: str,
        path: Path,
        text: str = "",
        suggestion: str | None = None,
        *,
        code: str = "route.value",
        end: int | None = None,
    ) -> None:
        """Notes something that is no error of an expression."""
        end = len(text) if end is None else end
        error = ExpressionError(code, message, source=text, start=0, end=end, suggestion=suggestion)
        error.path = path
        self.errors.append(error)

    def check(self, scope: Scope, scope_at: Callable[[Path], Scope] | None = None) -> None:
        """Raises the first error of all that were found; the others are its ``others``.

        Args:
            scope: what names mean.
            scope_at: what they mean at a path, where that differs.
        """
        errors = [*self.errors]
        for source in self.found:
            try:
                Generator(scope_at(source.path) if scope_at else scope, {}).expression(source)
            except ExpressionError as error:
                errors.append(error)
        if errors:
            first = errors[0]
            first.others = tuple(errors[1:])
            raise first
