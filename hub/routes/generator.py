"""Turns a syntax tree into Python: the careful version, which follows CEL to the letter.

Every operator becomes a call of its function in `hub.routes.operators`; both sides of ``&&`` and ``||`` are tried before
an error is given up to. `hub.routes.inline` builds the fast version on top of this one: it runs first, and wherever it
stumbles the careful version runs and either has the value or says precisely what is wrong.

Code is made as statements: `Generator.emit` appends what must run before to the current block, and returns an expression
for the value. CEL has no side effects, so that expression may be evaluated at any later point of the block.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hub.routes.errors import ExpressionError, Failure, did_you_mean
from hub.routes.functions import FOREIGN, FUNCTIONS, Function
from hub.routes.kinds import JSON_KINDS, Kind, kind_of
from hub.routes.scope import EXTENSION, OPTIONAL_ATTRIBUTES, REQUIRED_ATTRIBUTES, Root, Scope
from hub.routes.strings import pattern
from hub.routes.syntax import (
    Binary,
    Call,
    Conditional,
    Expr,
    Has,
    Index,
    ListLiteral,
    Literal,
    Logical,
    Macro,
    MapLiteral,
    Name,
    Select,
    Unary,
)
from hub.routes.template import at, fill
from hub.routes.values import TYPE_NAMES

MAX_BLOCKS = 12  # nested loops and tries; CPython refuses code with more than 20

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


@dataclass(frozen=True)
class Source:
    """An expression that takes part in a unit of code: its text, its tree and where it stands in its section."""

    text: str
    tree: Expr
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Code:
    """Python for a value.

    Attributes:
        expr: an expression without side effects.
        kind: what is known of the value's type.
        json: whether the value is one that JSON can hold, as it came out of JSON.
        chain: the path from a root (``("data", "user")``) where the value is just that.
    """

    expr: ast.expr
    kind: Kind = Kind.DYN
    json: bool = False
    chain: tuple[str, ...] = ()

    @property
    def as_json(self) -> bool:
        """Whether the value needs no conversion to be JSON."""
        return self.json or self.kind in JSON_KINDS


class Generator:
    """Generates the code of one function, from any number of expressions.

    Args:
        scope: what names mean.
        names: names that generated code may use, with their values; constants are added to them.
    """

    careful = True
    """Whether this is the version that explains what fails."""

    def __init__(self, scope: Scope, names: dict[str, Any]) -> None:
        self.scope = scope
        self.names = names
        self.lines: list[tuple[Source, Expr]] = []
        self.block: list[ast.stmt] = []
        self.blocks = 0
        self.source = Source("", Literal(0, 0, None))
        self.variables: dict[str, Code] = {}
        self.assigned: set[str] = set()
        self.loaded = False
        """Whether a root that changes with the event was read."""
        self._line = 0
        self._counter = 0

    # Pieces of Python

    def expression(self, source: Source) -> Code:
        """Generates an expression."""
        self.source = source
        return self.emit(source.tree)

    def line(self, node: Expr) -> int:
        """A line number that stands for a node."""
        self.lines.append((self.source, node))
        return len(self.lines)

    def error(self, code: str, message: str, node: Any, suggestion: str | None = None) -> ExpressionError:
        """The error to raise for a node."""
        error = ExpressionError(
            code, message, source=self.source.text, start=node.start, end=node.end, suggestion=suggestion
        )
        error.path = self.source.path
        return error

    def fresh(self) -> str:
        """A name that nothing has yet."""
        self._counter += 1
        return f"v{self._counter}"

    def variable(self, name: str) -> ast.Name:
        """Reads a name."""
        return at(ast.Name(name, ast.Load()), self._line)  # type: ignore[no-any-return]

    def assign(self, name: str, value: ast.expr) -> None:
        """Appends an assignment."""
        self.assigned.add(name)
        self.block.append(self._assignment(name, value))

    def _assignment(self, name: str, value: ast.expr) -> ast.stmt:
        target = at(ast.Name(name, ast.Store()), self._line)
        return at(ast.Assign([target], value), self._line)  # type: ignore[no-any-return]

    def _tuple(self, names: list[str], context: ast.expr_context) -> ast.expr:
        return at(ast.Tuple([at(ast.Name(each, context), self._line) for each in names], context), self._line)  # type: ignore[no-any-return]

    def statement(self, node: Any) -> None:
        """Appends a statement."""
        self.block.append(at(node, self._line))

    def named(self, code: Code) -> ast.expr:
        """The value as a name or constant, which can be used more than once."""
        if isinstance(code.expr, ast.Name | ast.Constant):
            return code.expr
        name = self.fresh()
        self.assign(name, code.expr)
        return self.variable(name)

    def constant(self, value: Any) -> ast.expr:
        """A constant. What Python's syntax trees can't hold is put beside the code under a generated name."""
        if value is None or type(value) in (bool, int, float, str, bytes):
            return at(ast.Constant(value), self._line)  # type: ignore[no-any-return]
        name = self.fresh()
        self.names[name] = value
        return self.variable(name)

    @contextmanager
    def branch(self) -> Iterator[list[ast.stmt]]:
        """Collects statements that may not run."""
        outer, self.block = self.block, []
        try:
            yield self.block
        finally:
            self.block = outer

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Counts a loop or try. Beyond what CPython takes, the code within becomes an inner function that is called."""
        self.blocks += 1
        if self.blocks <= MAX_BLOCKS:
            yield
            self.blocks -= 1
            return
        depth, self.blocks = self.blocks - 1, 0
        before = set(self.assigned)
        with self.branch() as body:
            yield
        name = self.fresh()
        results = sorted({each.id for node in body for each in ast.walk(node) if _is_store(each)})
        given = [each for each in results if each in before]
        # Names that the body might not set are set first, so that each has a value to return.
        body[:0] = [self._assignment(each, self.constant(None)) for each in results if each not in before]
        body.append(at(ast.Return(self._tuple(results, ast.Load())), self._line))
        parameters = [at(ast.arg(each), self._line) for each in given]
        arguments = ast.arguments(posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[])
        self.statement(ast.FunctionDef(name, arguments, body, [], None, None))
        call = fill("f()", self._line, f=self.variable(name))
        call.args = [self.variable(each) for each in given]
        self.statement(ast.Assign([self._tuple(results, ast.Store())], call))
        self.blocks = depth

    # Nodes

    def emit(self, node: Expr) -> Code:
        """Code for a node."""
        outer, self._line = self._line, self.line(node)
        code = getattr(self, "emit_" + type(node).__name__.lower())(node)
        self._line = outer
        return code  # type: ignore[no-any-return]

    def emit_literal(self, node: Literal) -> Code:
        """A constant."""
        kind = kind_of(node.value)
        return Code(self.constant(node.value), kind, kind is not Kind.BYTES)

    def emit_name(self, node: Name) -> Code:
        """A variable of a macro, a root, or a type."""
        if not node.absolute and node.name in self.variables:
            return self.variables[node.name]
        root = self.scope.roots.get(node.name)
        if root:
            return self.load(node.name, root)
        if node.name in TYPE_NAMES:
            return Code(self.constant(TYPE_NAMES[node.name]), Kind.TYPE)
        known = [*self.scope.roots, *(() if node.absolute else self.variables)]
        names = ", ".join(f"`{each}`" for each in sorted(known))
        suggestion = did_you_mean(node.name, known)
        if suggestion is None and "data" in known:
            suggestion = f"a field of the payload is `data.{node.name}`; text stands in quotes"
        raise self.error(
            "route.unknown_name", f"there is no `{node.name}` here; known are {names or 'none'}", node, suggestion
        )

    def load(self, name: str, root: Root) -> Code:
        """Reads a root."""
        if root.value is None:
            self.loaded = True
            part = self.constant(name)
        else:
            part = self.constant(root.value[0])
        return Code(fill(root.template, self._line, name=part), root.kind, root.json, (name,))

    def emit_select(self, node: Select) -> Code:
        """A field."""
        known = self.known_field(node.operand, node.field, node)
        if known:
            return known
        qualified = _qualified(node)
        if qualified in TYPE_NAMES and qualified.partition(".")[0] not in {*self.scope.roots, *self.variables}:
            return Code(self.constant(TYPE_NAMES[qualified]), Kind.TYPE)
        return self.field(self.emit(node.operand), node.field)

    def field(self, operand: Code, field: str) -> Code:
        """A field of a value."""
        expr = fill("select(a, b)", self._line, a=operand.expr, b=self.constant(field))
        return Code(expr, Kind.DYN, operand.json, (*operand.chain, field) if operand.chain else ())

    def root_of(self, node: Expr) -> Root | None:
        """The root that a node names, if it names one."""
        if isinstance(node, Name) and (node.absolute or node.name not in self.variables):
            return self.scope.roots.get(node.name)
        return None

    def known_field(self, operand: Expr, field: str, node: Expr) -> Code | None:
        """A field of a root whose fields are known: of the event or the environment."""
        root = self.root_of(operand)
        if root is None or not (root.attributes or root.value):
            return None
        if field in root.fields:
            code = self.load(field, root.fields[field])
            return Code(code.expr, code.kind, code.json)
        self.check_field(root, field, node)
        code = self.field(self.attributes(), OPTIONAL_ATTRIBUTES.get(field, field))
        return Code(code.expr, Kind.STRING, json=True, chain=code.chain)

    def attributes(self) -> Code:
        """The event's attributes."""
        self.loaded = True
        return Code(fill("event.attributes", self._line), Kind.MAP, json=True, chain=("event",))

    def check_field(self, root: Root, field: str, node: Expr) -> None:
        """Refuses a field that an event or the environment can't have."""
        if not root.attributes:
            hint = did_you_mean(field, root.fields) or "name it under `env:` in a schema file"
            raise self.error("route.unknown_env", f"the environment variable `{field}` is not declared", node, hint)
        if field in self.scope.roots and field != "key":
            message = f"an event's attributes don't hold its {field}"
            raise self.error("route.unknown_field", message, node, f"write `{field}`")
        if not EXTENSION.fullmatch(field):
            hint = did_you_mean(field, [*root.fields, *REQUIRED_ATTRIBUTES, *OPTIONAL_ATTRIBUTES])
            message = f"an event has no attribute `{field}`; attributes have lower-case letters and digits"
            raise self.error("route.unknown_field", message, node, hint)

    def emit_has(self, node: Has) -> Code:
        """Whether a field is there."""
        root = self.root_of(node.operand)
        if root and (root.attributes or root.value):
            if node.field in root.fields or (root.attributes and node.field in REQUIRED_ATTRIBUTES):
                return Code(self.constant(True), Kind.BOOL)  # noqa: FBT003  it is the value
            self.check_field(root, node.field, node)
            return self.has(self.attributes(), OPTIONAL_ATTRIBUTES.get(node.field, node.field))
        return self.has(self.emit(node.operand), node.field)

    def has(self, operand: Code, field: str) -> Code:
        """Whether a value has a field."""
        return Code(fill("has_field(a, b)", self._line, a=operand.expr, b=self.constant(field)), Kind.BOOL)

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

    def inverted(self, operand: Code) -> Code:
        """``!`` of a value."""
        return Code(fill("invert(a)", self._line, a=operand.expr), Kind.BOOL)

    def emit_binary(self, node: Binary) -> Code:
        """A relation or arithmetic."""
        left, right = self.emit(node.left), self.emit(node.right)
        return self.binary(node.operator, left, right)

    def binary(self, operator: str, left: Code, right: Code) -> Code:
        """An operator on two values."""
        return Code(fill(BINARY[operator], self._line, a=left.expr, b=right.expr), result_kind(operator, left, right))

    def emit_conditional(self, node: Conditional) -> Code:
        """``condition ? then : otherwise``."""
        test = self.truth(self.emit(node.condition), node.condition)
        with self.branch() as then:
            first = self.emit(node.then)
        with self.branch() as otherwise:
            second = self.emit(node.otherwise)
        kind = first.kind if first.kind is second.kind else Kind.DYN
        json = first.as_json and second.as_json
        if not then and not otherwise:
            expr = fill("a if test else b", self._line, test=test, a=first.expr, b=second.expr)
            return Code(expr, kind, json)
        result = self.fresh()
        for body, code in ((then, first), (otherwise, second)):
            outer, self.block = self.block, body
            self.assign(result, code.expr)
            self.block = outer
        self.statement(ast.If(test, then, otherwise))
        return Code(self.variable(result), kind, json)

    def truth(self, code: Code, node: Expr) -> ast.expr:
        """A Python bool of a value, or a failure where it is none."""
        if code.kind is Kind.BOOL:
            return code.expr
        return fill("boolean(a)", self.line(node), a=code.expr)  # type: ignore[no-any-return]

    def emit_logical(self, node: Logical) -> Code:
        """``&&`` and ``||``: an operand that decides makes up for errors of all others."""
        decisive = node.operator == "||"
        result, problem = self.fresh(), self.fresh()
        self.assign(result, self.constant(not decisive))
        self.assign(problem, self.constant(None))
        for index, operand in enumerate(node.operands):
            with self.branch() as body:
                self.attempt(operand, result, problem)
            if index == 0:
                self.block.extend(body)
            else:
                test = fill("result is not decisive", self._line, **self._parts(result, decisive))
                self.statement(ast.If(test, body, []))
        self.settle(result, problem, decisive=decisive)
        return Code(self.variable(result), Kind.BOOL)

    def _parts(self, result: str, decisive: bool) -> dict[str, ast.expr]:  # noqa: FBT001  a value of the language
        return {"result": self.variable(result), "decisive": self.constant(decisive)}

    def attempt(self, operand: Expr, result: str, problem: str) -> None:
        """Puts the truth of an operand into ``result``, or the first error into ``problem``."""
        with self.nested():
            with self.branch() as body:
                self.assign(result, self.truth(self.emit(operand), operand))
            with self.branch() as handler:
                expr = fill("problem or locate(error)", self._line, problem=self.variable(problem))
                self.assign(problem, expr)
            caught = ast.ExceptHandler(fill("Exception", self._line), "error", handler)
            self.statement(ast.Try(body, [at(caught, self._line)], [], []))

    def settle(self, result: str, problem: str, *, decisive: bool) -> None:
        """Raises the problem, if there was one and nothing decided."""
        parts = {"problem": self.variable(problem), **self._parts(result, decisive)}
        test = fill("problem is not None and result is not decisive", self._line, **parts)
        self.statement(ast.If(test, [at(ast.Raise(self.variable(problem), None), self._line)], []))

    def emit_listliteral(self, node: ListLiteral) -> Code:
        """A list."""
        elements = [self.emit(each) for each in node.elements]
        expr = at(ast.List([each.expr for each in elements], ast.Load()), self._line)
        return Code(expr, Kind.LIST, all(each.as_json for each in elements))

    def emit_mapliteral(self, node: MapLiteral) -> Code:
        """A map."""
        entries = [(self.emit(key), self.emit(value)) for key, value in node.entries]
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
        if function is None:
            hint = FOREIGN.get(node.function) or did_you_mean(node.function, FUNCTIONS)
            raise self.error("route.unknown_function", f"there is no function `{node.function}`", node, hint)
        self.check_call(function, node)
        operands = (*((node.target,) if node.target else ()), *node.arguments)
        if function.name == "matches" and isinstance(operands[1], Literal) and type(operands[1].value) is str:
            return self.match(self.emit(operands[0]), self.regular_expression(operands[1]), self.emit(operands[1]))
        return self.call(function, [self.emit(each) for each in operands])

    def check_call(self, function: Function, node: Call) -> None:
        """Refuses a call of a form that the function doesn't have."""
        counts = function.free if node.target is None else function.member
        if len(node.arguments) in counts:
            return
        what = f"`{function.name}` is written `{function.usage}`"
        got = f"got {len(node.arguments)} argument{'' if len(node.arguments) == 1 else 's'}"
        raise self.error("route.arguments", f"{what}; {got}{' after a dot' if node.target else ''}", node)

    def call(self, function: Function, operands: list[Code]) -> Code:
        """A function of values."""
        self.names[function.implementation.__name__] = function.implementation
        call = fill(f"{function.implementation.__name__}()", self._line)
        call.args = [each.expr for each in operands]
        return Code(call, function.result, operands[0].json and function.name == "dyn")

    def regular_expression(self, literal: Literal) -> Any:
        """A regular expression that is known before it runs."""
        try:
            return pattern(literal.value)
        except Failure as error:
            raise self.error("route.regular_expression", str(error), literal) from None

    def match(self, text: Code, expression: Any, source: Code) -> Code:  # noqa: ARG002  the fast version uses it
        """``matches`` with a known regular expression."""
        return self.call(FUNCTIONS["matches"], [text, source])

    # Macros

    def emit_macro(self, node: Macro) -> Code:
        """A loop."""
        source = self.emit(node.range)
        name = self.fresh()
        result = self.fresh()
        problem = self.fresh()
        outer = self.variables.get(node.variable)
        kind = Kind.STRING if source.kind is Kind.MAP and source.json else Kind.DYN
        with self.nested():
            items = self.items(source)
            with self.branch() as body:
                self.variables[node.variable] = Code(
                    self.variable(name), kind, source.json, (f"{node.variable}${name}",)
                )
                code = self.loop(node, result, problem)
                self.restore(node.variable, outer)
            self.start(node, result, problem)
            target = at(ast.Name(name, ast.Store()), self._line)
            self.statement(ast.For(target, items, body, []))
            if node.macro in ("all", "exists"):
                self.finish(node, result, problem)
        if node.macro == "exists_one":
            return Code(fill("result == 1", self._line, result=self.variable(result)), Kind.BOOL)
        if node.macro == "filter":
            return Code(self.variable(result), Kind.LIST, source.json)
        return Code(self.variable(result), code.kind, code.json)

    def restore(self, name: str, outer: Code | None) -> None:
        """Ends the life of a macro's variable."""
        if outer is None:
            del self.variables[name]
        else:
            self.variables[name] = outer

    def items(self, source: Code) -> ast.expr:
        """What a macro goes through."""
        return fill("elements(a)", self._line, a=source.expr)  # type: ignore[no-any-return]

    def start(self, node: Macro, result: str, problem: str) -> None:
        """What a macro has before its loop."""
        match node.macro:
            case "all" | "exists":
                self.assign(result, self.constant(node.macro == "all"))
                self.assign(problem, self.constant(None))
            case "exists_one":
                self.assign(result, self.constant(0))
            case _:
                self.assign(result, at(ast.List([], ast.Load()), self._line))

    def loop(self, node: Macro, result: str, problem: str) -> Code:
        """The body of a macro's loop; gives the kind of the result."""
        if node.macro in ("all", "exists"):
            assert node.predicate
            self.decide(node.predicate, result, problem, decisive=node.macro == "exists")
            return Code(self.variable(result), Kind.BOOL)
        if node.predicate:
            test = self.truth(self.emit(node.predicate), node.predicate)
            with self.branch() as body:
                code = self.collect(node, result)
            self.statement(ast.If(test, body, []))
            return code
        return self.collect(node, result)

    def decide(self, predicate: Expr, result: str, problem: str, *, decisive: bool) -> None:
        """One round of ``all`` or ``exists``."""
        self.attempt(predicate, result, problem)
        self.stop_if(result, decisive=decisive)

    def stop_if(self, result: str, *, decisive: bool) -> None:
        """Leaves the loop once the result is settled."""
        test = fill("result is decisive", self._line, **self._parts(result, decisive))
        self.statement(ast.If(test, [at(ast.Break(), self._line)], []))

    def finish(self, node: Macro, result: str, problem: str) -> None:
        """What ``all`` and ``exists`` do after their loop."""
        self.settle(result, problem, decisive=node.macro == "exists")

    def collect(self, node: Macro, result: str) -> Code:
        """Counts or appends the element."""
        into = self.variable(result)
        if node.macro == "exists_one":
            target = at(ast.Name(result, ast.Store()), self._line)
            self.statement(ast.AugAssign(target, ast.Add(), self.constant(1)))
            return Code(into, Kind.BOOL)
        element = self.emit(node.transform) if node.transform else self.emit_name(Name(0, 0, node.variable))
        self.statement(ast.Expr(fill("result.append(a)", self._line, result=into, a=element.expr)))
        return Code(into, Kind.LIST, element.as_json)


def result_kind(operator: str, left: Code, right: Code) -> Kind:
    """The kind of an operator's result, as far as the operands tell."""
    if operator in RELATIONS:
        return Kind.BOOL
    kept = _KEPT[operator]
    if left.kind in kept and not (left.kind is Kind.TIMESTAMP and operator == "-"):
        return left.kind
    return right.kind if right.kind in kept else Kind.DYN


def _qualified(node: Expr) -> str:
    """The text of a chain of plain names, or nothing."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select):
        inner = _qualified(node.operand)
        return f"{inner}.{node.field}" if inner else ""
    return ""


def _is_store(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
