"""Dead letters as they are shown to people and to programs."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from textwrap import indent
from typing import Any

import orjson
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hub.cli.moment import clock
from hub.cli.output import plural, printable, table
from hub.engine.dlq.census import Cause, Census
from hub.engine.dlq.deadletter import DeadLetter, is_failure_header
from hub.engine.dlq.deadletters import Letter
from hub.engine.dlq.selection import described, given_up
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event
from hub.sdk.payload import decode

CAUSES = 4
"""Causes that a line of the list names."""
PAYLOAD = 4_000
"""Characters of a payload that are shown where not all of it is asked for."""
VALUE = 200
"""Characters of one text in a JSON payload that are shown where not all of it is asked for."""

_DEEPEST = 254  # levels that orjson writes


def listing(counted: Iterable[Census]) -> Table:
    """One line per unit: how many, since when, why."""
    rows = [
        (
            f"{each.kind or 'former unit'} {each.unit or '(unknown)'}",
            f"{each.open:,}",
            f"since {clock(each.since)}" if each.since else "",
            " · ".join([_causes(each.causes), *_resolved(each)]).removeprefix(" · "),
        )
        for each in counted
    ]
    return table(("unit", "dead letters", "since", "causes"), rows, right=("dead letters",))


def _causes(causes: list[Cause]) -> str:
    named = [f"{_cause(each)} ({each.times:,})" for each in causes[:CAUSES]]
    rest = sum(each.times for each in causes[CAUSES:])
    return " · ".join([*named, *([f"others ({rest:,})"] if rest else [])])


def _cause(cause: Cause) -> str:
    if cause.status is None or str(cause.status) in cause.text:
        return cause.text
    return f"{cause.status} {cause.text}"


def _resolved(each: Census) -> Iterator[str]:
    for kind, count in sorted(each.resolved.items()):
        yield f"{count:,} {kind}"


def show(out: Console, letter: Letter, kind: str, *, full: bool) -> None:
    """One dead letter with all that is known of it."""
    failure = letter.failure
    out.print(Text.assemble((f"{kind} {letter.unit}".strip(), "bold"), "  ", (str(letter.place), "dim")))
    out.print(Text(indent(printable(failure.cause or failure.error), "  "), style="red"), soft_wrap=True)
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column(overflow="fold")
    for name, value in _facts(letter):
        facts.add_row(name, printable(value))
    out.print(Padding(facts, (0, 0, 0, 2), expand=False))
    text = payload(letter, longest=None if full else VALUE)
    if not full and len(text) > PAYLOAD:
        text = f"{text[:PAYLOAD]}\n… {len(text) - PAYLOAD:,} characters more; --full shows them"
    out.print("\n" + indent(printable(text), "  "), soft_wrap=True)
    if letter.stacktrace:
        out.print("\n" + indent(printable(letter.stacktrace.rstrip()), "  "), style="dim", soft_wrap=True)
    out.print()


def _facts(letter: Letter) -> Iterator[tuple[str, str]]:
    failure, event = letter.failure, letter.event
    yield "failed", f"{clock(given_up(letter))}, {_failure(failure)}"
    for number, earlier in enumerate(letter.earlier, 1):
        yield f"failure {number}", f"{earlier.at}, {_failure(earlier)}: {earlier.cause}"
    if failure.replays:
        yield "replayed", plural(failure.replays, "time")
    if letter.resolution is not None:
        done = letter.resolution
        yield "resolved", f"{done.kind} {clock(done.at)} by {done.by}" + (f": {done.reason}" if done.reason else "")
    if failure.origin is not None:
        yield "read from", str(failure.origin)
    if letter.key is not None:
        yield "key", letter.key.decode(errors="replace")
    if event is None:
        yield "event", "none: the record holds no CloudEvent"
    else:
        yield "event", f"{event.type}, id {event.id}, source {event.source}"
        for name, value in event.attributes.items():
            if name not in ("type", "id", "source", "partitionkey"):
                yield name, value
    for name, text in own_headers(letter).items():
        yield name, text


def _failure(failure: DeadLetter) -> str:
    parts = [failure.error, f"status {failure.status}" if failure.status is not None else ""]
    parts += [f"at stage {failure.stage}" if failure.stage else "", plural(failure.attempts, "attempt")]
    return ", ".join(part for part in parts if part)


def own_headers(letter: Letter) -> dict[str, str]:
    """The record's headers that are neither attributes of the event nor tell of the failure."""
    headers = letter.event.headers if letter.event else letter.headers
    return {name: value.decode(errors="replace") for name, value in headers if not is_failure_header(name)}


def payload(letter: Letter, *, longest: int | None = None) -> str:
    """The payload for people: JSON indented, text as it is, otherwise how many bytes it has.

    Args:
        letter: whose.
        longest: how many characters of a text within JSON are shown; all if not given.
    """
    if letter.value is None:
        return "(no data)"
    if letter.event is not None:
        try:
            data = letter.event.data
        except InvalidEvent:
            data = letter.event.raw
        if isinstance(data, str):
            return data
        if not isinstance(data, bytes):
            shown = data if longest is None else shortened(data, longest)
            with contextlib.suppress(orjson.JSONEncodeError):  # more levels than can be indented; shown as it came
                return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
    try:
        return letter.value.decode()
    except UnicodeDecodeError:
        return f"({len(letter.value):,} bytes that are no text)"


def shortened(data: Any, longest: int, levels: int = _DEEPEST) -> Any:
    """JSON-like data with each long text cut, and its length behind the cut.

    Args:
        data: what is left as it is.
        longest: characters that are kept of a text.
        levels: how far down to look; what lies deeper is taken as it is.
    """
    if isinstance(data, str):
        return data if len(data) <= longest else f"{data[:longest]}… ({len(data):,} characters)"
    if levels and isinstance(data, Mapping):
        return {key: shortened(value, longest, levels - 1) for key, value in data.items()}
    if levels and isinstance(data, list | tuple):
        return [shortened(value, longest, levels - 1) for value in data]
    return data


def to_json(letter: Letter) -> Mapping[str, Any]:
    """A dead letter for programs."""
    failure = letter.failure
    return {
        "unit": letter.unit,
        "place": str(letter.place),
        "error": described(letter),
        "at": given_up(letter),
        "origin": None if failure.origin is None else str(failure.origin),
        "earlier": [
            {"class": each.error, "message": each.cause, "status": each.status, "stage": each.stage, "at": each.at}
            for each in letter.earlier
        ],
        "resolution": None if letter.resolution is None else letter.resolution.model_dump(exclude={"timestamp"}),
        "key": None if letter.key is None else letter.key.decode(errors="replace"),
        **event_json(letter.event, letter.value),
        "headers": own_headers(letter),
        "stacktrace": letter.stacktrace,
    }


def event_json(event: Event | None, value: bytes | None) -> Mapping[str, Any]:
    """An event's attributes and payload for programs; bytes that are no JSON and no text come as base64.

    With what can't be read comes the reason, as its problem.

    Args:
        event: None where the record holds none.
        value: the record's.
    """
    raw = value if event is None else event.raw
    found: dict[str, Any] = {"event": None if event is None else dict(event.attributes)}
    try:
        # Strictly, also where somebody claims that it was checked: what is too deep to be written is shown as bytes.
        data = raw if event is None else decode(raw, event.datacontenttype)
    except InvalidEvent as error:
        data = raw
        found["problem"] = str(error)
    if isinstance(data, bytes):
        return {**found, "data_base64": base64.b64encode(data).decode()}
    return {**found, "data": data}
