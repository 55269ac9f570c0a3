"""Results of tests in words, for people, and as JSON, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.routes.errors import path_text
from hub.sdk import Event, InvalidEvent
from hub.workbench.coverage import Coverage, Point
from hub.workbench.deciding import brief
from hub.workbench.matching import MISSING, Difference
from hub.workbench.rehearsal import Step
from hub.workbench.trials import Result
from hub.workbench.verdict import Miss

_EVENTS = 3  # so many of those that came are shown


def reasons(result: Result, miss: Miss) -> list[str]:
    """Why it came so: what each route did on which it depends, with the parts of its expressions that decided."""
    lines: list[str] = []
    for step in miss.steps:
        name = step.route.name
        if step.filtered is not None:
            why = [str(each) for each in result.why(step)]
            lines.append(f"route `{name}` filtered it" + (f": {why[0]}" if len(why) == 1 else f" by `{step.filtered}`"))
            lines += [f"  {each}" for each in why] if len(why) > 1 else ()
        elif step.made:
            targets = dict.fromkeys(target for _, names in step.made for target in names)
            lines.append(f"route `{name}` sent {_number(step)} to {', '.join(targets)}")
        else:
            lines += [f"  {each} is {brief(value)}" for each, value in result.why_failed(step)]
    return list(dict.fromkeys(lines))


def _number(step: Step) -> str:
    return "an event" if len(step.made) == 1 else f"{len(step.made)} events"


def instead(miss: Miss) -> list[str]:
    """The events that came instead, briefly."""
    lines = [f"got {_event(event)}" for event in miss.events[:_EVENTS]]
    more = len(miss.events) - _EVENTS
    return [*lines, f"and {more} more"] if more > 0 else lines


def _event(event: Event) -> str:
    attributes = ", ".join(
        f"{name}: {value}" for name, value in (("subject", event.subject), ("key", event.key)) if value
    )
    return f"{event.type}{f' ({attributes})' if attributes else ''} {brief(payload(event), 200)}"


def payload(event: Event) -> Any:
    """An event's data, or its bytes where they aren't what the event says."""
    try:
        return event.data
    except InvalidEvent:
        return event.raw


def table(miss: Miss) -> list[tuple[str, str, str]]:
    """Its differences: place, what was expected, what came."""
    return [(path_text(each.path) or "all", _value(each.expected), _value(each.got)) for each in miss.differences]


def _value(value: Any) -> str:
    return "nothing" if value is MISSING else brief(value, 400)


def text(result: Result, miss: Miss) -> str:
    """All that there is to say of a miss, as plain text."""
    lines = [miss.message]
    lines += [f"  {place}: expected {expected}, got {got}" for place, expected, got in table(miss)]
    return "\n".join([*lines, *(f"  {line}" for line in (*instead(miss), *reasons(result, miss)))])


def report(results: Sequence[Result], coverage: Coverage | None, seconds: float) -> dict[str, Any]:
    """All of it for programs; its keys are stable."""
    failed = sum(not each.passed for each in results)
    return {
        "passed": len(results) - failed,
        "failed": failed,
        "seconds": round(seconds, 6),
        "tests": [_result(each) for each in results],
        "coverage": None if coverage is None else _coverage(coverage),
    }


def _result(result: Result) -> dict[str, Any]:
    position = result.trial.span().start
    return {
        "name": result.trial.name,
        "path": position.path,
        "line": position.line,
        "passed": result.passed,
        "seconds": round(result.seconds, 6),
        "misses": [_miss(result, each) for each in result.misses],
    }


def _miss(result: Result, miss: Miss) -> dict[str, Any]:
    position = result.trial.span(*miss.where).start
    return {
        "message": miss.message,
        "path": position.path,
        "line": position.line,
        "column": position.column,
        "differences": [_difference(result, each) for each in miss.differences],
        "events": [{"attributes": dict(each.attributes), "data": _json(payload(each))} for each in miss.events],
        "reasons": reasons(result, miss),
    }


def _difference(result: Result, difference: Difference) -> dict[str, Any]:
    """What is missing has no key."""
    position = result.trial.span(*difference.written).start
    values = {"expected": difference.expected, "got": difference.got}
    return {
        "field": path_text(difference.path),
        **{name: _json(value) for name, value in values.items() if value is not MISSING},
        "line": position.line,
        "column": position.column,
    }


def _json(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "outcomes": coverage.total,
        "seen": coverage.seen,
        "percent": round(coverage.percent, 2),
        "unused": sorted(coverage.unused),
        "points": [_point(each) for each in coverage.points],
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "route": point.route,
        "kind": point.kind,
        "label": point.label,
        "path": point.span.start.path,
        "line": point.span.start.line,
        "column": point.span.start.column,
        "outcomes": [{"name": name, "seen": index in point.seen} for index, name in enumerate(point.outcomes)],
    }
