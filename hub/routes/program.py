"""A route as it is written, read: predicate, look-ups, split, branches; what each makes of an event, where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hub.routes.editing import plan
from hub.routes.enriching import ENRICH, known_before, read_enrich
from hub.routes.errors import ExpressionError, Failure
from hub.routes.output import attribute_value
from hub.routes.paths import ATTRIBUTES, REQUIRED, FieldPath, check_extension, parse_path, path_name
from hub.routes.scope import Scope
from hub.routes.tree import MARK, Path, Sources, Tree
from hub.routes.writer import Source

SPLIT_NAMES = ("item", "index")
"""Names that expressions see once an event was split: the element, and its place, counted from 0."""
MAX_BRANCHES = 200
"""Branches of a ``switch``; in Python they stand inside of each other."""


@dataclass(frozen=True)
class Choice:
    """A target that is computed: one of a list of names.

    Attributes:
        source: gives the name.
        names: those that it may give.
    """

    source: Source
    names: tuple[str, ...]


Target: TypeAlias = str | Choice
"""The name of a topic, event type or sink, or a choice of them."""


@dataclass(frozen=True)
class Shaping:
    """What becomes of an event: first ``map:``, then ``drop:``, then ``set:``.

    Attributes:
        attributes: those that are given, by CloudEvents' names.
        data: the new payload; ``None`` keeps the one that is there.
        drop: what goes: ``("data", …)`` or ``("attributes", NAME)``.
        set: fields of the payload that change, in order.
        trimmed: what goes from that again: a branch drops a part of what its route sets.
    """

    attributes: Mapping[str, Tree] = field(default_factory=dict)
    data: Tree | None = None
    drop: tuple[FieldPath, ...] = ()
    set: tuple[tuple[FieldPath, Tree], ...] = ()
    trimmed: tuple[FieldPath, ...] = ()

    @property
    def edits(self) -> bool:
        """Whether parts of the payload change."""
        return bool(self.set or self.dropped_fields)

    @property
    def dropped_fields(self) -> list[FieldPath]:
        """Fields of the payload that go."""
        return [path for path in self.drop if path[0] == "data"]

    @property
    def dropped(self) -> list[str]:
        """Attributes that go."""
        return [str(path[1]) for path in self.drop if path[0] == "attributes"]

    @property
    def changes(self) -> bool:
        """Whether anything changes at all."""
        return bool(self.attributes or self.drop or self.set) or self.data is not None

    def then(self, other: Shaping) -> Shaping:
        """This one and another on top of it, whose keys replace this one's."""
        kept = {name: each for name, each in self.attributes.items() if name not in other.dropped}
        replaced = (*other.drop, *(path for path, _ in other.set))
        drop, changed = self.drop, tuple(each for each in self.set if not _within(each[0], replaced))
        if other.data is not None:
            drop, changed = tuple(path for path in drop if path[0] == "attributes"), ()
        made = [path for path, _ in changed]
        return Shaping(
            {**kept, **other.attributes},
            self.data if other.data is None else other.data,
            (*drop, *(path for path in other.drop if not _within(path, made))),
            (*changed, *other.set),
            tuple(path for path in other.drop if _within(path, made)),
        )


def _within(path: FieldPath, any_of: Sequence[FieldPath]) -> bool:
    return any(path[: len(each)] == each for each in any_of)


@dataclass(frozen=True)
class Branch:
    """One way through a route.

    Attributes:
        when: whether an event goes this way; ``None`` if every event does that came so far.
        shaping: what it makes of an event, the route's own included.
        to: where that goes.
        path: where it stands in the route: ``()``, or ``("switch", 0)``.
    """

    when: Source | None
    shaping: Shaping
    to: tuple[Target, ...]
    path: Path = ()


class Route:
    """What a route makes of an event.

    Args:
        section: the keys of a route in a schema file that are set, as plain values.
        name: the route's name.

    Attributes:
        name: likewise.
        where: the predicate.
        lookups: what is looked up for an event that passes, in the order in which it is written.
        split: gives the elements that events are made of.
        branches: the first one whose ``when`` is true counts; a route without ``switch`` has one.
        sources: all its expressions, and what is wrong with them.
        dropped_at: where the paths under ``drop:`` stand, by the path of their branch, ``()`` for the route's own.
    """

    def __init__(self, section: Mapping[str, Any], name: str = "") -> None:
        self.name = name
        self.sources = Sources()
        self.dropped_at: dict[tuple[Path, FieldPath], Path] = {}
        self.where = self._expression(section.get("where"), ("where",))
        self.lookups = read_enrich(section.get(ENRICH), self.sources, self._expression)
        self.split = self._expression(section.get("split"), ("split",))
        shaping = self._shaping(section, ())
        targets = self._targets(section.get("to") or (), ("to",))
        switch = section.get("switch")
        if not switch:
            self.branches: tuple[Branch, ...] = (Branch(None, shaping, targets),)
        else:
            self.branches = tuple(
                self._branch(each, shaping, targets, ("switch", index)) for index, each in enumerate(switch)
            )
            if len(switch) > MAX_BRANCHES:
                message = f"expected at most {MAX_BRANCHES} branches; got {len(switch):,}"
                hint = "look the values up in a table, by `lookup(…)` and `choose`"
                self.sources.refuse(message, ("switch",), suggestion=hint)
        for branch in self.branches:
            self._check_edits(branch)

    def _branch(self, section: Mapping[str, Any], shaping: Shaping, targets: tuple[Target, ...], path: Path) -> Branch:
        when = self._expression(section.get("when"), (*path, "when"))
        own = self._shaping(section, path)
        to = self._targets(section["to"], (*path, "to")) if section.get("to") else targets
        return Branch(when, shaping.then(own), to, path)

    def _expression(self, text: str | None, path: Path) -> Source | None:
        """One that has no mark, since nothing else can stand there."""
        if text is None:
            return None
        if text.startswith(MARK):
            message = f"`{path[-1]}` is always an expression, so it has no `= ` before it"
            rest = text.removeprefix(MARK)
            hint = f"write {path[-1]}: {rest}" if "\n" not in text else "leave `= ` out"
            self.sources.refuse(message, path, text, hint, code="route.where", end=len(MARK))
            return None
        return self.sources.parse(text, path)

    def _targets(self, section: Sequence[Any], path: Path) -> tuple[Target, ...]:
        targets: list[Target] = []
        for index, each in enumerate(section):
            if isinstance(each, str):
                targets.append(each)
                continue
            text, place = str(each["choose"]), (*path, index, "choose")
            if not text.startswith(MARK):
                self.sources.refuse("expected an expression, which starts with `= `", place, text)
                continue
            targets.append(Choice(self.sources.parse(text, place, len(MARK)), tuple(each["of"])))
        return tuple(targets)

    # Shaping

    def _mapped(self, mapped: Mapping[str, Any], path: Path) -> dict[str, Tree]:
        """The attributes that ``map:`` gives."""
        attributes = {
            attribute: self.sources.read(mapped[name], (*path, "map", name))
            for name, attribute in ATTRIBUTES.items()
            if mapped.get(name) is not None
        }
        for name, value in (mapped.get("extensions") or {}).items():
            place = (*path, "map", "extensions", name)
            tree = self.sources.read(value, place)
            if self._try(check_extension, name, place):
                attributes[name] = tree
        return attributes

    def _shaping(self, section: Mapping[str, Any], path: Path) -> Shaping:
        mapped = section.get("map") or {}
        attributes = self._mapped(mapped, path)
        drop = [
            each for index, text in enumerate(section.get("drop") or ()) for each in self._dropped(text, path, index)
        ]
        attributes = {name: tree for name, tree in attributes.items() if ("attributes", name) not in drop}
        if section.get("key") is not None:
            if "partitionkey" in attributes:
                self.sources.refuse("the key is given twice, here and under `map`", (*path, "key"))
            attributes["partitionkey"] = self.sources.read(section["key"], (*path, "key"))
        data = self.sources.read(mapped["data"], (*path, "map", "data")) if "data" in mapped else None
        changed: list[tuple[FieldPath, Tree]] = []
        for text, value in (section.get("set") or {}).items():
            place = (*path, "set", text)
            target = self._path(text, place)
            tree = self.sources.read(value, place)
            if target is None:
                continue
            if target[0] == "attributes":
                attributes[str(target[1])] = tree
            elif len(target) == 1:
                self.sources.refuse("the whole payload is set by `data` under `map`", place, text)
            else:
                changed.append((target, tree))
        for name, tree in attributes.items():
            if not isinstance(tree.value, Source):
                self._check_attribute(name, tree)
        return Shaping(attributes, data, tuple(drop), tuple(changed))

    def _dropped(self, text: str, path: Path, index: int) -> list[FieldPath]:
        place = (*path, "drop", index)
        target = self._path(text, place)
        if target is None:
            return []
        if target == ("data",):
            hint = "for a tombstone write `data: null` under `map`"
            self.sources.refuse("a payload can't be dropped as a whole", place, text, hint)
            return []
        if target[0] == "attributes" and target[1] in REQUIRED:
            self.sources.refuse(f"no event can do without its {target[1]}, so it can't be dropped", place, text)
            return []
        self.dropped_at.setdefault((path, target), place)
        return [target]

    def _path(self, text: str, place: Path) -> FieldPath | None:
        try:
            return parse_path(text)
        except ExpressionError as error:
            self._note(error, place)
            return None

    def _try(self, check: Any, name: str, place: Path) -> bool:
        try:
            check(name, name)
        except ExpressionError as error:
            self._note(error, place)
            return False
        return True

    def _note(self, error: ExpressionError, place: Path) -> None:
        error.path = place
        self.sources.errors.append(error)

    def _check_attribute(self, name: str, tree: Tree) -> None:
        try:
            attribute_value(name, tree.value)
        except Failure as error:
            self.sources.refuse(str(error), tree.path, tree.value if isinstance(tree.value, str) else "")

    def _check_edits(self, branch: Branch) -> None:
        shaping = branch.shaping
        try:
            plan(shaping.dropped_fields, (path for path, _ in shaping.set), shaping.trimmed)
        except ExpressionError as error:
            place = next((tree.path for path, tree in shaping.set if path_name(path) == error.source), branch.path)
            self._note(error, place)

    # Checking

    def check(self, scope: Scope) -> None:
        """Raises the first of all that is wrong; the others are its ``others``."""
        try:
            self.sources.check(scope, lambda path: self.scope_at(scope, path))
        except ExpressionError as error:
            for each in (error, *error.others):
                self._explain(each)
            raise

    def _explain(self, error: ExpressionError) -> None:
        """Says of an answer that isn't there yet when it will be."""
        name = error.source[error.start : error.end]
        if error.code == "route.unknown_name" and name in (each.name for each in self.lookups):
            error.suggestion = (
                "nothing is looked up before `where` has let an event pass; branches of `switch` see answers"
                if error.path[:1] == ("where",)
                else f"it sees only what is looked up before it; write it below `{name}`"
            )

    def scope_at(self, scope: Scope, path: Path) -> Scope:
        """What names mean in an expression at a path: answers of look-ups, and what an event was split into."""
        names = known_before(path, self.lookups)
        if self.split and path[:1] not in (("where",), ("split",), (ENRICH,)):
            names += SPLIT_NAMES
        return scope.with_variables(names) if names else scope
