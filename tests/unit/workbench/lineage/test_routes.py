"""Of what fields a route's events are made; and that nothing is overlooked, by running the route."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from hub.routes import EvaluationError, compile_program
from hub.routes.enriching import Question
from hub.routes.paths import EACH, FieldPath, parse_path
from hub.routes.program import Route
from hub.sdk import Event
from hub.workbench.lineage.model import written
from hub.workbench.lineage.routes import RouteReading
from hub.workbench.lineage.values import arrives
from tests.unit.workbench.lineage.test_expressions import CHANGES, DATA, changed

ROUTES: tuple[dict[str, Any], ...] = (
    {},
    {"where": "data.total > 10"},
    {"map": {"data": {"a": "= data.user", "b": ["= data.total + 1", {"c": "= data.name"}], "d": "fixed"}}},
    {"map": {"data": "= data.user", "subject": "= data.name", "extensions": {"team": "= data.kind"}}},
    {"set": {"data.user.login": "= data.name", "data.new.deep": "= data.user.mail"}},
    {"drop": ["data.user.mail", "data.lines[].note", "subject"]},
    {"drop": ["data.user"], "set": {"data.user.login": "= data.kind", "type": "other"}},
    {"set": {"data.lines[].note": "= data.name"}},
    {"split": "data.lines"},
    {"split": "data.lines.filter(l, l.amount > 0)", "map": {"data": {"sku": "= item.sku", "n": "= index"}}},
    {"split": "data.tags", "map": {"data": {"tag": "= item", "of": "= data.user.login"}}},
    {"split": "data.lines", "drop": ["data.note"], "set": {"data.by": "= data.name"}},
    {
        "map": {"subject": "= data.name"},
        "switch": [
            {"when": "data.open", "set": {"data.total": "= data.total * 2"}, "to": ["a"]},
            {"drop": ["data.name"], "to": [{"choose": "= data.kind == 'name' ? 'b' : 'c'", "of": ["b", "c"]}]},
        ],
    },
    {
        "set": {"data.by": "= data.user"},
        "drop": ["subject"],
        "switch": [{"drop": ["data.by.mail"], "map": {"subject": "= data.name"}}],
    },
    {"key": "= data.user.login", "map": {"id": "= data.kind", "time": "2026-01-01T00:00:00Z"}},
    {
        "enrich": {
            "person": {"key": {"login": "= data.user.login"}, "when": "data.open"},
            "boss": {"key": "= string(person)"},
        },
        "split": "[person, boss]",
        "set": {"data.by": "= item", "data.boss": "= boss", "extensions.team": "= string(person)"},
        "map": {"data": "= data.lines"},
        "switch": [{"when": "boss != null", "map": {"data": {"x": "= person", "y": "= data.name"}}}],
    },
)


def answer(questions: Sequence[Question]) -> list[Any]:
    """Another answer for each key."""
    return [None if key is None else key.decode() for _, key in questions]


def places(before: Any, after: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Where two JSON values differ; lists of different lengths as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from places(before.get(key), after.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for a, b in zip(before, after, strict=True):
            yield from places(a, b, (*path, EACH))
    elif before != after:
        yield path


def run(section: dict[str, Any], data: Any) -> Any:
    event = Event(id="1", source="/s", type="t", subject="s", time="2026-01-01T00:00:00Z", partitionkey="k", data=data)
    try:
        found = compile_program(Route({"to": ["out"], **section}))(event, answer)
    except EvaluationError:
        return "error"
    if isinstance(found, str):
        return found
    return [{"attributes": dict(each.attributes), "data": each.data, "to": list(to)} for each, to in found]


@pytest.mark.parametrize("section", ROUTES, ids=lambda each: json.dumps(each)[:60])
def test_nothing_is_overlooked(section: dict[str, Any]) -> None:
    """Where a field's change changes an output, lineage says that it arrives there, or that it decides."""
    reading = RouteReading(Route({"to": ["out"], **section}), None)
    before = run(section, DATA)
    for field, value in CHANGES.items():
        path = parse_path(field)
        after = run(section, changed(DATA, path[1:], value))
        decides = any(read.touches(path) for each in reading.conditions() for read in each.reads)
        reached = [
            place
            for output in reading.outputs()
            for leaf in output.event.leaves()
            if (place := arrives(path, leaf)) is not None
        ]
        if isinstance(before, str) or isinstance(after, str) or len(before) != len(after):
            assert before == after or decides or reached, field
            continue
        for difference in places(before, after, ()):
            _, *where = difference
            if where[0] == "to":
                assert decides, field
                continue
            # Numbers of a split are part of the ids that it makes.
            assert decides or any(
                all(a == b or EACH in (a, b) for a, b in zip(where, place, strict=False)) for place in reached
            ), (field, where)


def reading(**section: Any) -> RouteReading:
    return RouteReading(Route({"to": ["out"], **section}), None)


def made_of(route: RouteReading, field: str) -> set[str]:
    (output,) = route.outputs()
    return {written(leaf.read.path) for leaf in output.event.at(parse_path(field)).leaves()}


def test_what_is_not_mapped_is_kept() -> None:
    """Each field comes from the same field."""
    assert made_of(reading(), "data.user.login") == {"data.user.login"}
    assert made_of(reading(map={"type": "x"}), "subject") == {"subject"}


def test_drop_and_set() -> None:
    """What is dropped comes from nowhere, what is set from its expression, the rest from itself."""
    route = reading(drop=["data.user.mail", "subject"], set={"data.user.login": "= data.name", "type": "= data.kind"})
    assert made_of(route, "data.user.mail") == set()
    assert made_of(route, "data.user.login") == {"data.name"}
    assert made_of(route, "data.user.address") == {"data.user.address"}
    assert made_of(route, "type") == {"data.kind"}
    assert made_of(route, "subject") == set()
    assert "data.name" in made_of(route, "data.user")


def test_elements_of_a_split() -> None:
    """`item` is an element, and the payload where nothing else is said."""
    assert made_of(reading(split="data.lines"), "data.sku") == {"data.lines[].sku"}
    mapped = reading(split="data.lines", map={"data": {"sku": "= item.sku", "who": "= data.name"}})
    assert made_of(mapped, "data.sku") == {"data.lines[].sku"}
    assert made_of(mapped, "data.who") == {"data.name"}


def test_branches_that_a_type_can_take() -> None:
    """What the event's type rules out is left out."""
    section = {
        "where": 'event.type != "c"',
        "switch": [{"when": 'event.type == "a"', "to": ["x"]}, {"when": "data.open", "to": ["y"]}, {"to": ["z"]}],
    }
    targets = {
        each: [output.targets for output in RouteReading(Route(section), each).outputs()] for each in ("a", "b", "c")
    }
    assert targets == {"a": [("x",)], "b": [("y",), ("z",)], "c": []}
