"""Shapes of macros, and of what gives a value a name."""

from __future__ import annotations

from hub.contracts.shape import BOOL, DYN, INT, NEVER, STRING, Shape
from hub.contracts.shape_text import described
from hub.contracts.shape_union import union
from hub.routes.checker.facts import Path, applied
from hub.routes.checker.logic import Logic
from hub.routes.syntax import Bind, Expr, Macro, OptionalMap

_RANGES = frozenset(("list", "map"))


class Loops(Logic):
    """Macros."""

    def infer_macro(self, node: Macro) -> Shape:
        """A macro that goes through a list or map."""
        source = self.infer(node.range)
        self.check_range(node, source)
        first, second = elements(source, two=node.second is not None)
        outer = self.facts
        with self.variable(node.variable, first) as path:
            if node.second is None:
                shape = self.body(node, source, path)
            else:
                with self.variable(node.second, second):
                    shape = self.body(node, source, path)
        self.facts = outer
        return shape

    def check_range(self, node: Macro, source: Shape) -> None:
        """Reports a macro over what has no elements."""
        if not source.kinds or source is NEVER:
            return
        if source.kinds.isdisjoint(_RANGES):
            what = f"`{node.macro}` goes through a list or an object; {self.text(node.range)} is {described(source)}"
            code = "route.null" if source.kinds == {"null_type"} else "route.not_list"
            hint = None
            if "string" in source.kinds and node.macro in ("exists", "filter", "all"):
                hint = 'text is searched by `text.contains("…")`'
            self.error(code, what, node.range, hint)
        else:
            self.perhaps(node.range, source.kinds - _RANGES)

    def body(self, node: Macro, source: Shape, path: Path) -> Shape:
        """What a macro makes of the elements."""
        with self.under(self.facts):
            if node.predicate is not None:
                decision = self.predicate(node.predicate, ("", ""))
                if node.macro in ("all", "exists", "exists_one"):
                    return BOOL
                if decision.yes is not None:
                    self.facts = decision.yes
            if node.macro == "filter":
                return self.filtered(path)
            if node.transform is None:
                return DYN
            made = self.infer(node.transform)
            if node.macro == "sortBy":
                self.check_order(node.transform, made, "sortBy")
                return Shape(("list",), items=source.items or DYN) if source.kinds == {"list"} else Shape(("list",))
            if node.macro in ("map", "transformList"):
                return Shape(("list",), items=made)
            return self.entries(node, source, made)

    def filtered(self, path: Path) -> Shape:
        """The elements that pass a condition, with what it says of them; of a map, its keys."""
        element = applied(self.roots[path[0]], path, self.facts)
        return Shape(("list",), items=element)

    def entries(self, node: Macro, source: Shape, made: Shape) -> Shape:
        """``transformMap`` and ``transformMapEntry``."""
        if node.macro == "transformMap":
            if source.kinds == {"map"} and source.closed and node.predicate is None:
                fields = dict.fromkeys(source.fields, made)
                return Shape(("map",), fields=fields, required=source.required, closed=True, sealed=source.sealed)
            return Shape(("map",), values=made if source.values or source.fields else None)
        if made.kinds and "map" not in made.kinds:
            assert node.transform is not None
            what = f"`transformMapEntry` takes a map of one entry; {self.text(node.transform)} is {described(made)}"
            self.error("route.type", what, node.transform, "write `{key: value}`")
        return Shape(("map",))

    # Names for values

    def infer_bind(self, node: Bind) -> Shape:
        """``cel.bind(variable, value, body)``."""
        value = self.infer(node.value)
        with self.variable(node.variable, value, self.path_of(node.value)):
            return self.infer(node.body)

    def infer_optionalmap(self, node: OptionalMap) -> Shape:
        """``operand.optMap(variable, transform)``."""
        operand = self.infer(node.operand)
        self.check_optional(node.operand, operand, "optFlatMap" if node.flat else "optMap")
        held = (operand.items or DYN) if "optional_type" in operand.kinds else DYN
        with self.variable(node.variable, held):
            made = self.infer(node.transform)
        if not node.flat:
            return Shape(("optional_type",), items=made)
        self.check_optional(node.transform, made, "optFlatMap")
        return made if made.kinds == {"optional_type"} else Shape(("optional_type",))

    def check_optional(self, node: Expr, shape: Shape, function: str) -> None:
        """Reports what is no optional value."""
        if not shape.kinds or shape is NEVER:
            return
        if "optional_type" in shape.kinds:
            self.perhaps(node, shape.kinds - {"optional_type"})
            return
        what = f"`{function}` takes an optional value; {self.text(node)} is {described(shape)}"
        self.error("route.type", what, node, "a field that may be missing is read as `a.?b`")


def elements(source: Shape, *, two: bool) -> tuple[Shape, Shape]:
    """The shapes of a macro's variables: an element or a key; or index and element, key and value."""
    of_list, of_map = "list" in source.kinds, "map" in source.kinds
    if of_list and of_map:
        first = elements(source.only(("list",)), two=two)
        second = elements(source.only(("map",)), two=two)
        return union(first[0], second[0]), union(first[1], second[1])
    if of_list:
        items = source.items or DYN
        return (INT, items) if two else (items if items is not NEVER else DYN, DYN)
    if not of_map:
        return DYN, DYN
    keys = STRING if source.fields or source.closed or source.values is not None else DYN
    values = source.values
    if source.closed or values is not None:
        values = union(*source.fields.values(), *([values] if values is not None else []))
    return keys, values if values is not None and values is not NEVER else DYN
