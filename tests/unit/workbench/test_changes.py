"""What differs between two events: fields by their paths."""

from __future__ import annotations

from typing import Any

import pytest

from hub.sdk import Event
from hub.workbench.changes import changes, same
from hub.workbench.matching import MISSING


def event(data: Any = None, **attributes: str) -> Event:
    given = {"type": "t", "source": "/s", "id": "1", "time": "2026-11-20T10:00:00Z", **attributes}
    return Event(data=data, **given)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("data.a.b", 1, 2)]),
        ({"a": 1}, {"b": 1}, [("data.a", 1, MISSING), ("data.b", MISSING, 1)]),
        ({"labels": ["x"]}, {"labels": ["y"]}, [("data.labels", ["x"], ["y"])]),
        ({"l": [{"n": 1}, {"n": 2}]}, {"l": [{"n": 1}, {"n": 3}]}, [("data.l[].n", 2, 3)]),
        ({"l": [{"n": 1}]}, {"l": []}, [("data.l", [{"n": 1}], [])]),
        ({"a b": 1, "ü.x": 1}, {"a b": 2, "ü.x": 2}, [('data["a b"]', 1, 2), ('data["ü.x"]', 1, 2)]),
        ({"n": 1}, {"n": 1.0}, [("data.n", 1, 1.0)]),
        ({"n": 1}, {"n": True}, [("data.n", 1, True)]),
        ({"n": None}, {}, [("data.n", None, MISSING)]),
        ([1, 2], [1, 3], [("data", [1, 2], [1, 3])]),
        ({"a": 1}, None, [("data", {"a": 1}, MISSING)]),
        ("text", "other", [("data", "text", "other")]),
    ],
)
def test_payloads_differ_in_fields(before, after, found):
    """By the paths that `drop:` and `set:` take; lists of objects element by element where they are as long."""
    assert [tuple(each) for each in changes(event(before), event(after))] == found


def test_attributes_differ_by_the_names_that_routes_use():
    """`key` for the partition key, `extensions.…` for what CloudEvents doesn't name."""
    before = event(subject="a", partitionkey="k1", tenant="x")
    after = event(subject="b", partitionkey="k2", type="u")
    assert [tuple(each) for each in changes(before, after)] == [
        ("type", "t", "u"),
        ("subject", "a", "b"),
        ("key", "k1", "k2"),
        ("extensions.tenant", "x", MISSING),
    ]


def test_how_a_payload_is_written_is_no_difference():
    """Only what it means; bytes that are no JSON are compared as bytes."""
    spaced = event().replace(data=b'{ "a" : 1 }')
    assert changes(event({"a": 1}), spaced) == []
    assert [each.path for each in changes(event({"a": 1}), event().replace(data=b"{broken"))] == ["data"]


@pytest.mark.parametrize(("depth", "path"), [(150, "data" + ".a" * 150), (240, "data" + ".a" * 200), (900, "data")])
def test_deep_payloads_do_not_overflow(depth, path):
    """From some depth on, what differs is told as a whole."""
    before, after = (b'{"a":' * depth + number + b"}" * depth for number in (b"1", b"2"))
    (change,) = changes(event().replace(data=before), event().replace(data=after))
    assert change.path == path


def test_numbers_and_booleans_are_values_of_their_own():
    """Other than in Python."""
    assert not same([1], [True])
    assert not same([1], [1.0])
    assert same({"a": [1, None]}, {"a": [1, None]})
