"""Differences of routes as they are told to people and to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from hub.cli.explanations import change_text
from hub.cli.moment import clock
from hub.cli.output import plural, printable
from hub.workbench.deciding import kind_of
from hub.workbench.difference import Difference
from hub.workbench.differing import EVENTS, Example, Kind, RouteDifference
from hub.workbench.matching import MISSING

FIELDS = 3
"""Fields, and targets, that a line names."""
CHANGES = 8
"""Fields that an example shows."""

_VERBS = {
    Kind.NEWLY_MATCH: ("newly matches", "newly match"),
    Kind.NO_LONGER_MATCH: ("no longer matches", "no longer match"),
    Kind.DIFFER: ("differs", "differ"),
    Kind.ELSEWHERE: ("goes elsewhere", "go elsewhere"),
    Kind.NEWLY_FAIL: ("newly fails", "newly fail"),
    Kind.NO_LONGER_FAIL: ("no longer fails", "no longer fail"),
}
_STYLES = {
    Kind.NEWLY_MATCH: "green",
    Kind.NO_LONGER_MATCH: "yellow",
    Kind.DIFFER: "cyan",
    Kind.ELSEWHERE: "cyan",
    Kind.NEWLY_FAIL: "red",
    Kind.NO_LONGER_FAIL: "green",
}


def show(difference: Difference, out: Console, err: Console, *, values: bool) -> None:
    """For people: a line for each route, and examples below it."""
    width = max((len(route.name) for route in difference.routes), default=0)
    for route in difference.routes:
        for line in _lines(route, width, out.width):
            out.print(line, style=None if route.differs else "dim", soft_wrap=True)
        for kind in Kind:
            for example in route.examples.get(kind, ()):
                _show_example(kind, example, out, values=values)
    for name, topic in difference.topics.items():
        if topic.missing:
            err.print(f"the topic {name} doesn't exist on this Kafka", style="yellow")
        if topic.unreadable:
            err.print(
                f"{plural(topic.unreadable, 'record')} of {name} hold no event; both versions dead-letter them, e.g. "
                f"{printable(topic.problem)}",
                style="yellow",
                soft_wrap=True,
            )
    topics = ", ".join(name for name, topic in difference.topics.items() if topic.records)
    if difference.first is None or difference.last is None:
        err.print("no events, so nothing was compared", style="yellow")
        return
    span = f"{clock(difference.first)} to {clock(difference.last)}"
    out.print(f"{plural(difference.records, 'event')} of {topics}, {span} · {difference.seconds:.1f} s", style="dim")


def _lines(route: RouteDifference, width: int, columns: int) -> Iterator[Text]:
    """A route's line, broken behind a part where it would be too long."""
    text = Text.assemble(" route ", (route.name, "bold"), " " * (width - len(route.name)))
    parts = [Text(plural(route.events, "event"))]
    if route.status != "both":
        text.append(f"  {route.status}", "green" if route.status == "new" else "yellow")
        text.append("  ")
        parts.append(Text(f"{route.matched:,} match{'' if route.status == 'new' else 'ed'}"))
    else:
        text.append(f"  was {route.former}  " if route.former else "  ")
    parts += [Text(_count(kind, route.counts[kind], route), _STYLES[kind]) for kind in Kind if route.counts[kind]]
    if route.status == "both" and not route.counts:
        parts.append(Text("no difference"))
    if route.failed:
        parts.append(Text(f"{route.failed:,} {'fails' if route.failed == 1 else 'fail'} in both", "dim"))
    if route.unanswered:
        parts.append(
            Text(
                f"{route.unanswered:,} {'asks' if route.unanswered == 1 else 'ask'} what --answers doesn't give", "dim"
            )
        )
    begin = len(text.plain)
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if len(text.plain) > begin and len(text.plain) + len(part.plain) + (0 if last else 2) > columns:
            text.rstrip()
            yield text
            text = Text(" " * begin)
        text.append_text(part).append("" if last else " · ")
    yield text


def _count(kind: Kind, number: int, route: RouteDifference) -> str:
    text = f"{number:,} {_VERBS[kind][number > 1]}"
    if kind is Kind.DIFFER:
        return f"{text} in {_named(route.fields, number)}"
    return f"{text} ({_named(route.targets, number)})" if kind is Kind.ELSEWHERE else text


def _named(counted: Counter[str], number: int) -> str:
    """The most frequent ones, each with how often where that isn't always."""
    most = counted.most_common(FIELDS)
    texts = [printable(name) if count == number else f"{printable(name)} ({count:,})" for name, count in most]
    more = len(counted) - len(most)
    return ", ".join(texts) + (f" and {plural(more, 'more field')}" if more > 0 else "")


def _show_example(kind: Kind, example: Example, out: Console, *, values: bool) -> None:
    head = Text.assemble("   ", (_VERBS[kind][0], _STYLES[kind]), "  ", (example.place, "cyan"), "  ")
    head.append(f"{printable(example.id)}  ", "bold").append(f"{printable(example.type)}  {clock(example.at)}", "dim")
    out.print(head, soft_wrap=True)
    for change in example.changes[:CHANGES]:
        text = change_text(change, values=values or change.path == EVENTS)
        out.print(Text(f"     {printable(text)}"), soft_wrap=True)
    if len(example.changes) > CHANGES:
        out.print(f"     and {len(example.changes) - CHANGES:,} more changes", style="dim")
    for decision in example.why:
        side = "old" if kind is Kind.NEWLY_MATCH else "new"
        out.print(Text(f"     {side}: {printable(decision.told(values=values))}"), soft_wrap=True)
    if example.unread:
        out.print(f"     the {'old' if kind is Kind.NEWLY_MATCH else 'new'} route doesn't read this topic")
    if example.targets:
        out.print(Text(f"     {printable('  '.join(example.targets))}"), soft_wrap=True)
    if example.error:
        out.print(Text(f"     {printable(example.error)}"), soft_wrap=True)


def to_json(difference: Difference, *, values: bool) -> dict[str, Any]:
    """For programs."""
    return {
        "differs": difference.differs,
        "events": difference.records,
        "first": difference.first,
        "last": difference.last,
        "seconds": round(difference.seconds, 3),
        "topics": {
            name: {"events": each.records, "unreadable": each.unreadable, "missing": each.missing}
            for name, each in difference.topics.items()
        },
        "routes": [_route_json(route, values=values) for route in difference.routes],
    }


def _route_json(route: RouteDifference, *, values: bool) -> dict[str, Any]:
    return {
        "route": route.name,
        "status": route.status,
        "former": route.former or None,
        "differs": route.differs,
        "events": route.events,
        "matched": route.matched,
        "fail_in_both": route.failed,
        "unanswered": route.unanswered,
        **{kind.value: route.counts[kind] for kind in Kind},
        "fields": dict(route.fields.most_common()),
        "targets": dict(route.targets.most_common()),
        "examples": [
            {
                "kind": kind.value,
                "place": each.place,
                "at": each.at,
                "id": each.id,
                "type": each.type,
                "changes": list(_changes_json(each, values=values)),
                "targets": list(each.targets),
                "error": each.error or None,
                "why": ["it doesn't read the topic"] if each.unread else [why.told(values=values) for why in each.why],
            }
            for kind in Kind
            for each in route.examples.get(kind, ())
        ],
    }


def _changes_json(example: Example, *, values: bool) -> Iterator[dict[str, Any]]:
    for change in example.changes:
        sides = {"before": change.before, "after": change.after}
        shown = {name: value for name, value in sides.items() if value is not MISSING}
        yield {
            "path": change.path,
            **(shown if values else {name: kind_of(each) for name, each in shown.items()}),
        }
