"""Code for ``&&``, ``||``, ``!`` and ``? :``."""

from __future__ import annotations

import ast

from hub.routes.kinds import Kind
from hub.routes.resolver import Resolver
from hub.routes.syntax import Conditional, Expr, Logical
from hub.routes.template import at, fill
from hub.routes.writer import Code


class Logic(Resolver):
    """Writes branches."""

    def inverted(self, operand: Code) -> Code:
        """``!`` of a value."""
        return Code(fill("invert(a)", self._line, a=operand.expr), Kind.BOOL)

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
                expr = fill("absorb(error, problem)", self._line, problem=self.variable(problem))
                self.assign(problem, expr)
            caught = ast.ExceptHandler(fill("Exception", self._line), "error", handler)
            self.statement(ast.Try(body, [at(caught, self._line)], [], []))

    def settle(self, result: str, problem: str, *, decisive: bool) -> None:
        """Raises the problem, if there was one and nothing decided."""
        parts = {"problem": self.variable(problem), **self._parts(result, decisive)}
        test = fill("problem is not None and result is not decisive", self._line, **parts)
        self.statement(ast.If(test, [at(ast.Raise(self.variable(problem), None), self._line)], []))
