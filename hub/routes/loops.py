"""Code for macros: ``all``, ``exists``, ``filter``, ``map`` and their kin become loops."""

from __future__ import annotations

import ast
from typing import Any

from hub.routes.access import inserted, merged, pairs
from hub.routes.bindings import Bindings
from hub.routes.costs import MAX_STEPS, charged, charged_deep, linear, too_costly
from hub.routes.kinds import Kind
from hub.routes.lists import ordered_by
from hub.routes.scope import Scope
from hub.routes.syntax import Expr, Macro, Name
from hub.routes.template import at, fill
from hub.routes.writer import COST, Code

_CHEAP = frozenset((Kind.NULL, Kind.BOOL, Kind.INT, Kind.UINT, Kind.DOUBLE, Kind.TIMESTAMP, Kind.DURATION, Kind.TYPE))


class Loops(Bindings):
    """Writes loops."""

    def __init__(self, scope: Scope, names: dict[str, Any]) -> None:
        super().__init__(scope, names)
        self.looping: list[tuple[str, ...]] = []
        """Of each loop around, the roots of its variables' paths."""

    def emit_macro(self, node: Macro) -> Code:
        """A loop."""
        source = self.emit(node.range)
        source = Code(self.named(source), source.kind, source.json, source.chain)
        result, problem = self.fresh(), self.fresh()
        with self.nested():
            self.start(node, result, problem)
            items = self.named(Code(self.pairs(source) if node.second else self.items(source)))
            self.count(items)
            target, variables = self.element_variables(node, source)
            outer = {name: self.variables.get(name) for name in variables}
            self.looping.append(tuple(code.chain[0] for code in variables.values()))
            with self.branch() as body:
                self.variables.update(variables)
                code = self.loop(node, result, problem)
                self.looping.pop()
                for name, value in outer.items():
                    self.restore(name, value)
            self.statement(ast.For(target, items, body, []))
            if node.macro in ("all", "exists"):
                self.finish(node, result, problem)
        return self.finished(node, source, code, result)

    def count(self, items: ast.expr) -> None:
        """Counts the steps of a loop."""
        cost = at(ast.Name(COST, ast.Store()), self._line)
        self.statement(ast.AugAssign(cost, ast.Add(), fill("len(a)", self._line, a=items)))
        self.assigned.add(COST)
        test = fill(f"c > {MAX_STEPS}", self._line, c=self.variable(COST))
        self.statement(ast.If(test, [at(ast.Expr(self.use(too_costly)), self._line)], []))

    def charge(self, operand: Code, *, deep: bool = False) -> Code:
        """Counts the scanning of a value in each round of a loop. An element is scanned once, so that it is free."""
        if not self.looping or operand.kind in _CHEAP or (operand.chain and operand.chain[0] in self.looping[-1]):
            return operand
        operand = Code(self.named(operand), operand.kind, operand.json, operand.chain)
        if not isinstance(operand.expr, ast.Constant):
            self.assign(COST, self.use(charged_deep if deep else charged, c=self.variable(COST), a=operand.expr))
        return operand

    def element_variables(self, node: Macro, source: Code) -> tuple[ast.expr, dict[str, Code]]:
        """What a loop assigns in each round, and what its variables stand for."""
        key_kind = Kind.STRING if source.kind is Kind.MAP and source.json else Kind.DYN
        if node.second is None:
            return self._element(node.variable, key_kind, json=source.json)
        first, key = self._element(node.variable, key_kind, json=source.json)
        second, value = self._element(node.second, Kind.DYN, json=source.json)
        target = at(ast.Tuple([first, second], ast.Store()), self._line)
        return target, {**key, **value}

    def _element(self, variable: str, kind: Kind, *, json: bool) -> tuple[ast.expr, dict[str, Code]]:
        name = self.fresh()
        code = Code(self.variable(name), kind, json, (f"{variable}${name}",))
        return at(ast.Name(name, ast.Store()), self._line), {variable: code}

    def finished(self, node: Macro, source: Code, code: Code, result: str) -> Code:
        """The value of a macro, of what its loop has made."""
        value = self.variable(result)
        match node.macro:
            case "exists_one":
                return Code(fill("result == 1", self._line, result=value), Kind.BOOL)
            case "filter":
                return Code(value, Kind.LIST, source.json)
            case "sortBy":
                return Code(self.use(ordered_by, a=source.expr, b=value), Kind.LIST, source.json)
        return Code(value, code.kind, code.json)

    def items(self, source: Code) -> ast.expr:
        """What a macro with one variable goes through."""
        return fill("elements(a)", self._line, a=source.expr)  # type: ignore[no-any-return]

    def pairs(self, source: Code) -> ast.expr:
        """What a macro with two variables goes through."""
        return self.use(pairs, a=source.expr)

    def start(self, node: Macro, result: str, problem: str) -> None:
        """What a macro has before its loop."""
        match node.macro:
            case "all" | "exists":
                self.assign(result, self.constant(node.macro == "all"))
                self.assign(problem, self.constant(None))
            case "exists_one":
                self.assign(result, self.constant(0))
            case "transformMap" | "transformMapEntry":
                self.assign(result, at(ast.Dict([], []), self._line))
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
        """Counts, appends or enters the element."""
        into = self.variable(result)
        if node.macro == "exists_one":
            target = at(ast.Name(result, ast.Store()), self._line)
            self.statement(ast.AugAssign(target, ast.Add(), self.constant(1)))
            return Code(into, Kind.BOOL)
        element = self.emit(node.transform) if node.transform else self.emit_name(Name(0, 0, node.variable))
        if node.macro == "transformMap" and node.transform:
            key = self.emit_name(Name(0, 0, node.variable))
            self.assign(result, self.use(inserted, a=into, b=key.expr, c=element.expr))
            own = (node.variable, node.second or node.variable)
            json = element.as_json and key.kind is Kind.STRING and linear(node.transform, own)
            return Code(into, Kind.MAP, json)
        if node.macro == "transformMapEntry":
            self.assign(result, self.use(merged, a=into, b=element.expr))
            return Code(into, Kind.MAP)
        self.statement(ast.Expr(fill("result.append(a)", self._line, result=into, a=element.expr)))
        # What isn't linear in its elements is copied and counted when it becomes JSON.
        own = (node.variable, node.second or node.variable)
        return Code(into, Kind.LIST, element.as_json and (node.transform is None or linear(node.transform, own)))
