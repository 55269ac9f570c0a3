"""Code for macros: ``all``, ``exists``, ``exists_one``, ``filter`` and ``map`` become loops."""

from __future__ import annotations

import ast

from hub.routes.kinds import Kind
from hub.routes.logic import Logic
from hub.routes.syntax import Expr, Macro, Name
from hub.routes.template import at, fill
from hub.routes.writer import Code


class Loops(Logic):
    """Writes loops."""

    def emit_macro(self, node: Macro) -> Code:
        """A loop."""
        source = self.emit(node.range)
        name = self.fresh()
        result = self.fresh()
        problem = self.fresh()
        outer = self.variables.get(node.variable)
        kind = Kind.STRING if source.kind is Kind.MAP and source.json else Kind.DYN
        with self.nested():
            self.start(node, result, problem)
            items = self.items(source)
            with self.branch() as body:
                self.variables[node.variable] = Code(
                    self.variable(name), kind, source.json, (f"{node.variable}${name}",)
                )
                code = self.loop(node, result, problem)
                self.restore(node.variable, outer)
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
