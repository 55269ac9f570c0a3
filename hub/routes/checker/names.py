"""Shapes of names and literals, and how a value of another type than is wanted is reported."""

from __future__ import annotations

from hub.contracts.shape import DYN, NEVER, TYPE, Shape
from hub.contracts.shape_constants import CONSTANT
from hub.contracts.shape_text import described
from hub.contracts.shape_union import union
from hub.routes.checker.facts import at
from hub.routes.checker.inference import Inference, Span
from hub.routes.syntax import Expr, ListLiteral, Literal, MapLiteral, Name
from hub.routes.values import TYPE_NAMES, UInt


class Names(Inference):
    """Names and literals."""

    def infer_literal(self, node: Literal) -> Shape:
        """A constant."""
        if type(node.value) is UInt:
            return Shape(("uint",), enum=(int(node.value),))
        kind = CONSTANT.get(type(node.value))
        return Shape((kind,), enum=(node.value,)) if kind else DYN

    def infer_name(self, node: Name) -> Shape:
        """A variable, a root or a type; what isn't known is the compiler's to say."""
        path = self.path_of(node)
        if path is not None:
            return self.facts.get(path) or self.roots.get(path[0], DYN) if len(path) == 1 else self.read(path)
        return TYPE if node.name in TYPE_NAMES else DYN

    def read(self, path: tuple[str | int, ...]) -> Shape:
        """The value of a variable that stands for a path."""
        return at(path, self.facts, self.roots)

    def infer_listliteral(self, node: ListLiteral) -> Shape:
        """A list of what its elements are."""
        shapes = []
        for index, each in enumerate(node.elements):
            shape = self.infer(each)
            shapes.append(self.unwrapped(shape, each) if index in node.optionals else shape)
        return Shape(("list",), items=union(*shapes))

    def infer_mapliteral(self, node: MapLiteral) -> Shape:
        """A map; its fields are known where its keys are constant text."""
        fields: dict[str, Shape] = {}
        required: set[str] = set()
        known = True
        for index, (key, value) in enumerate(node.entries):
            self.infer(key)
            shape = self.infer(value)
            optional = index in node.optionals
            if optional:
                shape = self.unwrapped(shape, value)
            if isinstance(key, Literal) and type(key.value) is str:
                fields[key.value] = shape
                if not optional:
                    required.add(key.value)
            else:
                known = False
                self.check_key(key)
        if known:
            return Shape(("map",), fields=fields, required=required, closed=True, sealed=True)
        return Shape(("map",), fields=fields, required=required)

    def check_key(self, key: Expr) -> None:
        """What a map can have as a key."""
        self.expect(
            key, frozenset(("string", "int", "uint", "bool")), "a key of a map is text, a bool or a whole number"
        )

    def expect(self, node: Expr, kinds: frozenset[str], what: str, code: str = "route.type") -> None:
        """Reports a value that isn't of some kinds, or may not be."""
        shape = self.shape_of(node)
        if not shape.kinds or shape is NEVER or shape.kinds <= kinds:
            return
        if shape.kinds.isdisjoint(kinds):
            self.error(code, f"{what}; {self.text(node)} is {described(shape)}", node)
        else:
            self.perhaps(node, shape.kinds - kinds)

    def perhaps(self, node: Expr, kinds: frozenset[str]) -> None:
        """Reports a value that may also be of kinds that aren't taken."""
        if kinds == {"null_type"}:
            hint = f"test `{self.plain(node)} != null` first"
            self.possible("route.null", f"{self.text(node)} may be null", node, hint)
        elif kinds:
            what = described(Shape(kinds))
            self.possible("route.maybe_type", f"{self.text(node)} may be {what}", node, "test its `type(…)` first")

    def plain(self, node: Span) -> str:
        """The source of a node, to be written again."""
        return " ".join(self.source.text[node.start : node.end].split())

    def unwrapped(self, shape: Shape, node: Expr) -> Shape:
        """What an optional holds; reports what is none."""
        if not shape.kinds:
            return DYN
        if "optional_type" not in shape.kinds:
            if shape is not NEVER:
                what = f"expected an optional value after `?`; {self.text(node)} is {described(shape)}"
                self.error("route.type", what, node, "leave out the `?`, or read it as `a.?b`")
            return DYN
        self.perhaps(node, shape.kinds - {"optional_type"})
        return shape.items or DYN
