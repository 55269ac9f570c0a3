"""The code of a route: predicate, attributes and data in one function of an event."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from hub.routes.errors import Failure
from hub.routes.generator import Generator
from hub.routes.kinds import Kind
from hub.routes.output import attribute_value, json_bytes
from hub.routes.scope import EXTENSION, Scope
from hub.routes.syntax import Expr, Logical
from hub.routes.template import at, fill
from hub.routes.tree import MARK, Sources, Tree
from hub.routes.unit import Unit
from hub.routes.writer import Code, Source
from hub.sdk.event import JSON

_ATTRIBUTES = {
    "type": "type", "source": "source", "subject": "subject", "id": "id", "time": "time", "key": "partitionkey",
}  # fmt: skip
_NO_EXTENSIONS = frozenset((*_ATTRIBUTES.values(), "specversion", "datacontenttype", "data"))
# What `attribute_value` checks of these is more than that they can be printed.
_SPECIAL = frozenset(("time", "source"))


class Route:
    """What a route makes of an event.

    Args:
        where: the predicate.
        section: the keys of a ``map:`` section that are set.

    Attributes:
        sources: all its expressions, and what is wrong with them.
    """

    def __init__(self, where: str | None, section: Mapping[str, Any]) -> None:
        self.sources = Sources()
        self.where: Source | None = None
        if where is not None:
            if where.startswith(MARK):
                message = "`where` is always an expression and has no `= ` in front"
                self.sources.refuse(message, ("where",), where, "leave it out")
            else:
                self.where = self.sources.parse(where, ("where",))
        self.attributes = self._attributes(section)
        self.data = self.sources.read(section["data"], ("map", "data")) if "data" in section else None

    def _attributes(self, section: Mapping[str, Any]) -> dict[str, Tree]:
        attributes = {
            attribute: self.sources.read(section[name], ("map", name))
            for name, attribute in _ATTRIBUTES.items()
            if section.get(name) is not None
        }
        for name, value in (section.get("extensions") or {}).items():
            path = ("map", "extensions", name)
            if not EXTENSION.fullmatch(name):
                self.sources.refuse(f"expected a name of lower-case letters and digits, got `{name}`", path, name)
            elif name in _NO_EXTENSIONS:
                hint = "`key`" if name == "partitionkey" else f"`{name}`" if name in _ATTRIBUTES else None
                self.sources.refuse(f"`{name}` is no extension", path, name, hint and f"write {hint} under `map`")
            attributes[name] = self.sources.read(value, path)
        for name, tree in attributes.items():
            if tree.constant:
                self._check(name, tree)
        return attributes

    def _check(self, name: str, tree: Tree) -> None:
        try:
            attribute_value(name, tree.plain())
        except Failure as error:
            self.sources.refuse(str(error), tree.path, tree.value if isinstance(tree.value, str) else "")

    def unit(self, scope: Scope) -> Unit:
        """Compiles it.

        Raises:
            ExpressionError: the first of all that is wrong; the others are its ``others``.
        """
        self.sources.check(scope)
        return Unit(self.sources.found, scope, self.generate)

    def generate(self, generator: Generator) -> None:
        """The function's body."""
        if self.where:
            self._filter(generator, self.where)
        if not self.attributes and self.data is None:
            generator.statement(ast.Return(fill("event", 1)))
            return
        made = self._made(generator)
        raw = fill("event.raw", 1)
        if self.data is not None:
            generator.statement(ast.Expr(fill('a.pop("dataschema", None)', 1, a=made)))
            raw = self._raw(generator, self.data)
        generator.statement(ast.Return(fill("Event.of(a, b, event.headers)", 1, a=made, b=raw)))

    def _filter(self, generator: Generator, where: Source) -> None:
        generator.source = where
        for operand in _conditions(where.tree) if not generator.careful else (where.tree,):
            test = generator.truth(generator.emit(operand), operand)
            leave = at(ast.Return(generator.constant(None)), 1)
            generator.statement(ast.If(fill("not a", 1, a=test), [leave], []))

    def _made(self, generator: Generator) -> ast.expr:
        """The attributes of the new event, as a new dictionary."""
        changed = {name: self._attribute(generator, name, tree) for name, tree in self.attributes.items()}
        if self.data is not None:
            changed["datacontenttype"] = generator.constant(JSON)
        keys = [None, *(generator.constant(name) for name in changed)]
        merged = at(ast.Dict(keys, [generator.attributes().expr, *changed.values()]), 1)
        return generator.named(Code(merged))

    def _attribute(self, generator: Generator, name: str, tree: Tree) -> ast.expr:
        if not isinstance(tree.value, Source):
            return generator.constant(tree.value)
        code = generator.expression(tree.value)
        value = generator.named(code)
        line = generator.line(tree.value.tree)
        checked = fill("attribute_value(n, a)", line, a=value, n=generator.constant(name))
        if generator.careful or name in _SPECIAL:
            return checked  # type: ignore[no-any-return]
        text = "a if type(a) is str and a.isprintable() and a else c"
        if code.kind is Kind.STRING:
            text = "a if a.isprintable() and a else c"
        return fill(text, line, a=value, c=checked)  # type: ignore[no-any-return]

    def _raw(self, generator: Generator, data: Tree) -> ast.expr:
        """The payload's bytes. A literal ``data: null`` is a tombstone."""
        if data.constant:
            return generator.constant(None if data.value is None else json_bytes(data.plain()))
        tree = data.code(generator, own=False)
        line = generator.line(self.sources.found[-1].tree)
        return fill("json_bytes(a)", line, a=tree)  # type: ignore[no-any-return]


def _conditions(tree: Expr) -> tuple[Expr, ...]:
    """The conditions that all must hold."""
    return tree.operands if isinstance(tree, Logical) and tree.operator == "&&" else (tree,)
