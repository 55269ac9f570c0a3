"""Code for names: roots, fields of the event and of the environment, types, and the variables of macros."""

from __future__ import annotations

from typing import Any

from hub.routes.errors import ExpressionError, did_you_mean
from hub.routes.kinds import Kind, kind_of
from hub.routes.scope import EXTENSION, OPTIONAL_ATTRIBUTES, REQUIRED_ATTRIBUTES, Root, Scope
from hub.routes.syntax import Expr, Has, Literal, Name, Select
from hub.routes.template import fill
from hub.routes.values import TYPE_NAMES
from hub.routes.writer import Code, Source, Writer


class Resolver(Writer):
    """Resolves names.

    Args:
        scope: what names mean.
        names: names that generated code may use, with their values; constants are added to them.
    """

    def __init__(self, scope: Scope, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.scope = scope
        self.variables: dict[str, Code] = {}
        self.loaded = False
        """Whether a root that changes with the event was read."""

    def expression(self, source: Source) -> Code:
        """Generates an expression."""
        self.source = source
        return self.emit(source.tree)

    def error(self, code: str, message: str, node: Any, suggestion: str | None = None) -> ExpressionError:
        """The error to raise for a node."""
        error = ExpressionError(
            code, message, source=self.source.text, start=node.start, end=node.end, suggestion=suggestion
        )
        error.path = self.source.path
        return error

    def emit(self, node: Expr) -> Code:
        """Code for a node."""
        outer, self._line = self._line, self.line(node)
        code: Code = getattr(self, "emit_" + type(node).__name__.lower())(node)
        self._line = outer
        return code

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
        names = ", ".join(f"`{each}`" for each in sorted(known)) or "none"
        hint = did_you_mean(node.name, known)
        if node.name in ("item", "index") and "data" in known:
            hint = f"only a route with `split` has an `{node.name}`"
        elif hint is None and "data" in known:
            hint = f"a field of the payload is `data.{node.name}`, text stands in quotes"
        raise self.error("route.unknown_name", f"there is no `{node.name}` here; known are {names}", node, hint)

    def load(self, name: str, root: Root) -> Code:
        """Reads a root."""
        if root.value is None:
            self.loaded = True
            part = self.constant(name)
        else:
            part = self.constant(root.value[0])
        return Code(fill(root.template, self._line, name=part), root.kind, root.json, (name,))

    def emit_select(self, node: Select) -> Code:
        """A field; or, with CEL's rule that the longest name wins, a root or type with a dotted name."""
        known = self.known_field(node.operand, node.field, node) or self.dotted(node)
        return known or self.field(self.emit(node.operand), node.field)

    def dotted(self, node: Select) -> Code | None:
        """A root or type whose name is the whole chain."""
        name, first = _dotted(node)
        if not first or (not first.absolute and first.name in self.variables):
            return None
        if name in self.scope.roots:
            return self.load(name, self.scope.roots[name])
        if name in TYPE_NAMES and first.name not in self.scope.roots:
            return Code(self.constant(TYPE_NAMES[name]), Kind.TYPE)
        return None

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
        return Code(fill("event.attributes", self._line), Kind.MAP, json=True, chain=("event$attributes",))

    def check_field(self, root: Root, field: str, node: Expr) -> None:
        """Refuses a field that an event or the environment can't have."""
        if not root.attributes:
            hint = did_you_mean(field, root.fields) or "name it under `env:` in a schema file"
            raise self.error("route.unknown_env", f"the environment variable `{field}` is not declared", node, hint)
        if field in self.scope.roots and field != "key":
            message = f"an event's attributes don't hold its {field}"
            raise self.error("route.unknown_field", message, node, f"write `{field}`")
        if not EXTENSION.fullmatch(field):
            close = did_you_mean(field, [*root.fields, *REQUIRED_ATTRIBUTES, *OPTIONAL_ATTRIBUTES])
            message = f"an event has no attribute `{field}`; attributes have lower-case letters and digits"
            raise self.error("route.unknown_field", message, node, close)

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


def _dotted(chain: Select) -> tuple[str, Name | None]:
    """A chain of plain names as text, and the first of them; or nothing."""
    fields: list[str] = []
    node: Expr = chain
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    return (".".join((node.name, *reversed(fields))), node) if isinstance(node, Name) else ("", None)
