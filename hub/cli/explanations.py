"""What routes do with an event, as it is told to people and to programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from hub.cli.letters import event_json
from hub.cli.output import plural, printable
from hub.deployment import InvalidDeployment
from hub.sdk.event import Event
from hub.workbench.answers import NoAnswer
from hub.workbench.changes import Change, payload
from hub.workbench.deciding import brief, kind_of
from hub.workbench.explanation import Explanation, Made
from hub.workbench.matching import MISSING

FIELDS = 12
"""Fields of an event that are shown where not all of it is asked for."""
EVENTS = 5
"""Events of a split that are shown likewise."""

_INDENT = 5
_NARROWEST = 40  # columns that a text has at least
_STYLES = {"matched": "green", "filtered": "yellow", "failed": "red", "not read": "dim"}


def show(out: Console, event: Event, topic: str, found: Sequence[Explanation], *, values: bool, full: bool) -> None:
    """For people: a line for each route with what decided, and below it what comes out."""
    out.print(Text.assemble(" event ", (printable(event.id), "bold"), f"  {printable(event.type)}, topic {topic}"))
    width = max((len(each.route.name) for each in found), default=0)
    for each in found:
        head = Text.assemble(" route ", (each.route.name, "bold"), " " * (width - len(each.route.name)), "  ")
        head.append(each.outcome, _STYLES[each.outcome]).append("  ")
        first, *rest = _wrapped(_summary(each, values=values), out.width - len(head.plain))
        out.print(head.append(first), soft_wrap=True)
        for text in rest:
            out.print(Text(f"{'':<{len(head.plain) - len(first)}}{text}"), soft_wrap=True)
        for line in _details(each, values=values, full=full):
            for text in _wrapped(line.plain, out.width - _INDENT):
                out.print(Text(f"{'':<{_INDENT}}{text}", line.style), soft_wrap=True)
    if not any(each.outcome != "not read" for each in found):
        out.print(f"no route reads the topic {topic}", style="yellow")


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines; what has no blank to be broken at stays whole."""
    return textwrap.wrap(printable(text), max(width, _NARROWEST), break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


def _summary(found: Explanation, *, values: bool) -> str:
    if found.outcome == "not read":
        return f"it reads {', '.join(found.route.inputs)}"
    if isinstance(found.error, InvalidDeployment):
        return "; ".join(each.message for each in found.error.findings)
    if isinstance(found.error, NoAnswer):
        asked = ", ".join(f"`{name}` for {key}" if values else f"`{name}`" for name, key in found.error.questions)
        return f"it looks up {asked}; nobody is asked here: give answers with --answers FILE"
    if found.outcome == "failed":
        return str(found.error)
    if found.outcome == "filtered":
        return told(found, values=values)
    number = plural(len(found.made), "event")
    targets = ", ".join(dict.fromkeys(target for made in found.made for target in made.targets))
    branch = f"branch {found.branch} of its switch, " if found.branch else ""
    return f"{branch}{f'{number} ' if len(found.made) != 1 else ''}to {targets or 'nowhere'}"


def told(found: Explanation, *, values: bool) -> str:
    """Why an event was filtered, in a line."""
    if found.reason == "split" and not found.decisions:
        return "there is nothing to split"
    text = "; ".join(each.told(values=values) for each in found.decisions)
    none = {"switch": "no branch fits: ", "split": "nothing to split: "}
    return none.get(found.reason, "") + text if text else found.reason


def _details(found: Explanation, *, values: bool, full: bool) -> Iterator[Text]:
    for text, value in found.seen:
        yield Text(f"{text} is {_value(value, values=values)}")
    if found.position:
        yield Text(f"at {found.position}", "dim")
    if found.branch:
        for decision in found.decisions:
            yield Text(f"{decision.told(values=values)}")
    shown = found.made if full else found.made[:EVENTS]
    for number, made in enumerate(shown, 1):
        if len(found.made) > 1:
            yield Text(f"{number} of {len(found.made)}, to {', '.join(made.targets)}", "dim")
        yield from _fields(made, values=values, full=full)
    if len(shown) < len(found.made):
        yield Text(f"and {plural(len(found.made) - len(shown), 'event')} more; --full shows them", "dim")


def _fields(made: Made, *, values: bool, full: bool) -> Iterator[Text]:
    if not made.changes:
        yield Text("unchanged", "dim")
        return
    lines = list(_lines(made, values=values))
    shown = lines if full else lines[:FIELDS]
    for line in shown:
        yield Text(line)
    if len(shown) < len(lines):
        yield Text(f"and {plural(len(lines) - len(shown), 'field')} more; --full shows them", "dim")


def _lines(made: Made, *, values: bool) -> Iterator[str]:
    """Changes field by field; of a payload that was made anew, its fields instead of all that is gone."""
    inside = [each for each in made.changes if each.path.startswith("data")]
    for each in made.changes:
        if each not in inside:
            yield change_text(each, values=values)
    data = payload(made.event)
    if isinstance(data, dict) and len(inside) > len(data):
        for name, value in data.items():
            yield f"data.{name}: {_value(value, values=values)}"
        return
    for each in inside:
        yield change_text(each, values=values)


def change_text(change: Change, *, values: bool) -> str:
    """A changed field in a line."""
    before, after = (_value(each, values=values) for each in (change.before, change.after))
    if change.before is MISSING:
        return f"{change.path} is new: {after}"
    if change.after is MISSING:
        return f"{change.path} is gone: {before}"
    return f"{change.path}: {before} → {after}"


def _value(value: Any, *, values: bool) -> str:
    if value is MISSING:
        return "nothing"
    return brief(value) if values else kind_of(value)


def to_json(event: Event, topic: str, found: Sequence[Explanation], *, values: bool) -> dict[str, Any]:
    """For programs."""
    return {
        "event": {"id": event.id, "type": event.type, "source": event.source},
        "topic": topic,
        "routes": [_route_json(each, values=values) for each in found],
    }


def _route_json(found: Explanation, *, values: bool) -> dict[str, Any]:
    error = found.error
    return {
        "route": found.route.name,
        "outcome": found.outcome,
        "reason": found.reason or None,
        "branch": found.branch,
        "decisions": [
            {
                "text": each.text,
                "path": list(each.source.path),
                "value": _plain(each.value, values=values),
                "seen": {text: _plain(value, values=values) for text, value in each.seen},
                "told": each.told(values=values),
            }
            for each in found.decisions
        ],
        "outputs": [
            {
                "targets": list(made.targets),
                **(event_json(made.event, made.event.raw) if values else {}),
                "changed": [change.path for change in made.changes],
            }
            for made in found.made
        ],
        "error": None
        if error is None
        else {
            "type": type(error).__name__,
            "message": str(error),
            "path": list(getattr(error, "path", ())),
            "line": getattr(error, "line", None),
            "column": getattr(error, "column", None),
            "position": None if found.position is None else str(found.position),
            "seen": {text: _plain(value, values=values) for text, value in found.seen},
        },
    }


def _plain(value: Any, *, values: bool) -> Any:
    """A value that JSON can hold; what the language alone knows, as text."""
    if not values and not isinstance(value, bool):
        return kind_of(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return brief(value, 10_000)
