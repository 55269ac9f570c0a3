"""Of what fields an expression's value is made, by reading it; and that nothing is overlooked, by running it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hub.routes import EvaluationError, compile_expression
from hub.routes.parser import parse
from hub.routes.paths import EACH, FieldPath, parse_path
from hub.sdk import Event
from hub.workbench.lineage.expressions import truth, value_of
from hub.workbench.lineage.model import written
from hub.workbench.lineage.values import Read

DATA: dict[str, Any] = {
    "name": "Ada",
    "kind": "name",
    "total": 7,
    "open": True,
    "user": {"login": "ada", "mail": "ada@example.org", "address": {"city": "London"}},
    "lines": [{"sku": "b", "amount": 2, "note": "x"}, {"sku": "a", "amount": 0, "note": "y"}],
    "labels": {"red": 1, "blue": 2},
    "tags": ["x", "y"],
}
CHANGES: dict[str, Any] = {
    "data.name": "Bob",
    "data.kind": "total",
    "data.total": 900,
    "data.open": False,
    "data.user": None,
    "data.user.login": "bob",
    "data.user.mail": "bob@example.com",
    "data.user.address.city": "Paris",
    "data.lines": [],
    "data.lines[].sku": "c",
    "data.lines[].amount": 50,
    "data.lines[].note": "z",
    "data.labels": {},
    "data.labels.red": 77,
    "data.tags": ["z"],
}
EXPRESSIONS = (
    "data",
    "data.user",
    "data.user.login",
    'data["user"]["login"]',
    "data[data.kind]",
    'data.name + " of " + data.user.address.city',
    "data.open ? data.name : data.user.login",
    "data.total > 10 ? 1 : 2",
    "has(data.user.mail)",
    "size(data.tags) + size(data.lines)",
    "data.tags[0]",
    "data.lines[data.total % 2].sku",
    "data.lines.map(l, l.sku)",
    "data.lines.map(l, l.amount > 0, l.sku)",
    "data.lines.filter(l, l.amount > 0)",
    "data.lines.filter(l, l.amount > 0).map(l, l.note)",
    "data.lines.exists(l, l.amount > 10)",
    "data.lines.all(l, l.sku != data.name)",
    "data.lines.exists_one(l, l.amount == 0)",
    "data.lines.exists(l, true)",
    "data.labels.map(k, k)",
    "data.labels.map(k, data.labels[k])",
    "data.labels.transformMap(k, v, v + data.total)",
    "data.lines.transformList(i, l, i > 0, l.note)",
    '{"who": data.user, "n": [data.total, {"deep": data.name}]}',
    "{data.kind: data.total}",
    '{"who": data.user}.who.login',
    "[data.name, data.user.login][0]",
    "cel.bind(u, data.user, u.login + u.mail)",
    "data.?user.?login.orValue(data.name)",
    "data.?user.optMap(u, u.mail).orValue('')",
    "optional.of(data.name).value()",
    "dyn(data.user).mail",
    "'red' in data.labels",
    "data.kind in ['name', data.name]",
    "!data.open || data.total > 100",
    "data.open && data.name == 'Ada'",
    "-data.total",
    "data.user.mail.startsWith(data.user.login)",
    "data.lines.map(l, data.tags.filter(t, t == l.note))",
    "event.subject + string(now)",
    "event.type",
    "key",
    "1 + 2",
)


def changed(data: Any, path: FieldPath, value: Any) -> Any:
    """The data with a value at a path; in every element where the path goes through a list."""
    step, *rest = path
    if step is EACH:
        return [changed(each, tuple(rest), value) for each in data]
    return {**data, step: changed(data[step], tuple(rest), value) if rest else value}


def result(source: str, data: Any) -> Any:
    event = Event(id="1", source="/s", type="t", subject="s", time="2026-01-01T00:00:00Z", partitionkey="k", data=data)
    try:
        return copy.deepcopy(compile_expression(source)(event))
    except EvaluationError:
        return "error"


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_nothing_is_overlooked(source: str) -> None:
    """A field whose change changes the result is among those that are said to be read."""
    reads = value_of(parse(source)).reads()
    before = result(source, DATA)
    for field, value in CHANGES.items():
        path = parse_path(field)
        if result(source, changed(DATA, path[1:], value)) != before:
            assert any(read.touches(path) for read in reads), field


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.user.login", {"data.user.login": "copies"}),
        ('data["user"].login', {"data.user.login": "copies"}),
        ("data.lines[0].sku", {"data.lines[].sku": "copies"}),
        ("data.lines.map(l, l.sku)", {"data.lines[].sku": "copies"}),
        ("data.lines.filter(l, l.amount > 0)", {"data.lines": "copies", "data.lines[].amount": "decides"}),
        ("data.total + 1", {"data.total": "computes"}),
        ("data.open ? data.name : 'x'", {"data.name": "copies", "data.open": "decides"}),
        ("data.?user.orValue(data.name)", {"data.user": "copies", "data.name": "copies"}),
        ("cel.bind(u, data.user, u.login)", {"data.user.login": "copies"}),
        ("event.key + event.subject", {"key": "computes", "subject": "computes"}),
        ("event.team", {"extensions.team": "copies"}),
        ("headers.trace", {"headers.trace": "copies"}),
        ("now", {"time": "computes"}),
        ("env.REGION + 'x'", {}),
    ],
)
def test_fields_and_how_they_are_used(source: str, expected: dict[str, str]) -> None:
    """Copied, computed with, or deciding."""
    assert {written(read.path): read.how for read in value_of(parse(source)).reads()} == expected


def test_what_is_written_out_keeps_its_structure() -> None:
    """A field of a map that is made is of what that field is made."""
    value = value_of(parse('{"who": data.user, "n": [data.total]}'))
    assert value.at(("who", "login")).reads() == {Read(("data", "user", "login"))}
    assert value.at(("n", EACH)).reads() == {Read(("data", "total"))}
    assert not value.at(("other",)).reads()


def test_a_computed_index_is_said_to_be_one() -> None:
    """The field may be any, and what computes it decides."""
    assert value_of(parse("data.labels[data.kind]")).reads() == {
        Read(("data", "labels", EACH), dynamic=True),
        Read(("data", "kind"), "decides"),
    }


def test_the_type_of_the_event_decides() -> None:
    """Where it is known, a branch that it rules out is not read."""
    tree = parse('event.type == "a" ? data.x : event.type in ["b", "c"] ? data.y : data.z')
    fields = [{written(read.path) for read in value_of(tree, event_type=each).reads()} for each in ("a", "b", "d")]
    assert fields == [{"data.x"}, {"data.y"}, {"data.z"}]
    assert {written(read.path) for read in value_of(tree).reads()} == {"data.x", "data.y", "data.z", "type"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('event.type == "a"', True),
        ('"a" != event.type', False),
        ('event.type == "a" && data.x', None),
        ('event.type == "b" && data.x', False),
        ('event.type == "a" || data.x', True),
        ('!(event.type in ["b"])', True),
        ('event.type in ["b", data.x]', None),
        ('event.type.startsWith("a")', True),
        ('event.type.endsWith("b")', False),
        ("true", True),
        ("data.x", None),
    ],
)
def test_conditions_on_the_type(source: str, expected: bool | None) -> None:  # noqa: FBT001  a column of the table
    """True, false, or not to be known from the type alone."""
    assert truth(parse(source), "a") is expected
    assert truth(parse(source), None) is (True if source == "true" else None)
