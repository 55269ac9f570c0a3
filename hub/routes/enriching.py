"""What a route looks up for an event before it maps it: names, keys, and which of them must wait for others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.routes.errors import ExpressionError
from hub.routes.macros import NAMESPACES
from hub.routes.parser import parse
from hub.routes.scope import Scope
from hub.routes.syntax import Name, walk
from hub.routes.tree import Path, Sources, Tree
from hub.routes.values import TYPE_NAMES
from hub.routes.writer import Source

ENRICH = "enrich"
MAX_LOOKUPS = 16
"""Look-ups of a route."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TAKEN = frozenset((*Scope().roots, "item", "index", *TYPE_NAMES, *NAMESPACES))

Question: TypeAlias = tuple[str, bytes | None]
"""The name of a look-up, and the key as JSON; no key where this event needs none, and the answer is null."""
Ask: TypeAlias = Callable[[Sequence[Question]], Sequence[Any]]
"""Gives the answers to questions that don't depend on each other, in their order; or raises an `Interruption`."""


class Interruption(BaseException):
    """Ends the work on an event from within `Ask`: answers aren't there yet, or never will be.

    It is no `Exception`: what the language can't compute is tried once more, carefully, and explained as a mistake in
    the route; this passes through all that.
    """


class Pending(Interruption):
    """Answers that aren't there yet.

    Attributes:
        questions: those without answer.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__()
        self.questions = questions


class Unanswered(Interruption):
    """There is no answer, and there won't be: the event fails.

    Attributes:
        name: of the look-up.
        error: why.
    """

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__()
        self.name = name
        self.error = error


@dataclass(frozen=True)
class Asking:
    """One look-up of a route.

    Attributes:
        name: what expressions call its answer.
        when: for which events it is asked; ``None`` for all.
        key: what is asked for.
        path: where it stands in the route.
    """

    name: str
    when: Source | None
    key: Tree
    path: Path

    def reads(self, names: Collection[str]) -> bool:
        """Whether its key depends on one of these names."""
        trees = [each.tree for each in _sources(self.key)] + ([self.when.tree] if self.when else [])
        return any(isinstance(node, Name) and node.name in names for tree in trees for node in walk(tree))


def _sources(tree: Tree) -> list[Source]:
    if isinstance(tree.value, Source):
        return [tree.value]
    below = tree.value.values() if isinstance(tree.value, dict) else tree.value if isinstance(tree.value, list) else ()
    return [source for each in below for source in _sources(each)]


def read_enrich(section: Mapping[str, Any] | None, sources: Sources, expression: Any) -> tuple[Asking, ...]:
    """The look-ups of a route, in the order in which they are written.

    Args:
        section: what stands under ``enrich:``.
        sources: where expressions and mistakes go.
        expression: reads an expression without mark, by its text and path.
    """
    found: list[Asking] = []
    for name, each in (section or {}).items():
        path = (ENRICH, name)
        if len(found) == MAX_LOOKUPS:
            sources.refuse(f"expected at most {MAX_LOOKUPS} look-ups", path, name)
            break
        if not _NAME.match(name):
            sources.refuse("expected a name of letters, digits and `_`, which expressions can use", path, name)
            continue
        if not _is_free(name):
            hint = "give the look-up another name"
            sources.refuse(f"`{name}` already means something in expressions", path, name, hint)
            continue
        when = expression(each.get("when"), (*path, "when"))
        found.append(Asking(name, when, sources.read(each.get("key"), (*path, "key")), path))
    return tuple(found)


def rounds(lookups: Sequence[Asking]) -> list[list[Asking]]:
    """Look-ups that can be asked at once, and then those that need their answers."""
    found: list[list[Asking]] = []
    for each in lookups:
        if not found or each.reads({other.name for other in found[-1]}):
            found.append([])
        found[-1].append(each)
    return found


def known_before(path: Path, lookups: Sequence[Asking]) -> list[str]:
    """Names of the look-ups whose answers an expression at a path of the route sees."""
    if path[:1] == ("where",):
        return []
    if path[:1] != (ENRICH,):
        return [each.name for each in lookups]
    before: list[str] = []
    for each in lookups:
        if each.path == path[: len(each.path)]:
            break
        before.append(each.name)
    return before


def _is_free(name: str) -> bool:
    """Whether expressions can use a name, and it means nothing else in them."""
    try:
        return isinstance(parse(name), Name) and name not in _TAKEN
    except ExpressionError:
        return False
