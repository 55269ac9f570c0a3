"""Checks a route: its predicate, its branches, and the shapes of what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.shape import DYN, INT, NEVER, NULL, STRING, Shape
from hub.contracts.shape_constants import among
from hub.contracts.shape_text import constant_text, described
from hub.routes.checker.expression import ordered
from hub.routes.checker.facts import Facts, applied
from hub.routes.checker.lookups import Answers, check_lookups
from hub.routes.checker.outcome import Outcome, as_json
from hub.routes.checker.problem import Problem, Visit, agreed
from hub.routes.checker.spelling import close
from hub.routes.editing import plan
from hub.routes.errors import ExpressionError
from hub.routes.paths import FieldPath
from hub.routes.program import Branch, Choice, Route, Target
from hub.routes.syntax import Expr, Literal
from hub.routes.tree import Path
from hub.routes.writer import Source

_ALONE = ("so `where` can be left out", "so the route lets no event through")
_LAST = ("so `when` can be left out", "so this branch is never taken")
_BEFORE = ("so no branch behind this one is ever taken", "so this branch is never taken")


@dataclass(frozen=True)
class Output:
    """What comes out of a route by one of its branches.

    Attributes:
        branch: path of the branch, as `Branch.path`.
        targets: where it goes.
        attributes: shapes of those that the route gives, by CloudEvents' names; null where the route drops one.
        data: shape of the payload.
    """

    branch: Path
    targets: tuple[Target, ...]
    attributes: Mapping[str, Shape]
    data: Shape


@dataclass(frozen=True)
class RouteChecked:
    """What the checker says of a route, for one kind of events.

    Attributes:
        problems: by place.
        outputs: of the branches that are ever taken; none if ``where`` lets nothing through.
        types: for each expression, by its path, its nodes with their shapes.
        visited: what was looked at; what isn't in it is never evaluated for these events.
    """

    problems: tuple[Problem, ...]
    outputs: tuple[Output, ...]
    types: Mapping[Path, tuple[tuple[Expr, Shape], ...]] = field(default_factory=dict, repr=False)
    visited: frozenset[Visit] = field(default=frozenset(), repr=False)

    def saw(self, problem: Problem) -> bool:
        """Whether the place of a problem, which other events may have, is evaluated for these events."""
        return problem.visit in self.visited


def check_route(
    route: Route,
    names: Mapping[str, Shape],
    *,
    strict: bool = False,
    tables: Mapping[str, Any] | None = None,
    alone: bool = True,
    answers: Mapping[str, Answers] | None = None,
) -> RouteChecked:
    """Checks a route against one kind of events.

    Args:
        route: without errors of syntax.
        names: shapes of ``data``, ``event``, ``key``, ``headers``, ``env``, ``now``; the label of ``data`` is what
            people call these events.
        strict: whether to report what is only possible: null, missing fields.
        tables: constant tables for ``lookup``.
        alone: whether the route reads no other kinds of events. If it does, what is never true of these is no mistake,
            and what stands behind it isn't looked at.
        answers: what is known of its look-ups, by name.
    """
    return _RouteCheck(route, Outcome(names, strict=strict, tables=tables, alone=alone), answers or {}).checked()


class _RouteCheck:
    def __init__(self, route: Route, checker: Outcome, answers: Mapping[str, Answers]) -> None:
        self.route = route
        self.checker = checker
        self.answers = answers
        self.outputs: list[Output] = []
        self.ways: list[tuple[Sequence[Problem], set[Visit]]] = []

    def checked(self) -> RouteChecked:
        checker, route = self.checker, self.route
        alive = True
        if route.where is not None:
            decision = checker.check_predicate(route.where, _ALONE)
            alive = decision.yes is not None or checker.alone
            checker.facts = decision.yes or {}
        if alive:
            check_lookups(checker, route, self.answers)
            if route.split is not None:
                self.split(route.split)
            self.branches()
        common = (checker.problems, checker.visited)
        # What all branches share is looked at in each of them, under what led there.
        problems = [*common[0], *agreed(self.ways)]
        visited = common[1].union(*(visited for _, visited in self.ways))
        types = {path: tuple(each.values()) for path, each in checker.types_of.items()}
        return RouteChecked(ordered(problems), tuple(self.outputs), types, frozenset(visited))

    def split(self, source: Source) -> None:
        """What an event is split by must be a list."""
        checker = self.checker
        shape = checker.check(source)
        text = checker.text(source.tree)
        if shape.kinds and shape is not NEVER:
            if "list" not in shape.kinds:
                code = "route.null" if shape.kinds == {"null_type"} else "route.not_list"
                checker.error(code, f"`split` takes a list; {text} is {described(shape)}", source.tree)
            else:
                checker.perhaps(source.tree, shape.kinds - {"list"})
        items = shape.items if "list" in shape.kinds else None
        checker.facts = checker.evaluated(source.tree, checker.facts) or checker.facts
        checker.roots["item"] = items if items is not None and items is not NEVER else DYN
        checker.roots["index"] = INT

    # Branches

    def branches(self) -> None:
        """Each branch, under what those before it left."""
        base = self.checker.facts
        facts: Facts | None = base
        seen: dict[str, Source] = {}
        for index, branch in enumerate(self.route.branches):
            taken = facts
            if branch.when is not None:
                taken, facts = self.when(branch.when, base, facts, seen, last=index == len(self.route.branches) - 1)
            if taken is not None:
                self.branch(branch, taken)

    def when(
        self, source: Source, base: Facts, facts: Facts | None, seen: dict[str, Source], *, last: bool
    ) -> tuple[Facts | None, Facts | None]:
        """A branch's predicate: what is known where it is taken, and where it isn't."""
        checker = self.checker
        checker.begin(source)
        text = " ".join(source.text[source.tree.start : source.tree.end].split())
        if text in seen:
            what = "this branch is never taken: an earlier one has the same `when`"
            checker.error("route.unreachable", what, source.tree, "leave one of them out, or change its `when`")
            return None, facts
        seen[text] = source
        if facts is None:
            return None, None
        checker.facts = base
        with checker.collected() as of_itself:
            decision = alone = checker.check_predicate(source, _LAST if last else _BEFORE)
        checker.facts = facts
        if facts == base:
            checker.note(of_itself)
        else:
            with checker.collected() as problems:
                checker.infer(source.tree)
                checker.check_bool(source.tree)
            decision = checker.decided(source.tree)
            taken_before = decision.yes is None and alone.yes is not None
            # What is only wrong after the branches before it, is wrong because of them.
            known = {each.place for each in of_itself}
            checker.note(each for each in problems if not taken_before or each.place in known)
            checker.note(each for each in of_itself if each.code in ("route.always_true", "route.always_false"))
            if taken_before and not isinstance(source.tree, Literal):
                what = "this branch is never taken: the branches before it take all such events"
                checker.warning("route.unreachable", what, source.tree, everywhere=True)
        checker.facts = base
        taken = facts if decision.yes is None and checker.alone else decision.yes
        return taken, decision.no if decision.no is not None or alone.no is None else {**base}

    def branch(self, branch: Branch, facts: Facts) -> None:
        """What a branch makes of an event."""
        checker = self.checker
        outer = checker.visited
        checker.visited = set()
        with checker.collected() as problems, checker.under(facts):
            attributes = {name: checker.attribute(name, tree) for name, tree in branch.shaping.attributes.items()}
            attributes.update((name, NULL) for name in branch.shaping.dropped if name not in attributes)
            data = self.data(branch)
            targets = tuple(each for target in branch.to for each in self.target(target))
        self.ways.append((problems, checker.visited))
        checker.visited = outer
        self.outputs.append(Output(branch.path, targets, attributes, data))

    def data(self, branch: Branch) -> Shape:
        """The payload that comes out."""
        checker, shaping = self.checker, branch.shaping
        if shaping.data is not None:
            shape, called = self.checker.tree(shaping.data), "the payload that `map` makes"
        elif self.route.split is not None:
            shape = as_json(applied(checker.roots["item"], ("item",), checker.facts))
            called = "an element of `split`, which is the payload,"
        else:
            shape = applied(checker.roots.get("data", DYN), ("data",), checker.facts)
            called = shape.label or "the payload"
        if not shaping.edits:
            return shape
        values = [checker.tree(tree) for _, tree in shaping.set]
        drop = shaping.dropped_fields
        try:
            edit = plan(drop, (path for path, _ in shaping.set), shaping.trimmed)
        except ExpressionError:  # paths that contradict each other are the route's own error
            return DYN
        checker.payload = called, shape
        return checker.edited(shape, edit, values, self._places(branch, [*drop, *shaping.trimmed]))

    def _places(self, branch: Branch, drop: Sequence[FieldPath]) -> dict[FieldPath, Path]:
        """Where the paths of edits stand in the section."""
        places: dict[FieldPath, Path] = {path: tree.path for path, tree in branch.shaping.set}
        for path in drop:
            stands = self.route.dropped_at
            places.setdefault(path, stands.get((branch.path, path)) or stands.get(((), path), ("drop",)))
        return places

    def target(self, target: Target) -> list[Target]:
        """A target; of a choice, the names that it can give."""
        if not isinstance(target, Choice):
            return [target]
        checker, source = self.checker, target.source
        shape = checker.check(source)
        text = checker.text(source.tree)
        if shape.kinds and shape is not NEVER and not shape.kinds <= STRING.kinds:
            if "string" not in shape.kinds:
                checker.error("route.target", f"a target is text; {text} is {described(shape)}", source.tree)
                return [target]
            checker.perhaps(source.tree, shape.kinds - STRING.kinds)
        if shape.enum is not None:
            return self.among(target, shape)
        return [target]

    def among(self, choice: Choice, shape: Shape) -> list[Target]:
        """The names that a choice can give, where its values are known."""
        checker = self.checker
        values = [each for each in shape.enum or () if isinstance(each, str)]
        wrong = [each for each in values if not among(each, choice.names)]
        if wrong:
            meant = close(wrong[0], choice.names)
            hint = f"did you mean `{meant}`?" if meant else f"those in `of` are {', '.join(choice.names)}"
            what = f"this gives {constant_text(wrong[0])}, which isn't in `of`"
            checker.error("route.target", what, choice.source.tree, hint)
        names = tuple(each for each in choice.names if each in values)
        return [Choice(choice.source, names)] if names else [choice]
