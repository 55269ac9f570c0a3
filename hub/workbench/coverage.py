"""What of a deployment's routes tests have seen happen: outcomes of predicates, branches, and routes at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from hub.deployment import Deployment, RouteSpec
from hub.deployment.finding import Span
from hub.deployment.nodes import Scalar
from hub.routes.program import Branch
from hub.routes.syntax import Conditional, Expr, walk
from hub.routes.syntax import Literal as LiteralNode
from hub.routes.tracing import Trace
from hub.routes.writer import Source
from hub.workbench.answers import NoAnswer
from hub.workbench.rehearsal import Step, UnsetVariable
from hub.workbench.tracers import Tracers

Kind = Literal["route", "where", "switch", "conditional"]
NONE = "none"
"""Label of the outcome of a ``switch`` in which no branch is meant."""
_LONGEST = 40


@dataclass(frozen=True)
class Point:
    """A place in a route where it may go one way or another.

    Attributes:
        route: its name.
        kind: a predicate has the outcomes true and false; a route without one has the one that it is used.
        label: for people: the route's name, or the field that a ``? :`` is for; no two points have the same.
        span: where it stands.
        outcomes: what may happen, in words.
        seen: which of these have happened.
    """

    route: str
    kind: Kind
    label: str
    span: Span
    outcomes: tuple[str, ...]
    seen: frozenset[int] = frozenset()

    @property
    def missing(self) -> list[str]:
        """Outcomes that no test has seen."""
        return [each for index, each in enumerate(self.outcomes) if index not in self.seen]


@dataclass(frozen=True)
class Coverage:
    """All points of a deployment.

    Attributes:
        points: in the order of routes, and in each of its expressions.
        unused: routes to which no event came.
    """

    points: tuple[Point, ...]
    unused: frozenset[str]

    @property
    def total(self) -> int:
        """How many outcomes there are."""
        return sum(len(each.outcomes) for each in self.points)

    @property
    def seen(self) -> int:
        """How many of them tests have seen."""
        return sum(len(each.seen) for each in self.points)

    @property
    def percent(self) -> float:
        """The share that tests have seen; 100 where there is nothing to see."""
        return 100 * self.seen / self.total if self.total else 100.0


class Recorder:
    """Collects what happens in the routes of a deployment.

    Args:
        deployment: whose routes.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._routes = {name: _RouteRecord(spec) for name, spec in deployment.routes.items()}

    def take(self, steps: Iterable[Step], tracers: Tracers) -> None:
        """Notes the steps that a test's events took.

        Args:
            steps: of its passage.
            tracers: with its environment.
        """
        for step in steps:
            if not isinstance(step.error, UnsetVariable | NoAnswer):  # one for want of a variable is no step at all
                self._routes[step.route.name].take(step, tracers)

    def coverage(self) -> Coverage:
        """What has been seen so far."""
        drafts = [point for record in self._routes.values() for point in record.points()]
        short = Counter(point.label for point in drafts)
        full = [
            point if short[point.label] == 1 else replace(point, label=f"{point.route}.{point.label}")
            for point in drafts
        ]
        unused = frozenset(name for name, record in self._routes.items() if not record.used)
        return Coverage(tuple(_numbered(full)), unused)


class _RouteRecord:
    """What has been seen of one route."""

    def __init__(self, spec: RouteSpec) -> None:
        self.used = False
        self._spec = spec
        self._decided: set[int] = set()
        self._whens = {id(branch.when.tree): index for index, branch in enumerate(self._branches) if branch.when}
        self._chosen: set[int] = set()
        self._conditions = {
            id(node.condition): (source, node)
            for source in spec.route.sources.found
            for node in walk(source.tree)
            if isinstance(node, Conditional) and not isinstance(node.condition, LiteralNode)
        }
        self._taken: dict[int, set[int]] = {each: set() for each in self._conditions}

    @property
    def _branches(self) -> tuple[Branch, ...]:
        """Those of a ``switch``; none without one."""
        return self._spec.route.branches if self._spec.section.switch else ()

    def take(self, step: Step, tracers: Tracers) -> None:
        """Notes a step."""
        self.used = True
        where_failed = step.error is not None and getattr(step.error, "path", ())[:1] == ("where",)
        if not where_failed:
            self._decided.add(1 if step.filtered == "where" else 0)
        if not self._conditions and not (self._branches and step.filtered != "where"):
            return
        trace = tracers.trace(step.route, step.event, step.ask)
        if self._branches:
            self._chosen |= set(self._choices(trace))
        for each in trace.steps:
            if (taken := self._taken.get(id(each.node))) is not None and each.error is None:
                taken.add(0 if each.value is True else 1)

    def _choices(self, trace: Trace) -> Iterator[int]:
        """The branches that were meant, by index; for each element of a ``split`` one. The last stands for none."""
        last = len(self._branches) - 1
        if _always(self._branches[0].when) and isinstance(trace.outcome, list):
            yield 0
        for each in trace.steps:
            index = self._whens.get(id(each.node))
            if index is None or each.error is not None:
                continue
            if each.value is True:
                yield index
            elif index == last or _always(self._branches[index + 1].when):
                yield index + 1  # the branch that needs nothing, or none

    def points(self) -> Iterator[Point]:
        """Its points, with what has been seen of them."""
        route = self._spec.route
        name = self._spec.name
        if route.where is not None and not isinstance(route.where.tree, LiteralNode):
            span = _span(self._spec, route.where, route.where.tree)
            yield Point(name, "where", name, span, ("true", "false"), frozenset(self._decided))
        else:
            yield Point(name, "route", name, self._spec.entry.place.span, ("used",), frozenset(self._decided & {0}))
        if branches := self._branches:
            span = self._spec.entry.place.find(("switch",))[0]
            words = tuple(_brief(each.when, each.when.tree) if each.when else "otherwise" for each in branches)
            words += () if _always(branches[-1].when) else (NONE,)
            yield Point(name, "switch", "switch", span, words, frozenset(self._chosen))
        for key, (source, node) in self._conditions.items():
            words = (_brief(source, node.then), _brief(source, node.otherwise))
            label = next(str(part) for part in reversed(source.path) if isinstance(part, str))
            span = _span(self._spec, source, node)
            yield Point(name, "conditional", label, span, words, frozenset(self._taken[key]))


def _always(condition: Source | None) -> bool:
    """Whether a branch is meant whenever the ones before it aren't."""
    return condition is None or (isinstance(condition.tree, LiteralNode) and condition.tree.value is True)


def _numbered(points: Iterable[Point]) -> Iterator[Point]:
    """Points with labels of their own: one field may hold several ``? :``."""
    seen: Counter[str] = Counter()
    for point in points:
        seen[point.label] += 1
        count = seen[point.label]
        yield point if count == 1 else replace(point, label=f"{point.label}#{count}")


def _span(spec: RouteSpec, source: Source, node: Expr) -> Span:
    """Where a part of an expression stands."""
    place = spec.entry.place
    _, found = place.find(source.path)
    if isinstance(found, Scalar) and source.text in found.text:
        shift = found.text.index(source.text)
        return place.document.within(found, node.start + shift, node.end + shift)
    return place.find(source.path)[0]


def _brief(source: Source, node: Expr) -> str:
    """An outcome in words: a text by itself, anything else as it is written."""
    if isinstance(node, LiteralNode) and isinstance(node.value, str) and node.value.strip():
        text = node.value
    else:
        text = source.text[node.start : node.end]
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
