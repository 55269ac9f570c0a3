"""Checks what a route looks up: keys against what the look-up takes, and what its answers are to what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.contracts.shape import DYN, Shape
from hub.contracts.shape_accepts import EACH, Mismatch, accepts
from hub.routes.checker.outcome import Outcome
from hub.routes.checker.spelling import close
from hub.routes.enriching import Asking
from hub.routes.program import Route
from hub.routes.syntax import Literal
from hub.routes.tree import Tree
from hub.routes.writer import Source


class Answers(NamedTuple):
    """What is known of a look-up.

    Attributes:
        key: what it takes as key.
        found: what it may answer; its label stands for it in messages.
    """

    key: Shape
    found: Shape


_ANY = Answers(DYN, DYN)


def check_lookups(checker: Outcome, route: Route, answers: Mapping[str, Answers]) -> None:
    """Checks the look-ups of a route, and has the checker know their answers.

    Args:
        checker: as it is behind ``where``.
        route: the route.
        answers: what is known of its look-ups, by name.
    """
    for asking in route.lookups:
        known = answers.get(asking.name, _ANY)
        facts = checker.facts
        if asking.when is not None:
            decision = checker.check_predicate(asking.when, _CONSEQUENCES)
            checker.facts = decision.yes if decision.yes is not None else facts
        _check_key(checker, asking, known.key)
        checker.facts = facts
        checker.roots[asking.name] = known.found


_CONSEQUENCES = ("so `when` can be left out", "so nothing is ever looked up here")


def _check_key(checker: Outcome, asking: Asking, wanted: Shape) -> None:
    given = checker.tree(asking.key)
    mismatches = accepts(wanted, given)
    misspelt = {_meant(each, wanted) for each in mismatches if each.kind == "unexpected"}
    for mismatch in mismatches:
        if mismatch.kind == "missing" and mismatch.path[-1] in misspelt:
            continue
        tree = _below(asking.key, mismatch)
        source = tree.value if isinstance(tree.value, Source) else Source("", Literal(0, 0, None), tree.path)
        if mismatch.kind == "unexpected":  # its name is wrong, not what it is given
            name = mismatch.path[-1]
            source = Source(name, Literal(0, len(name), None), tree.path)
        checker.begin(source)
        message, hint, fix = _told(asking, mismatch, wanted)
        if mismatch.certain:
            checker.error("route.key", message, source.tree, hint, fix=fix)
        else:
            checker.possible("route.key", message, source.tree, hint)


def _below(tree: Tree, mismatch: Mismatch) -> Tree:
    """What gives the value at fault, or what it should be in."""
    for step in mismatch.path:
        if not isinstance(tree.value, dict) or step not in tree.value:
            break
        tree = tree.value[step]
    return tree


def _told(asking: Asking, mismatch: Mismatch, wanted: Shape) -> tuple[str, str | None, str | None]:
    where = f"`{mismatch.place}`" if mismatch.path else "a key"
    what = f"the key of `{asking.name}`"
    if mismatch.kind == "unexpected":
        meant = _meant(mismatch, wanted)
        return f"{what} has no {where}" + (f"; did you mean `{meant}`?" if meant else ""), None, meant
    if mismatch.kind == "missing":
        lacks = "which isn't here" if mismatch.certain else "which may be missing here"
        return f"{what} needs {where}, {mismatch.expected}, {lacks}", None, None
    verb = "is" if mismatch.certain else "may be"
    hint = None
    if mismatch.expected.startswith("text") or mismatch.expected == "string":
        hint = "write `string(…)` around it"
    return f"{what} takes {mismatch.expected} as {where}; this {verb} {mismatch.got}", hint, None


def _meant(mismatch: Mismatch, wanted: Shape) -> str | None:
    """The field that one is probably meant to be that a key doesn't have."""
    shape: Shape | None = wanted
    for step in mismatch.path[:-1]:
        shape = shape and (shape.items if step == EACH else shape.field(step))
    return close(mismatch.path[-1], list(shape.fields)) if shape else None
