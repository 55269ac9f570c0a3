"""Shapes of fields and elements."""

from __future__ import annotations

from hub.contracts.shape import BOOL, DYN, NEVER, NUMBERS, TYPE, Shape
from hub.contracts.shape_text import described
from hub.contracts.shape_union import union
from hub.routes.checker.inference import Place, Span
from hub.routes.checker.names import Names
from hub.routes.checker.spelling import dotted, meant
from hub.routes.syntax import (
    Expr,
    Has,
    Index,
    Literal,
    OptionalIndex,
    OptionalSelect,
    Select,
)
from hub.routes.values import TYPE_NAMES

_ATTRIBUTES = frozenset(("event", "env"))
"""Names whose fields the compiler checks itself."""
_TYPES = frozenset(name.rpartition(".")[2] for name in TYPE_NAMES if "." in name)
_OPTIONAL, _HOLDERS = frozenset(("optional_type",)), frozenset(("map", "optional_type"))
_MOST_LISTED = 8


class Access(Names):
    """Fields and elements."""

    # Fields

    def infer_select(self, node: Select) -> Shape:
        """``operand.field``."""
        if self.is_type(node):
            return TYPE
        operand = self.infer(node.operand)
        path = self.path_of(node)
        if path is not None and path in self.facts:
            return self.facts[path]
        return self.field(operand, node.field, node.operand, node, Place(node.field_start, node.end))

    def is_type(self, node: Select) -> bool:
        """Whether a dotted name is that of a type."""
        if node.field not in _TYPES:
            return False
        name = self.plain(node).lstrip(".")
        return name in TYPE_NAMES and name.partition(".")[0] not in {*self.roots, *self.variables}

    def field(self, operand: Shape, name: str, holder: Expr, node: Expr, place: Span) -> Shape:
        """A field of a value; reports where there is none.

        Args:
            operand: shape of the value.
            name: of the field.
            holder: the node of the value.
            node: the whole selection.
            place: where the name stands.
        """
        if not operand.kinds or operand is NEVER:
            return DYN
        if operand.kinds == _OPTIONAL:
            held = operand.items or DYN
            return Shape(_OPTIONAL, items=self.field_or_none(held, name, holder, node, place))
        if operand.kinds.isdisjoint(_HOLDERS):
            self.no_fields(operand, name, holder, node)
            return DYN
        self.perhaps(holder, operand.kinds - _HOLDERS)
        if "optional_type" in operand.kinds:
            return DYN
        found = operand.field(name)
        if found is None:
            self.unknown_field(operand, name, holder, node, place)
            return DYN
        if name not in operand.required:
            hint = f"write `has({self.plain(node)}) ? … : …`, or `{self.plain(holder)}.?{name}.orValue(…)`"
            self.possible("route.maybe_missing", f"{self.text(node)} may be missing", node, hint)
        return found

    def field_or_none(self, operand: Shape, name: str, holder: Expr, node: Expr, place: Span) -> Shape:
        """A field that may be missing; a name that can't be there is reported all the same."""
        if not operand.kinds or operand is NEVER:
            return DYN
        if "map" not in operand.kinds:
            self.no_fields(operand, name, holder, node)
            return DYN
        self.perhaps(holder, operand.kinds - {"map"})
        found = operand.field(name)
        if found is None:
            self.unknown_field(operand, name, holder, node, place)
        return found or DYN

    def no_fields(self, operand: Shape, name: str, holder: Expr, node: Expr) -> None:
        """Reports a field of what has none."""
        what = self.text(holder)
        if operand.kinds == {"null_type"}:
            self.error("route.null", f"{what} is always null here, so it has no field `{name}`", node)
            return
        hint = None
        if operand.kinds <= {"list", "null_type"}:
            inner = operand.items
            if inner is not None and inner.kinds and inner.field(name) is not None and "map" in inner.kinds:
                hint = f"write `{self.plain(holder)}[0].{name}`, or `{self.plain(holder)}.map(x, x.{name})`"
            elif name in ("length", "size", "count"):
                hint = f"write `size({self.plain(holder)})`"
        elif operand.kinds <= {"string", "null_type"} and name in ("length", "size", "count"):
            hint = f"write `size({self.plain(holder)})`"
        self.error("route.type", f"{what} is {described(operand)} and has no field `{name}`", node, hint)

    def unknown_field(self, operand: Shape, name: str, holder: Expr, node: Expr, place: Span) -> None:
        """Reports a field that isn't there, with the one that was probably meant."""
        path = self.path_of(holder)
        if path and path[0] in _ATTRIBUTES:
            return
        subject = self.subject(operand, holder)
        message = f"{subject} has no field `{name}`"
        if path is None or not all(isinstance(part, str) for part in path):
            found = meant(name, operand, ("",), operand, "")
            if found is None:
                self.error("route.unknown_field", message, place, self.known(operand))
                return
            hint = f"did you mean `{self.plain(holder)}.{'.'.join(found[1:])}`?"
            fix = self.field_text(found[1], place) if len(found) == 2 else None  # noqa: PLR2004  it stands beside it
            self.error("route.unknown_field", message, place, hint, fix=fix)
            return
        steps = tuple(str(part) for part in path)
        found = meant(name, operand, steps, self.roots.get(steps[0], DYN), steps[0])
        if found is None:
            self.error("route.unknown_field", message, place, self.known(operand))
        elif found[:-1] == steps:
            hint = f"did you mean `{dotted(found)}`?"
            self.error("route.unknown_field", message, place, hint, fix=self.field_text(found[-1], place))
        else:
            hint = f"did you mean `{dotted(found)}`?"
            self.error("route.unknown_field", message, node, hint, fix=None if isinstance(node, Has) else dotted(found))

    def field_text(self, name: str, place: Span) -> str | None:
        """What stands in place of a field's name, where that can be replaced by itself."""
        if self.source.text[place.start : place.start + 1] in ('"', "'"):
            quote = self.source.text[place.start]
            return f"{quote}{name}{quote}" if quote not in name and "\\" not in name else None
        return name if dotted(("", name)) == name or name.isidentifier() else None

    def subject(self, operand: Shape, holder: Expr) -> str:
        """What has no field: the event type for its data, else the source."""
        path = self.path_of(holder)
        if operand.label and path and len(path) == 1:
            return operand.label
        root = self.roots.get(path[0]) if path else None
        of = f" of {root.label}" if root is not None and root.label else ""
        return self.text(holder) + of

    def known(self, shape: Shape) -> str | None:
        """The fields that are there, as a suggestion."""
        names = list(shape.fields)
        if not names:
            return "it has no fields"
        more = ", …" if len(names) > _MOST_LISTED else ""
        return "it has " + ", ".join(f"`{each}`" for each in names[:_MOST_LISTED]) + more

    def infer_has(self, node: Has) -> Shape:
        """``has(operand.field)``."""
        operand = self.held(node.operand)
        path = self.path_of(node.operand)
        if path is not None and (*path, node.field) in self.facts:
            return BOOL
        if not operand.kinds or operand is NEVER:
            return BOOL
        place = Place(node.field_start, node.field_end)
        if "map" not in operand.kinds:
            self.no_fields(operand, node.field, node.operand, node)
            return BOOL
        self.perhaps(node.operand, operand.kinds - {"map"})
        if operand.field(node.field) is None:
            self.never_there(operand, node, place)
        return BOOL

    def never_there(self, operand: Shape, node: Has, place: Place) -> None:
        """Reports a test for a field that the schema doesn't have."""
        with self.collected() as found:
            self.unknown_field(operand, node.field, node.operand, node, place)
        for problem in found:
            self.report(
                "error" if problem.suggestion and problem.suggestion.startswith("did") else "warning",
                problem.code, f"{problem.message}, so `has(…)` is always false", problem, problem.suggestion,
                fix=problem.fix, everywhere=True,
            )  # fmt: skip

    def infer_optionalselect(self, node: OptionalSelect) -> Shape:
        """``operand.?field``."""
        operand = self.held(node.operand)
        place = Place(node.field_start, node.end)
        return Shape(_OPTIONAL, items=self.field_or_none(operand, node.field, node.operand, node, place))

    def held(self, node: Expr) -> Shape:
        """The shape of a value, or of what it holds if it is optional."""
        shape = self.infer(node)
        if "optional_type" not in shape.kinds:
            return shape
        self.perhaps(node, shape.kinds - _HOLDERS - {"list"})
        return shape.items or DYN if shape.kinds == _OPTIONAL else DYN

    # Elements

    def infer_index(self, node: Index) -> Shape:
        """``operand[index]``."""
        operand, key = self.infer(node.operand), self.infer(node.index)
        path = self.path_of(node)
        if path is not None and path in self.facts:
            return self.facts[path]
        if operand.kinds == _OPTIONAL:
            return Shape(_OPTIONAL, items=self.element(operand.items or DYN, key, node, optional=True))
        if "optional_type" in operand.kinds:
            self.perhaps(node.operand, operand.kinds - _HOLDERS - {"list"})
            return DYN
        return self.element(operand, key, node, optional=False)

    def infer_optionalindex(self, node: OptionalIndex) -> Shape:
        """``operand[?index]``."""
        operand, key = self.held(node.operand), self.infer(node.index)
        return Shape(_OPTIONAL, items=self.element(operand, key, node, optional=True))

    def element(self, operand: Shape, key: Shape, node: Index | OptionalIndex, *, optional: bool) -> Shape:
        """An element of a list or the value of a key."""
        if not operand.kinds or operand is NEVER:
            return DYN
        holders = operand.kinds & {"list", "map"}
        if not holders:
            if operand.kinds == {"null_type"}:
                self.error("route.null", f"{self.text(node.operand)} is always null here and has no elements", node)
            else:
                hint = "write `text.charAt(0)` or `text.substring(0, 1)`" if "string" in operand.kinds else None
                what = f"expected a list or an object; {self.text(node.operand)} is {described(operand)}"
                self.error("route.type", what, node, hint)
            return DYN
        self.perhaps(node.operand, operand.kinds - holders)
        if holders == {"list"}:
            self.expect(node.index, frozenset(("int", "uint", "double")), "an index of a list is a whole number")
            return operand.items or DYN
        if holders == {"map"}:
            return self.keyed(operand, key, node, optional=optional)
        if key.kinds:
            # A list or an object: which of them is right is a matter of the key.
            wrong = {"list"} if key.kinds.isdisjoint(NUMBERS) else {"map"} if "string" not in key.kinds else set()
            self.perhaps(node.operand, operand.kinds & wrong)
        return DYN

    def keyed(self, operand: Shape, key: Shape, node: Index | OptionalIndex, *, optional: bool) -> Shape:
        """The value of a key."""
        constant = key.constant
        if constant is not None and isinstance(constant[0], str) and isinstance(node.index, Literal):
            place = node.index
            if optional:
                return self.field_or_none(operand, constant[0], node.operand, node, place)
            return self.field(operand, constant[0], node.operand, node, place)
        if operand.closed or operand.fields:
            self.expect(node.index, frozenset(("string",)), "a key of the object is text")
        else:
            self.expect(
                node.index, frozenset(("string", "int", "uint", "double", "bool")), "a key is text, a bool or a number"
            )
        if not optional:
            hint = f"write `{self.plain(node.operand)}[?{self.plain(node.index)}].orValue(…)`"
            self.possible("route.maybe_missing", f"{self.text(node)} may be missing", node, hint)
        if not operand.closed and operand.values is None:
            return DYN
        return union(*operand.fields.values(), *([operand.values] if operand.values else []))
