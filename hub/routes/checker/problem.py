"""What the checker finds: a problem with its code, place, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hub.routes.writer import Source

CODES = {
    "route.always_false": "a predicate that no event fulfils",
    "route.always_true": "a predicate that every event fulfils",
    "route.attribute": "an attribute that would get a value that isn't text",
    "route.key": "a key that a look-up doesn't take",
    "route.maybe_missing": "a field that may be missing, read without a test (only with --strict)",
    "route.maybe_type": "a value that may have another type than is taken",
    "route.never_equal": "a comparison of values that are never equal",
    "route.not_json": "a value that JSON can't hold",
    "route.not_list": "a split or a macro of what is no list or object",
    "route.null": "a field of null, or of what may be null (the latter only with --strict)",
    "route.predicate": "a predicate that isn't true or false",
    "route.target": "a choice of targets by what isn't text, or never one of their names",
    "route.type": "a value of another type than is taken",
    "route.unknown_field": "a field that the schema doesn't have",
    "route.unreachable": "a branch that no event takes",
}
"""Code → meaning. Codes stay what they are once published."""
Visit: TypeAlias = tuple[tuple[str | int, ...], int, int]
"""A node that was looked at: path of its source, start and end."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or looks wrong, in an expression.

    Attributes:
        severity: an error keeps the deployment from running, a warning doesn't.
        code: one of `CODES`.
        message: what was expected and what is there; one sentence without a full stop.
        source: the expression; its ``path`` says where it stands in its section.
        start: offset of the first character at fault into the source's text, in code points.
        end: offset behind the last one.
        suggestion: what to do, for people.
        fix: text that would be right in place of the span, for programs.
        everywhere: whether it counts only if it holds for every type of event for which the place is looked at.
        visit: the node that was looked at.
    """

    severity: Literal["error", "warning"]
    code: str
    message: str
    source: Source
    start: int
    end: int
    suggestion: str | None = None
    fix: str | None = None
    everywhere: bool = False
    visit: Visit | None = None

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where the expression stands in its section."""
        return self.source.path

    @property
    def place(self) -> tuple[object, ...]:
        """What tells it from others: code and place."""
        return (self.source.path, self.start, self.end, self.code)

    def __str__(self) -> str:
        hint = f"; {self.suggestion}" if self.suggestion else ""
        return f"{self.severity} {self.code}: {self.message}{hint}"


def agreed(ways: Sequence[tuple[Sequence[Problem], AbstractSet[Visit]]]) -> list[Problem]:
    """The problems of a section that was looked at several times, under different conditions; each once.

    Args:
        ways: for each time the problems, and what was looked at. A problem that must be there `everywhere` is left out
            where another time found nothing wrong with the same place.
    """
    found: dict[tuple[object, ...], list[Problem]] = {}
    for problems, _ in ways:
        for each in {each.place: each for each in problems}.values():
            found.setdefault(each.place, []).append(each)
    kept: list[Problem] = []
    for same in found.values():
        looked = sum(same[0].visit in visited for _, visited in ways)
        if not same[0].everywhere or len(same) >= looked:
            kept.append(next((each for each in same if each.severity == "error"), same[0]))
    return kept
