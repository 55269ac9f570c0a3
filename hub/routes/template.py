"""Python's syntax trees from small texts of our own, with parts put in; and the whitelist that all code must pass.

What a user writes never becomes text of Python: it is parsed by our parser, and only its constants reach the tree, as
constants. The check in `verify` is a second lock on the same door.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

_EXPRESSIONS = (
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Dict, ast.List, ast.Compare, ast.Call, ast.Constant,
    ast.Attribute, ast.Subscript, ast.Name, ast.NamedExpr, ast.Tuple,
)  # fmt: skip
_STATEMENTS = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.If, ast.For,
    ast.Break, ast.Try, ast.ExceptHandler, ast.Raise, ast.Expr, ast.Pass,
)  # fmt: skip
_ALLOWED = frozenset(_EXPRESSIONS + _STATEMENTS)
_MARKS = (ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context)
_ATTRIBUTES = frozenset(
    ("append", "attributes", "data", "datacontenttype", "derived", "endswith", "get", "headers", "isprintable",
     "key", "of", "pop", "raw", "search", "startswith")
)  # fmt: skip
# Names that the generator makes: `v12`; the parameters; the caught exception; the steps that were taken.
_GENERATED = re.compile(r"v\d+|event|variables|error|cost")


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def fill(text: str, line: int, **parts: ast.expr) -> Any:
    """The tree of an expression of Python.

    Args:
        text: our own text, a constant in this package.
        line: number of the node of the user's expression for which it is; errors are located by it.
        parts: trees that take the place of names in the text. One that occurs twice is evaluated twice.
    """
    return _copy(_parsed(text), line, parts)


def _copy(node: Any, line: int, parts: dict[str, ast.expr]) -> Any:
    if isinstance(node, ast.Name):
        part = parts.get(node.id)
        if part is not None and isinstance(node.ctx, ast.Load):
            return part
        name = part.id if isinstance(part, ast.Name) else node.id
        return at(ast.Name(name, node.ctx), line)
    if isinstance(node, list):
        return [_copy(each, line, parts) for each in node]
    if not isinstance(node, ast.AST):
        return node
    made = node.__class__(**{field: _copy(value, line, parts) for field, value in ast.iter_fields(node)})
    return at(made, line)


def at(node: Any, line: int) -> Any:
    """The node, marked with the line by which errors in it are located."""
    node.lineno = node.end_lineno = line
    node.col_offset = node.end_col_offset = 0
    return node


def define(name: str, parameters: dict[str, ast.expr | None], body: list[ast.stmt], line: int) -> ast.FunctionDef:
    """A function.

    Args:
        name: its name.
        parameters: their names; with a default, where they have one.
        body: its statements.
        line: see `fill`.
    """
    # Parsed rather than built, since what a definition has beside these differs between versions of Python.
    (function,) = ast.parse("def f(): pass").body
    assert isinstance(function, ast.FunctionDef)
    function.name, function.body = name, body
    function.args.args = [at(ast.arg(each), line) for each in parameters]
    function.args.defaults = [each for each in parameters.values() if each is not None]
    return at(function, line)  # type: ignore[no-any-return]


def verify(tree: ast.AST, known: Collection[str]) -> None:
    """Refuses a tree with anything that generated code never needs.

    Args:
        tree: what is about to be compiled.
        known: names of the functions and constants that it may use.

    Raises:
        AssertionError: something else is in it: a defect of the compiler.
    """
    for node in ast.walk(tree):
        if isinstance(node, _MARKS):
            continue
        if type(node) not in _ALLOWED:
            raise AssertionError(f"generated code holds {type(node).__name__}")
        if isinstance(node, ast.Attribute) and node.attr not in _ATTRIBUTES:
            raise AssertionError(f"generated code reads the attribute {node.attr!r}")
        if isinstance(node, ast.Name) and node.id not in known and not _GENERATED.fullmatch(node.id):
            raise AssertionError(f"generated code uses the name {node.id!r}")
        if isinstance(node, ast.FunctionDef) and (node.decorator_list or not _GENERATED.fullmatch(node.name)):
            raise AssertionError(f"generated code defines {node.name!r}")
