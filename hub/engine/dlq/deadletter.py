"""Dead letters: how an event that can't be delivered is kept, with its cause, so that it can be replayed.

Headers follow Kafka Connect's `errors.deadletterqueue.context.headers.enable` (KIP-298), ours stand beside them as
``hub_*``. The record's key, value and own headers stay as they were, byte for byte.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from hub.sdk.errors import Signal
from hub.sdk.event import Header
from hub.secrecy import hidden

CONNECT = "__connect.errors."
REPLAYS = "hub_replays"
"""Header that counts how often a record was replayed."""
REPLAY_OF = "hub_replay_of"
"""Header that says of a replay which dead letter it is: ``topic-partition@offset``."""
ORIGIN = "hub_origin"
"""Header that says where an event first lay on Kafka: ``topic-partition@offset``."""
ROUTE = "hub_route"
"""Header that names the routes that the event has come through, joined by ``/``."""

REPLY = "reply"
"""Stage of the dead letters that are no input of a sink: answers of its far side that couldn't be published. What they
answer was delivered."""

LONGEST_MESSAGE = 2_000
LONGEST_STACKTRACE = 4_000
_OURS = ("hub_error_", "hub_unit")
_VERSIONED = re.compile(r"(.*)\.(\d+)\Z")
_PLACE = re.compile(r"([A-Za-z0-9._-]+)-(\d+)@(\d+)\Z")


class Origin(NamedTuple):
    """Where a record lies on Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Reads ``topic-partition@offset``; None where it is something else."""
        match = _PLACE.match(text)
        return cls(match[1], int(match[2]), int(match[3])) if match else None


class DeadLetter(NamedTuple):
    """What a dead letter's headers say.

    Attributes:
        unit: the unit that failed.
        stage: what it was doing: ``parse``, ``contract``, ``where``, ``map``, ``publish``, ``write``.
        error: class of the root cause.
        cause: its message.
        status: the far side's status, where there is one.
        attempts: how often it was tried.
        at: when it was given up, RFC 3339.
        origin: the record that failed, if it came from Kafka.
        replays: how often it has been replayed before.
    """

    unit: str
    stage: str
    error: str
    cause: str
    status: int | None
    attempts: int
    at: str
    origin: Origin | None
    replays: int


def root_cause(error: BaseException) -> BaseException:
    """The first error of a chain: what really happened, not its wrappers. A signal is taken as the connector's word."""
    while not isinstance(error, Signal):
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if following is None:
            break
        error = following
    return error


def error_class(error: BaseException) -> str:
    """The short name by which a failure is counted and searched: the class of its root cause."""
    return type(root_cause(error)).__name__


def dead_letter_headers(
    headers: Iterable[Header],
    *,
    unit: str,
    connector: str,
    stage: str,
    error: BaseException,
    attempts: int = 1,
    origin: Origin | None = None,
) -> list[Header]:
    """A record's headers as they go to the DLQ: its own, earlier failures under a number, and this failure."""
    cause = root_cause(error)
    said = hidden(str(cause))
    described: dict[str, str] = {
        f"{CONNECT}connector.name": connector or unit,
        f"{CONNECT}task.id": "0",
        f"{CONNECT}stage": stage,
        f"{CONNECT}class.name": connector or unit,
        f"{CONNECT}exception.class.name": f"{type(cause).__module__}.{type(cause).__qualname__}",
        f"{CONNECT}exception.message": said[:LONGEST_MESSAGE],
        f"{CONNECT}exception.stacktrace": hidden("".join(traceback.format_exception(error)))[-LONGEST_STACKTRACE:],
        "hub_unit": unit,
        "hub_error_cause": f"{type(cause).__name__}: {said}"[:LONGEST_MESSAGE],
        "hub_error_attempts": str(attempts),
        "hub_error_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if origin is not None:
        described[f"{CONNECT}topic"] = origin.topic
        described[f"{CONNECT}partition"] = str(origin.partition)
        described[f"{CONNECT}offset"] = str(origin.offset)
    status = getattr(cause, "status", None)
    if status is not None:
        described["hub_error_status"] = str(status)
    return [*_versioned(headers), *((name, value.encode(errors="replace")) for name, value in described.items())]


def read_dead_letter(headers: Sequence[Header]) -> DeadLetter:
    """Reads what `dead_letter_headers` wrote; a record of another program has blanks."""
    # Kafka allows a header without a value.
    texts = {name: value.decode(errors="replace") for name, value in headers if value is not None}
    topic = texts.get(f"{CONNECT}topic")
    return DeadLetter(
        unit=texts.get("hub_unit", texts.get(f"{CONNECT}connector.name", "")),
        stage=texts.get(f"{CONNECT}stage", ""),
        error=texts.get(f"{CONNECT}exception.class.name", "").rpartition(".")[2],
        cause=texts.get("hub_error_cause", texts.get(f"{CONNECT}exception.message", "")).partition(": ")[2]
        or texts.get(f"{CONNECT}exception.message", ""),
        status=_number(texts.get("hub_error_status")),
        attempts=_number(texts.get("hub_error_attempts")) or 1,
        at=texts.get("hub_error_at", ""),
        origin=None
        if topic is None
        else Origin(topic, _number(texts.get(f"{CONNECT}partition")) or 0, _number(texts.get(f"{CONNECT}offset")) or 0),
        replays=_number(texts.get(REPLAYS)) or 0,
    )


def earlier_failures(headers: Sequence[Header]) -> list[DeadLetter]:
    """The failures before the last one, as they were kept under numbers; the first comes first."""
    numbered: dict[int, list[Header]] = {}
    for name, value in headers:
        match = _VERSIONED.match(name)
        if match and is_failure_header(name):
            numbered.setdefault(int(match[2]), []).append((match[1], value))
    return [read_dead_letter(numbered[number]) for number in sorted(numbered)]


def stacktrace(headers: Sequence[Header]) -> str:
    """The stack trace of the last failure, as far as it was kept."""
    found = [value for name, value in headers if name == f"{CONNECT}exception.stacktrace"]
    return found[-1].decode(errors="replace") if found else ""


def replay_headers(headers: Sequence[Header], *, source: Origin) -> list[Header]:
    """A dead letter's headers as they go back to the unit: all of them stay, with the count of replays raised."""
    replays = read_dead_letter(headers).replays + 1
    kept = [header for header in headers if header[0] not in (REPLAYS, REPLAY_OF)]
    return [*kept, (REPLAYS, str(replays).encode()), (REPLAY_OF, str(source).encode())]


def is_failure_header(name: str) -> bool:
    """Whether a header tells of a failure, and so must not travel on with a delivered event."""
    return name.startswith((CONNECT, *_OURS, "hub_replay"))


def _versioned(headers: Iterable[Header]) -> list[Header]:
    """Headers with the failure of an earlier time moved under the next free number."""
    headers = list(headers)
    numbers = [int(match[2]) for name, _ in headers if is_failure_header(name) and (match := _VERSIONED.match(name))]
    following = max(numbers, default=0) + 1
    return [
        (f"{name}.{following}", value)
        if is_failure_header(name) and not name.startswith("hub_replay") and not _VERSIONED.match(name)
        else (name, value)
        for name, value in headers
    ]


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.lstrip("-").isdigit() else None
