"""Code for values that get a name (``cel.bind``, ``optMap``), and for optional values."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from hub.routes import optionals
from hub.routes.access import optional_index, optional_select
from hub.routes.kinds import Kind
from hub.routes.logic import Logic
from hub.routes.scope import OPTIONAL_ATTRIBUTES
from hub.routes.syntax import Bind, Call, Expr, OptionalIndex, OptionalMap, OptionalSelect
from hub.routes.template import at, fill
from hub.routes.values import NONE
from hub.routes.writer import Code


def bound(value: Any, problem: Exception | None) -> Any:
    """The value of a variable, or the error that it has instead."""
    if problem is not None:
        raise problem
    return value


class Bindings(Logic):
    """Writes what gives values a name."""

    def use(self, implementation: Callable[..., Any], **parts: ast.expr) -> ast.expr:
        """A call of a function, with parts as its arguments in their order."""
        self.names[implementation.__name__] = implementation
        call = fill(f"{implementation.__name__}()", self._line)
        call.args = list(parts.values())
        return call  # type: ignore[no-any-return]

    def with_variable(self, name: str, code: Code, body: Expr) -> Code:
        """The code of an expression in which a name stands for a value."""
        outer = self.variables.get(name)
        self.variables[name] = code
        try:
            return self.emit(body)
        finally:
            self.restore(name, outer)

    def restore(self, name: str, outer: Code | None) -> None:
        """Ends the life of a variable."""
        if outer is None:
            del self.variables[name]
        else:
            self.variables[name] = outer

    def emit_bind(self, node: Bind) -> Code:
        """``cel.bind``: an error of the value counts only where the body needs it."""
        value, problem = self.fresh(), self.fresh()
        self.assign(value, self.constant(None))
        self.assign(problem, self.constant(None))
        with self.nested():
            with self.branch() as body:
                code = self.emit(node.value)
                self.assign(value, code.expr)
            with self.branch() as handler:
                self.assign(problem, fill("absorb(error, None)", self._line))
            caught = at(ast.ExceptHandler(fill("Exception", self._line), "error", handler), self._line)
            self.statement(ast.Try(body, [caught], [], []))
        expr = self.use(bound, a=self.variable(value), b=self.variable(problem))
        return self.with_variable(node.variable, Code(expr, code.kind, code.json), node.body)

    def emit_optionalmap(self, node: OptionalMap) -> Code:
        """``optMap`` and ``optFlatMap``."""
        operand = self.named(self.emit(node.operand))
        result, held = self.fresh(), self.fresh()
        with self.branch() as then:
            self.assign(held, self.use(optionals.value_of, a=operand))
            variable = Code(self.variable(held), chain=(f"{node.variable}${held}",))
            code = self.with_variable(node.variable, variable, node.transform)
            make = optionals.flat if node.flat else optionals.optional_of
            self.assign(result, self.use(make, a=code.expr))
        with self.branch() as otherwise:
            self.assign(result, self.constant(NONE))
        full = self.use(optionals.is_full, a=operand, f=self.constant("optFlatMap" if node.flat else "optMap"))
        self.statement(ast.If(full, then, otherwise))
        return Code(self.variable(result), Kind.OPTIONAL)

    def alternative(self, node: Call) -> Code:
        """``optional.or(other)`` and ``optional.orValue(other)``: the other is computed only where it is needed."""
        assert node.target
        return self.alternative_to(self.named(self.emit(node.target)), node)

    def alternative_to(self, operand: ast.expr, node: Call) -> Code:
        """``or`` and ``orValue`` of an optional value that has a name."""
        test = self.use(optionals.is_full, a=operand, f=self.constant(node.function))
        with self.branch() as otherwise:
            other = self.emit(node.arguments[0])
        if node.function == "or":
            present: ast.expr = operand
            missing = self.use(optionals.alternative, a=other.expr)
            kind = Kind.OPTIONAL
        else:
            present = self.use(optionals.value_of, a=operand)
            missing, kind = other.expr, Kind.DYN
        if not otherwise:
            return Code(at(ast.IfExp(test, present, missing), self._line), kind)
        result = self.fresh()
        with self.branch() as then:
            self.assign(result, present)
        outer, self.block = self.block, otherwise
        self.assign(result, missing)
        self.block = outer
        self.statement(ast.If(test, then, otherwise))
        return Code(self.variable(result), kind)

    def emit_optionalselect(self, node: OptionalSelect) -> Code:
        """``operand.?field``."""
        field, root = node.field, self.root_of(node.operand)
        if root and (root.attributes or root.value):
            if field in root.fields:
                return Code(self.use(optionals.optional_of, a=self.load(field, root.fields[field]).expr), Kind.OPTIONAL)
            self.check_field(root, field, node)
            operand, field = self.attributes(), OPTIONAL_ATTRIBUTES.get(field, field)
        else:
            operand = self.emit(node.operand)
        return Code(self.use(optional_select, a=operand.expr, b=self.constant(field)), Kind.OPTIONAL)

    def emit_optionalindex(self, node: OptionalIndex) -> Code:
        """``operand[?index]``."""
        operand, index = self.emit(node.operand), self.emit(node.index)
        return Code(self.use(optional_index, a=operand.expr, b=index.expr), Kind.OPTIONAL)

    def sparse(self, build: Callable[..., Any], places: frozenset[int], parts: list[Code], kind: Kind) -> Code:
        """A list or map of which some parts are optional."""
        call = self.use(build)
        assert isinstance(call, ast.Call)
        call.args = [self.constant(places), *(each.expr for each in parts)]
        return Code(call, kind)
