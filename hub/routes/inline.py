"""Turns a syntax tree into Python: the fast version, which does the common case inline.

It assumes that nothing fails: ``&&`` and ``||`` stop at the first operand that decides, fields are read from
dictionaries directly, and operators on the types that they mostly meet are Python's own, behind guards on the types
that aren't known. Everything else calls the function that the careful version calls. Where anything is raised, the
careful version starts over, so nothing here has to explain itself; but what the fast version returns must be right.

A path that is read twice (``data.pull_request``) is read once and kept.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hub.routes.access import optional_select
from hub.routes.errors import Failure
from hub.routes.generator import Generator
from hub.routes.inline_operators import InlineOperators
from hub.routes.kinds import Kind
from hub.routes.scope import Root, Scope
from hub.routes.signature import Function
from hub.routes.syntax import Bind, Call, Expr, ListLiteral, Literal, Logical, Name, OptionalSelect, Select, walk
from hub.routes.template import at, fill
from hub.routes.writer import Code, Source


def repeated(sources: Iterable[Source]) -> Counter[tuple[str, ...]]:
    """How often each path from a name is read, as ``("data", "user")``."""
    counts: Counter[tuple[str, ...]] = Counter()
    for source in sources:
        for node in walk(source.tree):
            chain = chain_of(node)
            if chain:
                counts[chain] += 1
    return counts


def chain_of(node: Expr) -> tuple[str, ...]:
    """The path from a name that a node is, as ``("data", "user")``; empty where it is none."""
    fields: list[str] = []
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    return (node.name, *reversed(fields)) if isinstance(node, Name) else ()


def start_over() -> None:
    """Ends the fast version where it doesn't know what to do."""
    raise Failure("the careful version says what is wrong")


def _is_plain(expr: ast.expr) -> bool:
    """Whether an expression costs nothing, and may stand in several places."""
    return isinstance(expr, ast.Constant | ast.Name) or (isinstance(expr, ast.List) and not expr.elts)


class InlineGenerator(InlineOperators):
    """Generates fast code. ``counts`` says which paths are worth keeping."""

    careful = False

    def __init__(self, scope: Scope, names: dict[str, Any], counts: Counter[tuple[str, ...]]) -> None:
        super().__init__(scope, names)
        self.counts = counts
        self.available: dict[tuple[str, ...], Code] = {}

    # What is kept

    @contextmanager
    def branch(self) -> Iterator[list[ast.stmt]]:
        """Collects statements that may not run, and forgets afterwards what they have read."""
        available = dict(self.available)
        with super().branch() as body:
            yield body
        self.available = available

    def kept(self, code: Code) -> Code:
        """The code of a path, whose value is kept under a name where it is used again."""
        if code.chain in self.available:
            return self.available[code.chain]
        if self.counts[(code.chain[0].partition("$")[0], *code.chain[1:])] > 1:
            code = Code(self.named(code), code.kind, code.json, code.chain)
            self.available[code.chain] = code
        return code

    def load(self, name: str, root: Root) -> Code:
        """Reads a root, once."""
        code = super().load(name, root)
        return code if root.value else self.kept(code)

    def attributes(self) -> Code:
        """The event's attributes, read once."""
        return self.kept(super().attributes())

    def field(self, operand: Code, field: str) -> Code:
        """A field: a plain subscript, since what has none raises."""
        if operand.kind not in (Kind.DYN, Kind.MAP):
            return super().field(operand, field)
        chain = (*operand.chain, field) if operand.chain else ()
        if chain in self.available:
            return self.available[chain]
        expr = fill("a[b]", self._line, a=operand.expr, b=self.constant(field))
        code = Code(expr, Kind.DYN, operand.json, chain)
        return self.kept(code) if chain else code

    # Nodes

    def has(self, operand: Code, field: str) -> Code:
        """Whether a dictionary has a key."""
        operand = self.simple(operand)
        careful = super().has(operand, field)
        fast = fill("b in a", self._line, a=operand.expr, b=self.constant(field))
        if operand.kind is Kind.MAP:
            return Code(fast, Kind.BOOL)
        return Code(self.guarded(fast, careful.expr, (operand, (Kind.MAP,))), Kind.BOOL)

    def element(self, operand: Code, key: Code) -> Code:
        """An element: text finds its key in what has such keys, a whole number its place in a list."""
        if operand.kind not in (Kind.DYN, Kind.MAP, Kind.LIST):
            return super().element(operand, key)
        if key.kind is Kind.STRING and operand.kind is not Kind.LIST:
            return Code(fill("a[b]", self._line, a=operand.expr, b=key.expr), Kind.DYN, operand.json)
        operand, key = self.simple(operand), self.simple(key)
        careful = super().element(operand, key)
        fast = fill("a[b]", self._line, a=operand.expr, b=key.expr)
        if key.kind is Kind.DYN:
            expr = self.guarded(fast, careful.expr, (key, (Kind.STRING,)))
        elif key.kind is Kind.INT and isinstance(key.expr, ast.Constant) and key.expr.value >= 0:  # type: ignore[operator]  # an int
            expr = self.guarded(fast, careful.expr, (operand, (Kind.LIST,)))
        else:
            return careful
        return Code(expr, Kind.DYN, operand.json)

    def truth(self, code: Code, node: Expr) -> ast.expr:
        """A Python bool of a value."""
        if code.kind is not Kind.DYN:
            return super().truth(code, node)
        value = self.named(code)
        return fill("a is True or (a is not False and boolean(a))", self._line, a=value)  # type: ignore[no-any-return]

    def inverted(self, operand: Code) -> Code:
        """``!``."""
        if operand.kind is Kind.BOOL:
            return Code(fill("not a", self._line, a=operand.expr), Kind.BOOL)
        if operand.kind is not Kind.DYN:
            return super().inverted(operand)
        value = self.named(operand)
        return Code(fill("a is False or (a is not True and invert(a))", self._line, a=value), Kind.BOOL)

    def emit_logical(self, node: Logical) -> Code:
        """``&&`` and ``||``, from left to right."""
        conjunction = node.operator == "&&"
        groups: list[tuple[list[ast.stmt], list[ast.expr]]] = [([], [self.operand(node.operands[0])])]
        after_first = dict(self.available)
        for operand in node.operands[1:]:
            # What an operand has read is there for those after it too: they run only when it did.
            with Generator.branch(self) as body:
                test = self.operand(operand)
            if body:
                groups.append((body, [test]))
            else:
                groups[-1][1].append(test)
        self.available = after_first
        mark = ast.And() if conjunction else ast.Or()
        values = [tests[0] if len(tests) == 1 else at(ast.BoolOp(mark, tests), self._line) for _, tests in groups]
        if len(groups) == 1:
            return Code(values[0], Kind.BOOL)
        result = self.fresh()
        self.assign(result, values[0])
        for (body, _), value in zip(groups[1:], values[1:], strict=True):
            with Generator.branch(self) as last:
                self.assign(result, value)
            undecided = fill("a" if conjunction else "not a", self._line, a=self.variable(result))
            self.statement(ast.If(undecided, body + last, []))
        return Code(self.variable(result), Kind.BOOL)

    def operand(self, node: Expr) -> ast.expr:
        """The truth of an operand."""
        return self.truth(self.emit(node), node)

    def map_of(self, entries: list[tuple[Code, Code]]) -> Code:
        """A map; a display of Python where the keys are known text."""
        code = super().map_of(entries)
        texts = [key.expr.value for key, _ in entries if isinstance(key.expr, ast.Constant) and key.kind is Kind.STRING]
        if len(texts) < len(entries) or len(set(texts)) < len(texts):
            return code
        expr = ast.Dict([key.expr for key, _ in entries], [value.expr for _, value in entries])
        return Code(at(expr, self._line), Kind.MAP, code.json)

    # Functions and macros

    def call(self, function: Function, operands: list[Code]) -> Code:
        """A function; its common case inline."""
        if function.inline is None or len(operands) != len(function.guards):
            return super().call(function, operands)
        operands = [self.simple(each) for each in operands]
        careful = super().call(function, operands)
        parts = dict(zip("ab", (each.expr for each in operands), strict=False))
        fast = fill(function.inline, self._line, **parts)
        guards = zip(operands, function.guards, strict=True)
        return Code(self.guarded(fast, careful.expr, *guards), careful.kind, careful.json)

    def match(self, text: Code, expression: Any, source: Code) -> Code:
        """``matches`` with a regular expression that is compiled already."""
        text = self.simple(text)
        careful = super().match(text, expression, source)
        parts = {"a": text.expr, "r": self.constant(expression)}
        fast = fill("r.search(a) is not None", self._line, **parts)
        return Code(self.guarded(fast, careful.expr, (text, (Kind.STRING,))), Kind.BOOL)

    def items(self, source: Code) -> ast.expr:
        """What a macro goes through: a list as it is."""
        source = self.simple(source)
        careful = super().items(source)
        return self.guarded(source.expr, careful, (source, (Kind.LIST,)))

    def emit_bind(self, node: Bind) -> Code:
        """``cel.bind``: the value is computed, whether it will be needed or not."""
        code = self.emit(node.value)
        variable = Code(self.named(code), code.kind, code.json, (f"{node.variable}${self.fresh()}",))
        return self.with_variable(node.variable, variable, node.body)

    def alternative(self, node: Call) -> Code:
        """``or`` and ``orValue``; ``data.?user.?name.orValue("")`` without making any optional value."""
        fields: list[str] = []
        operand = node.target
        while isinstance(operand, OptionalSelect):
            fields.append(operand.field)
            operand = operand.operand
        root = self.root_of(operand) if operand else None
        fallback = node.arguments[0]
        # By its look alone: what was written and thrown away would be written twice at each level of a nest.
        plain = isinstance(fallback, Literal | Name) or (isinstance(fallback, ListLiteral) and not fallback.elements)
        known = root and (root.attributes or root.value)
        if node.function != "orValue" or not fields or operand is None or known or not plain:
            return super().alternative(node)
        fields.reverse()
        base = self.simple(self.emit(operand))
        with self.branch() as body:
            default = self.emit(fallback)
        if body or not _is_plain(default.expr) or base.kind not in (Kind.DYN, Kind.MAP):
            selected = base.expr
            for field in fields:
                selected = self.use(optional_select, a=selected, b=self.constant(field))
            return self.alternative_to(self.named(Code(selected)), node)
        test = fill("type(a) is dict", self._line, a=base.expr)
        expr = self.descended(test, base.expr, fields, default.expr)
        return Code(expr, Kind.DYN, base.json and default.as_json)

    def descended(self, test: ast.expr, value: ast.expr, fields: list[str], default: ast.expr) -> ast.expr:
        """What lies at a path of fields of an object, or the default.

        Args:
            test: whether the value is an object; what isn't is left to the careful version.
            value: the value.
            fields: the path.
            default: what stands for a field that is missing.
        """
        self.names[start_over.__name__] = start_over
        parts = {"a": value, "f": self.constant(fields[0])}
        found = fill("a[f]", self._line, **parts)
        if len(fields) > 1:
            below = self.variable(self.fresh())
            test_below = fill("type(t := a[f]) is dict", self._line, t=below, **parts)
            found = self.descended(test_below, below, fields[1:], default)
        text = "(v if f in a else d) if test else start_over()"
        return fill(text, self._line, v=found, d=default, test=test, **parts)  # type: ignore[no-any-return]

    def attempt(self, operand: Expr, result: str, problem: str) -> None:  # noqa: ARG002  there is none here
        """Puts the truth of an operand into ``result``; an error is an error."""
        self.assign(result, self.operand(operand))

    def settle(self, result: str, problem: str, *, decisive: bool) -> None:
        """Nothing: there are no problems to settle."""
