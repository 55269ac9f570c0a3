"""Events compared with what is expected of them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.deployment.expectation import Output
from hub.sdk import Event
from hub.workbench.matching import MISSING, Difference, compare, differences


def told(found: list[Difference]) -> list[tuple[Any, ...]]:
    return [(each.path, each.expected, each.got) for each in found]


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        ({"l": [{"a": 1}, 2]}, {"l": [{"a": 1, "b": 2}, 2]}),
        ({"n": 1}, {"n": 1.0}),
        ({"n": None}, {"n": None}),
        ([], []),
        ("x", "x"),
    ],
)
def test_what_is_expected_in_part_may_come_with_more(expected: Any, got: Any) -> None:
    """Keys may be there beside those that are expected, at every depth; numbers are equal by their value."""
    assert compare(expected, got, exact=False) == []


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        ({"a": 1}, {"a": 2}, [(("a",), 1, 2)]),
        ({"a": 1}, {}, [(("a",), 1, MISSING)]),
        ({"a": None}, {}, [(("a",), None, MISSING)]),
        ({"a": 1}, {"a": True}, [(("a",), 1, True)]),
        ({"a": False}, {"a": 0}, [(("a",), False, 0)]),
        ({"a": "1"}, {"a": 1}, [(("a",), "1", 1)]),
        ({"a": {}}, {"a": []}, [(("a",), {}, [])]),
        ({"a": [1]}, {"a": [1, 2]}, [(("a", 1), MISSING, 2)]),
        ({"a": [1, 2]}, {"a": [1]}, [(("a", 1), 2, MISSING)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [(("a", 0, "b"), 1, 2)]),
        ({"a": {"b": 1}}, {"a": None}, [(("a",), {"b": 1}, None)]),
    ],
)
def test_differences_are_told_by_path(expected: Any, got: Any, difference: list[tuple[Any, ...]]) -> None:
    """The smallest place, what was expected there and what came; in part as well as exactly."""
    assert told(compare(expected, got, exact=False)) == difference
    assert told(compare(expected, got, exact=True)) == difference


def test_exactly_means_no_further_keys() -> None:
    """At every depth, within lists too; the place in the expectation is that of the object."""
    found = compare({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3}, exact=True)
    assert told(found) == [(("a", 0, "c"), MISSING, 2), (("d",), MISSING, 3)]
    assert [each.written for each in found] == [("a", 0), ()]


EVENT = Event(
    type="t",
    source="/s",
    id="1",
    time="2026-01-01T00:00:00Z",
    partitionkey="k",
    data={"n": 1},
    headers=[("traceparent", b"00")],
    team="core",
)


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"type": "t", "source": "/s", "id": 1, "time": "2026-01-01T00:00:00Z", "key": "k"},
        {"extensions": {"team": "core"}, "headers": {"traceparent": "00"}},
        {"subject": None, "extensions": {"other": None}, "headers": {"x": None}, "dataschema": None},
        {"datacontenttype": "application/json", "data": {}},
        {"json_equals": {"n": 1}},
        {"json_contains": {"n": 1}},
    ],
)
def test_an_event_that_is_as_expected(expected: dict[str, Any]) -> None:
    """Attributes, extensions, headers and payload; null says that an attribute is missing."""
    assert differences(Output.model_validate(expected), EVENT) == []


def test_an_event_that_is_not_as_expected() -> None:
    """Each difference with its place in the event, and the place where it is written."""
    expected = Output.model_validate(
        {"subject": "x", "key": None, "extensions": {"team": "other"}, "headers": {"h": "1"}, "json_equals": {}}
    )
    found = differences(expected, EVENT)
    assert told(found) == [
        (("subject",), "x", MISSING),
        (("key",), MISSING, "k"),
        (("extensions", "team"), "other", "core"),
        (("headers", "h"), "1", MISSING),
        (("data", "n"), MISSING, 1),
    ]
    assert found[-1].written == ("json_equals",)


@pytest.mark.parametrize(("data", "matches"), [(None, True), ({}, False)])
def test_a_tombstone_is_expected_by_null(data: Any, *, matches: bool) -> None:
    """``data: null`` is met by an event without payload only."""
    event = Event(type="t", source="/s", data=data)
    assert (differences(Output.model_validate({"data": None}), event) == []) is matches


def test_a_payload_that_is_no_json_differs() -> None:
    """Its bytes came; nothing is raised."""
    event = Event.of({"id": "1", "source": "/s", "type": "t"}, b"{")
    assert told(differences(Output.model_validate({"data": {"a": 1}}), event)) == [(("data",), {"a": 1}, b"{")]
