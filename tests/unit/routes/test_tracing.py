"""What a trace tells of a route's way with an event."""

from __future__ import annotations

from typing import Any

from hub.routes import EvaluationError
from hub.routes.program import Route
from hub.routes.tracing import Trace, Tracer
from hub.sdk import Event


def trace(section: dict[str, Any], data: Any) -> Trace:
    return Tracer(Route({"to": ["a"], **section}, "r"))(Event(type="t", source="/s", id="1", data=data))


def told(found: Trace, *path: str) -> list[tuple[str, Any]]:
    return [(step.text, step.error or step.value) for step in found.steps if step.source.path == path]


def test_every_part_that_was_evaluated_is_told_with_its_value() -> None:
    """In the order in which it happened; what came after the decision isn't there."""
    found = trace({"where": "data.a == 1 && data.b.startsWith('x') && data.c"}, {"a": 1, "b": "y", "c": True})
    assert found.outcome == "where"
    assert told(found, "where") == [
        ("data", {"a": 1, "b": "y", "c": True}),
        ("data.a", 1),
        ("data.a == 1", True),
        ("data", {"a": 1, "b": "y", "c": True}),
        ("data.b", "y"),
        ("data.b.startsWith('x')", False),
        ("data.a == 1 && data.b.startsWith('x') && data.c", False),
    ]


def test_an_error_that_did_not_matter_is_told_too() -> None:
    """The other side of ``||`` made up for it."""
    found = trace({"where": "data.missing == 1 || data.a == 1"}, {"a": 1})
    assert isinstance(found.outcome, list)
    assert ["`missing`" in error for text, error in told(found, "where") if text == "data.missing"] == [True]


def test_an_error_is_the_outcome() -> None:
    """With the steps up to it."""
    found = trace({"map": {"data": {"x": "= data.a + 1", "y": "= data.b + 1"}}}, {"a": 1, "b": "text"})
    assert isinstance(found.outcome, EvaluationError)
    assert told(found, "map", "data", "x")[-1] == ("data.a + 1", 2)
    assert told(found, "map", "data", "y")[-1] == ("data.b", "text")


def test_macros_are_told_once_per_element_and_branches_as_they_are_taken() -> None:
    """Only the branch of a switch that was looked at."""
    section = {"switch": [{"when": "data.l.exists(x, x > 1)"}, {"when": "data.no", "to": ["b"]}]}
    found = trace(section, {"l": [1, 2, 3]})
    steps = [(step.text, step.value) for step in found.steps if step.source.path == ("switch", 0, "when")]
    assert [value for text, value in steps if text == "x > 1"] == [False, True]
    assert not [step for step in found.steps if step.source.path == ("switch", 1, "when")]


def test_a_trace_says_what_the_route_does_for_each_event_anew() -> None:
    """Steps of an earlier event are gone."""
    tracer = Tracer(Route({"where": "data.n == 1", "to": ["a"]}))
    first = tracer(Event(type="t", source="/s", id="1", data={"n": 1}))
    second = tracer(Event(type="t", source="/s", id="2", data={"n": 2}))
    assert isinstance(first.outcome, list)
    assert second.outcome == "where"
    assert len(first.steps) == len(second.steps) == 3
