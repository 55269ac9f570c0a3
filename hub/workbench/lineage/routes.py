"""Of what fields the events are made that a route sends, and what its conditions look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hub.routes.paths import EACH, FieldPath
from hub.routes.program import Branch, Choice, Route, Shaping
from hub.routes.tree import Tree
from hub.routes.writer import Source
from hub.workbench.lineage.expressions import ROOTS, truth, value_of
from hub.workbench.lineage.values import (
    CONSTANT,
    NOTHING,
    Computed,
    Copy,
    Edited,
    Made,
    Read,
    Step,
    Value,
    Written,
    either,
    undecided,
)


@dataclass(frozen=True)
class Output:
    """What a branch of a route sends.

    Attributes:
        branch: the branch.
        event: of what it is made: a value with the fields ``attributes`` and ``data``.
        targets: names as ``to:`` has them, chosen ones too.
    """

    branch: Branch
    event: Value
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """An expression that decides whether, how often or where an event goes on.

    Attributes:
        source: the expression.
        reads: what it looks at.
    """

    source: Source
    reads: frozenset[Read]


class RouteReading:
    """A route, read for events of one type.

    Args:
        route: what to read.
        event_type: the type of the events that come in; ``None`` if it isn't known.
    """

    def __init__(self, route: Route, event_type: str | None) -> None:
        self.route = route
        self.event_type = event_type
        self._names: dict[str, Value] = dict(ROOTS)
        for asking in route.lookups:
            # An answer is found by its key, whatever it holds.
            found = set(self._tree(asking.key).reads("computes"))
            if asking.when:
                found |= value_of(asking.when.tree, self._names, event_type).reads("decides")
            self._names[asking.name] = Computed(frozenset(found))
        if route.split:
            listed = value_of(route.split.tree, self._names, event_type)
            # What the split's own conditions look at is told as the split's, not again for every field.
            self._names["item"] = undecided(listed).below(EACH)
            counted = undecided(listed).reads("computes")
            self._names["index"] = Computed(frozenset(replace(each, shallow=True) for each in counted))

    @property
    def passes(self) -> bool:
        """Whether events of this type can pass the predicate at all."""
        return self.route.where is None or truth(self.route.where.tree, self.event_type) is not False

    def branches(self) -> Iterator[Branch]:
        """The branches that events of this type can take."""
        for branch in self.route.branches if self.passes else ():
            taken = True if branch.when is None else truth(branch.when.tree, self.event_type)
            if taken is not False:
                yield branch
            if taken:
                return

    def outputs(self) -> Iterator[Output]:
        """What is sent."""
        for branch in self.branches():
            targets = [name for to in branch.to for name in ([to] if isinstance(to, str) else to.names)]
            yield Output(branch, self._event(branch.shaping), tuple(dict.fromkeys(targets)))

    def conditions(self) -> Iterator[Condition]:
        """What decides."""
        if self.route.where:
            yield self._condition(self.route.where, ROOTS)
        if not self.passes:
            return
        if self.route.split:
            yield self._condition(self.route.split, self._names)
        seen: set[Source] = set()
        for branch in self.branches():
            choices = [to.source for to in branch.to if isinstance(to, Choice)]
            for source in (*([branch.when] if branch.when else []), *choices):
                if source not in seen:
                    seen.add(source)
                    yield self._condition(source, self._names)

    def _condition(self, source: Source, names: Mapping[str, Value]) -> Condition:
        return Condition(source, value_of(source.tree, names, self.event_type).reads("decides"))

    def _event(self, shaping: Shaping) -> Value:
        attributes: dict[Step, Value] = {name: self._tree(tree) for name, tree in shaping.attributes.items()}
        attributes.update((name, NOTHING) for name in shaping.dropped if name not in attributes)
        kept: Value = Copy(("data",))
        if self.route.split:
            kept = Written(self._names["item"], self.route.split)
        data = self._tree(shaping.data) if shaping.data is not None else kept
        for path in shaping.dropped_fields:
            data = _edited(data, path[1:], NOTHING)
        for path, tree in shaping.set:
            data = _edited(data, path[1:], self._tree(tree))
        for path in shaping.trimmed:
            data = _edited(data, path[1:], NOTHING)
        return Made({"attributes": Edited(Copy(("attributes",)), attributes), "data": data})

    def _tree(self, tree: Tree) -> Value:
        match tree.value:
            case Source() as source:
                return Written(value_of(source.tree, self._names, self.event_type), source)
            case dict() as parts:
                return Made({name: self._tree(each) for name, each in parts.items()})
            case list() as items:
                return Made({EACH: either(self._tree(each) for each in items)})
        return CONSTANT


def _edited(base: Value, path: FieldPath, value: Value) -> Value:
    """A value in which something stands at a path."""
    if not path:
        return value
    step, *rest = path
    changed = _edited(base.below(step), tuple(rest), value)
    if isinstance(base, Edited):
        return Edited(base.base, {**base.changed, step: changed})
    return Edited(base, {step: changed})
