"""Which part of an expression decided: the smallest that did, with what it looked at."""

from __future__ import annotations

import pytest

from hub.routes.program import Route
from hub.routes.tracing import Tracer
from hub.sdk import Event
from hub.workbench.deciding import why_failed, why_filtered

DATA = {
    "n": 1,
    "draft": False,
    "tags": ["a", "b"],
    "labels": [{"name": "x"}, {"name": "bug", "sizes": [1, 2]}, {"other": 1}],
    "pull": {"request": {"base": {"ref": "main"}}},
    "limits": {"low": {"of": 1}, "high": {"of": 9}},
    "empty": [],
}


def why(where: str, *, values: bool = True) -> list[str]:
    route = Route({"where": where, "to": ["out"]}, "r")
    trace = Tracer(route)(Event(type="t", source="/s", id="1", data=DATA))
    assert trace.outcome == "where", trace.outcome
    return [decision.told(values=values) for decision in why_filtered(route, trace)]


@pytest.mark.parametrize(
    ("where", "reasons"),
    [
        (
            'data.pull.request.base.ref.startsWith("release/")',
            ['data.pull.request.base.ref.startsWith("release/") is false: base.ref is "main"'],
        ),
        ("data.n > 0 && data.n == 5 && data.draft", ["data.n == 5 is false: data.n is 1"]),
        ("data.draft && data.missing", ["data.draft is false"]),
        (
            'data.n == 2 || data.tags == ["c"]',
            ["data.n == 2 is false: data.n is 1", 'data.tags == ["c"] is false: data.tags is ["a","b"]'],
        ),
        ("!(data.n == 1)", ["data.n == 1 is true: data.n is 1"]),
        ("data.n > 0 ? data.n == 5 : true", ["data.n == 5 is false: data.n is 1"]),
        ("data.n > 0 ? false : true", ["data.n > 0 is true: data.n is 1"]),
        ("size(data.tags) > 2", ["size(data.tags) > 2 is false: size(data.tags) is 2"]),
        ("has(data.other)", ["has(data.other) is false"]),
        ("false", ["false is false"]),
        ("cel.bind(x, data.n, x > 3)", ["x > 3 is false: x is 1"]),
    ],
)
def test_the_smallest_part_that_decided_is_told(where: str, reasons: list[str]) -> None:
    """With the values that it looked at; long paths by their end, since the whole stands before."""
    assert why(where) == reasons


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ('data.tags.all(t, t == "a")', 'data.tags[1] is "b"'),
        ('!data.labels.exists(l, l.name == "bug")', 'l.name of data.labels[1] is "bug"'),
        ("data.labels.all(l, has(l.name))", "has(l.name) of data.labels[2] is false"),
        ('!data.tags.exists(i, t, t == "b")', 't of data.tags[1] is "b"'),
        ("data.limits.all(name, limit, limit.of < 5)", 'limit.of of data.limits["high"] is 9'),
        ("!data.limits.exists(name, data.limits[name].of == 9)", 'data.limits[name].of of data.limits["high"] is 9'),
        (
            '!data.labels.exists(l, l.sizes[0] == 1 && l.name == "bug")',
            'l.sizes[0] of an element of data.labels is 1, l.name of an element of data.labels is "bug"',
        ),
        ("data.labels.all(l, l.sizes.all(s, s < 2))", "l.sizes[1] of an element of data.labels is 2"),
        ("data.empty.exists(e, e == 1)", "data.empty is []"),
        ("data.tags.exists_one(t, t > '')", 'data.tags is ["a","b"]'),
    ],
)
def test_of_a_list_the_element_that_decided_is_told(where: str, reason: str) -> None:
    """By its place, unless elements were passed over for which the condition had no value."""
    (told,) = why(where)
    assert told == f"{where.removeprefix('!')} is {'true' if where[0] == '!' else 'false'}: {reason}"


def test_values_can_be_kept_back() -> None:
    """What was looked at is told by its type then; what the predicate says is the author's own."""
    assert why('data.pull.request.base.ref == "x"', values=False) == [
        'data.pull.request.base.ref == "x" is false: base.ref is a string'
    ]
    assert why("size(data.tags) > 2", values=False) == ["size(data.tags) > 2 is false: size(data.tags) is a number"]
    assert why('data.tags == ["c"]', values=False) == ['data.tags == ["c"] is false: data.tags is a list of 2']


def test_what_a_failing_part_looked_at_is_told() -> None:
    """So that nobody has to look the event up."""
    route = Route({"where": "10 / (data.n - 1) > 1", "to": ["out"]}, "r")
    trace = Tracer(route)(Event(type="t", source="/s", id="1", data=DATA))
    assert why_failed(route, trace) == [("data.n - 1", 0)]
