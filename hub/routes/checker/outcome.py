"""Shapes of what leaves a route: trees of expressions, payloads with changed fields, attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.contracts.shape import DYN, NEVER, STRING, LazyFields, Shape
from hub.contracts.shape_text import described
from hub.contracts.shape_union import union
from hub.routes.checker.expression import Checker
from hub.routes.checker.inference import Place
from hub.routes.checker.spelling import dotted, meant
from hub.routes.editing import Edit
from hub.routes.paths import EACH, FieldPath, path_name
from hub.routes.syntax import Literal
from hub.routes.tree import Path, Tree
from hub.routes.writer import Source

_AS_TEXT = frozenset(("timestamp", "duration", "bytes"))
_NETWORKS = frozenset(("net.IP", "net.CIDR"))
_NOT_JSON = _NETWORKS | {"type", "optional_type"}
_DEPTH = 3  # levels of an expression's value in which what isn't JSON is looked for


def as_json(shape: Shape) -> Shape:
    """What a value becomes as JSON."""
    if not shape.kinds or shape is NEVER or (shape.enum is not None and "uint" not in shape.kinds):
        return shape
    kinds = set(shape.kinds - _AS_TEXT - _NOT_JSON - {"uint"})
    if shape.kinds & _AS_TEXT:
        kinds.add("string")
    if "uint" in shape.kinds:
        kinds.add("int")
    if not kinds:
        return DYN
    items, values = shape.items, shape.values
    return shape.changed(
        kinds=kinds,
        format="date-time" if shape.kinds & (_AS_TEXT | {"string"}) == {"timestamp"} else shape.format,
        items=None if items is None else lambda: as_json(items),
        values=None if values is None else lambda: as_json(values),
        fields=LazyFields(shape.fields, lambda name: as_json(shape.fields[name])),
        variants=tuple(as_json(each) for each in shape.variants),
    )


class Outcome(Checker):
    """Checks what a route makes of an event."""

    def tree(self, tree: Tree) -> Shape:
        """The shape of a tree's JSON value."""
        if isinstance(tree.value, Source):
            shape = self.check(tree.value)
            self.check_json(shape, tree.value)
            return as_json(shape)
        if isinstance(tree.value, dict):
            fields = {name: self.tree(each) for name, each in tree.value.items()}
            return Shape(("map",), fields=fields, required=fields, closed=True, sealed=True)
        if isinstance(tree.value, list):
            return Shape(("list",), items=union(*map(self.tree, tree.value)))
        return Shape.of_value(tree.value)

    def check_json(self, shape: Shape, source: Source) -> None:
        """Reports what JSON can't hold."""
        found = _unprintable(shape, _DEPTH)
        if found is None:
            return
        what, certain = found
        message = f"JSON can't hold {described(what)}"
        hint = "compare it, e.g. `type(x) == string`"
        if "optional_type" in what.kinds:
            hint = 'write `.orValue(…)`, or `{?"field": …}` in a map'
        elif what.kinds <= _NETWORKS:
            hint = "write `string(…)` around it"
        if certain:
            self.error("route.not_json", f"{message}; this is {described(shape)}", source.tree, hint)
        else:
            self.possible("route.not_json", f"{message}; this may be one", source.tree, hint)

    def attribute(self, name: str, tree: Tree) -> Shape:
        """The shape of an attribute, which must be text."""
        if not isinstance(tree.value, Source):
            return Shape.of_value(tree.value)
        source = tree.value
        shape = self.check(source)
        taken = frozenset(("string", "timestamp")) if name == "time" else frozenset(("string",))
        if shape.kinds and shape is not NEVER and not shape.kinds <= taken:
            if shape.kinds.isdisjoint(taken):
                text = self.plain(source.tree)
                simple = shape.kinds <= {"int", "uint", "double", "bool", "timestamp", "duration"}
                fix = f"string({text})" if simple else None
                hint = f"write `{fix}`" if fix else None
                what = f"an attribute of an event is text; {self.text(source.tree)} is {described(shape)}"
                self.error("route.attribute", what, source.tree, hint, fix=fix)
            else:
                self.perhaps(source.tree, shape.kinds - taken)
            return STRING
        return as_json(shape)

    # Edits

    payload: tuple[str, Shape] = ("", DYN)
    """What the payload that is edited is called, and its shape."""

    def edited(self, shape: Shape, edit: Edit, values: Sequence[Shape], paths: Mapping[FieldPath, Path]) -> Shape:
        """The shape of a payload with its edits.

        Args:
            shape: of the value before.
            edit: what becomes of it.
            values: shapes of what is set, by the edits' indices.
            paths: where the paths of edits stand in the section.
        """
        if edit.value is not None:
            made = values[edit.value]
            return made if edit.after is None else self.edited(made, edit.after, (), paths)
        if EACH in edit.below:
            return self._elements(shape, edit, values, paths)
        if not edit.below:
            return shape
        if edit.drops and edit.sets:
            shape = Shape(("map",), closed=True, sealed=True)
        if shape.kinds and "map" not in shape.kinds:
            self._no_object(shape, edit, paths)
            return shape
        held = shape.only(("map",)) if shape.kinds else Shape(("map",))
        objects = held.objects
        changed = [self._object(each, edit, values, paths, first=index == 0) for index, each in enumerate(objects)]
        return union(*changed, *([shape.without("map")] if shape.kinds and not edit.sets else []))

    def _object(
        self, shape: Shape, edit: Edit, values: Sequence[Shape], paths: Mapping[FieldPath, Path], *, first: bool
    ) -> Shape:
        fields: dict[str, Shape] = dict(shape.fields)
        required = set(shape.required)
        for step, below in edit.below.items():
            name = str(step)
            known = shape.field(name)
            if known is None and not below.sets and first:
                self._unknown(shape, below, paths)
            if below.drops and not below.sets:
                fields.pop(name, None)
                required.discard(name)
                continue
            there = known if known is not None else Shape(("map",), closed=True, sealed=True)
            if not below.sets and known is None:
                continue
            fields[name] = self.edited(there, below, values, paths)
            if below.sets:
                required.add(name)
        return shape.changed(fields=fields, required=required, variants=(), label=None)

    def _elements(self, shape: Shape, edit: Edit, values: Sequence[Shape], paths: Mapping[FieldPath, Path]) -> Shape:
        below = edit.below[EACH]
        if shape.kinds and "list" not in shape.kinds:
            place = _below(below, paths)
            if place is not None and shape is not NEVER:
                path, where = place
                self._at(path, where)
                what = f"`{path_name(edit.where)}` is {described(shape)}, and `[]` stands for the elements of a list"
                self.error("route.not_list", what, self.source.tree)
            return shape
        items = self.edited(shape.items or DYN, below, values, paths)
        changed = Shape(("list",), items=items)
        return union(changed, shape.without("list")) if shape.kinds and not edit.sets else changed

    def _at(self, path: FieldPath, where: Path) -> str:
        """Reports from now on at a path of an edit; gives its text."""
        text = path_name(path)
        self.source = Source(text, Literal(0, len(text), None), where)
        return text

    def _no_object(self, shape: Shape, edit: Edit, paths: Mapping[FieldPath, Path]) -> None:
        place = _below(edit, paths)
        if place is None or shape is NEVER:
            return
        path, where = place
        self._at(path, where)
        hint = "its elements are written `[]`" if "list" in shape.kinds else None
        what = f"`{path_name(edit.where)}` is {described(shape)} and has no fields"
        self.error("route.type", what, self.source.tree, hint)

    def _unknown(self, shape: Shape, edit: Edit, paths: Mapping[FieldPath, Path]) -> None:
        """Reports a field that is to go and isn't there."""
        place = _below(edit, paths)
        if place is None:
            return
        path, where = place
        text = self._at(path, where)
        above, name = edit.where[:-1], str(edit.where[-1])
        called, root = self.payload
        label = called if len(above) == 1 else f"`{path_name(above)}` of {called}"
        message = f"{label} has no field `{name}`"
        steps = tuple(str(step) for step in above if step is not EACH)
        found = meant(name, shape, steps, root, "data") if EACH not in above else None
        if found is None:
            self.error("route.unknown_field", message, Place(0, len(text)), self.known(shape))
            return
        fix = dotted(found) if edit.where == path else None
        self.error("route.unknown_field", message, Place(0, len(text)), f"did you mean `{dotted(found)}`?", fix=fix)


def _below(edit: Edit, paths: Mapping[FieldPath, Path]) -> tuple[FieldPath, Path] | None:
    """The first path that leads to an edit or through it, with where it stands."""
    length = len(edit.where)
    return next(((path, where) for path, where in paths.items() if path[:length] == edit.where), None)


def _unprintable(shape: Shape, depth: int) -> tuple[Shape, bool] | None:
    """The part of a value that JSON can't hold, and whether it is certainly there."""
    if not shape.kinds or shape is NEVER or depth == 0:
        return None
    wrong = shape.kinds & _NOT_JSON
    if wrong:
        return Shape(wrong), wrong == shape.kinds
    if shape.kinds == {"list"} and shape.items is not None:
        return _unprintable(shape.items, depth - 1)
    if shape.kinds == {"map"} and shape.sealed:
        for name in shape.fields:
            found = _unprintable(shape.fields[name], depth - 1)
            if found:
                return found[0], found[1] and name in shape.required
    return None
