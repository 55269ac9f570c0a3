"""Which dead letters: by unit, error, key, place, time, and by an expression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hub.engine.dlq.deadletter import CONNECT
from hub.routes import EvaluationError, compile_predicate
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event

if TYPE_CHECKING:
    from hub.engine.dlq.deadletters import Letter

Predicate = Callable[["Letter"], bool]


@dataclass(frozen=True)
class Selection:
    """What dead letters must have to be selected; what isn't given doesn't matter.

    Attributes:
        units: names of units.
        errors: class of the root cause, short (``Permanent``) or full (``hub.sdk.errors.Permanent``); any case.
        keys: the event's partition key.
        ids: the event's id, or the dead letter's place (``topic-partition@offset``).
        since, until: when it was given up, both ends included; with time zones.
        where: see `compile_where`.
        resolved: whether those that were replayed or discarded are wanted too.
        limit: so many at most.
    """

    units: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    where: Predicate | None = None
    resolved: bool = False
    limit: int | None = None
    _lowered: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lowered", frozenset(each.lower() for each in self.errors))

    def matches(self, letter: Letter) -> bool:
        """Whether a dead letter is selected; cheap tests first."""
        return (
            (self.resolved or letter.resolution is None)
            and (not self.units or letter.unit in self.units)
            and (not self.errors or not self._lowered.isdisjoint(_classes(letter)))
            and (not self.keys or (letter.key is not None and letter.key.decode(errors="replace") in self.keys))
            and self._in_time(letter)
            and (not self.ids or str(letter.place) in self.ids or (letter.event and letter.event.id) in self.ids)
            and (self.where is None or self.where(letter))
        )

    def _in_time(self, letter: Letter) -> bool:
        if self.since is None and self.until is None:
            return True
        at = given_up(letter)
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)


def given_up(letter: Letter) -> datetime:
    """When the unit gave the event up; the record's own time where it doesn't say."""
    try:
        at = datetime.fromisoformat(letter.failure.at)
    except ValueError:
        return datetime.fromtimestamp(letter.timestamp / 1000, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Where:
    """An expression over dead letters.

    It sees what a route sees (``event``, ``data``, ``key``, ``headers``), and ``error`` with the fields ``class``,
    ``message``, ``status``, ``attempts``, ``stage``, ``at``, ``replays`` and ``unit``.

    Attributes:
        unevaluated: how many dead letters it had no value for; they don't match.
        problem: what the first of them lacked.

    Raises:
        ExpressionError: the expression is wrong, and where.
    """

    def __init__(self, source: str) -> None:
        self._predicate = compile_predicate(source, variables=("error",))
        self.unevaluated = 0
        self.problem = ""

    def __call__(self, letter: Letter) -> bool:
        """Whether it is true of a dead letter."""
        event = letter.event or Event.of({"id": "", "source": "", "type": ""}, letter.value, letter.headers)
        try:
            return bool(self._predicate(event, {"error": described(letter)}))
        except (EvaluationError, InvalidEvent) as error:
            self.unevaluated += 1
            self.problem = self.problem or str(error)
            return False


def described(letter: Letter) -> dict[str, Any]:
    """A failure as expressions and JSON show it."""
    failure = letter.failure
    return {
        "class": failure.error,
        "message": failure.cause,
        "status": failure.status,
        "attempts": failure.attempts,
        "stage": failure.stage,
        "at": failure.at,
        "replays": failure.replays,
        "unit": letter.unit,
    }


def _classes(letter: Letter) -> set[str]:
    full = next((value for name, value in letter.headers if name == f"{CONNECT}exception.class.name"), b"")
    return {letter.failure.error.lower(), full.decode(errors="replace").lower()}
