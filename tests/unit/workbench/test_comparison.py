"""Two versions of routes, run on the same events: what is counted as which difference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.deployment import Deployment, InvalidDeployment, load
from hub.sdk import Event
from hub.workbench import comparison as comparing
from hub.workbench.comparison import Comparison
from hub.workbench.differing import EVENTS, OTHERS, Kind, RouteDifference, Sample

BASE = datetime(2026, 11, 20, 10, tzinfo=UTC)
TOPICS = "deployment: shop\ntopics: { in: {}, other: {}, out: {}, alerts: {} }\n"
SINK = "sinks: { chat: { use: http, with: { url: 'http://127.0.0.1:1' } } }\n"
Compared = Callable[..., dict[str, RouteDifference]]


@pytest.fixture
def compared(tmp_path: Path) -> Compared:
    """Compares the routes of two versions, given as YAML, by payloads."""

    def version(name: str, routes: str, more: str) -> Deployment:
        directory = tmp_path / name
        directory.mkdir()
        (directory / "shop.yaml").write_text(f"{TOPICS}{more}routes:\n  {routes}\n")
        return load(directory)

    def compare(
        old: str, new: str, *payloads: Any, topic: str = "in", more: str = "", environ: Any = None, examples: int = 3
    ) -> dict[str, RouteDifference]:
        versions = version("old", old, more), version("new", new, more)
        comparison = Comparison(*versions, environ or {}, examples=examples)
        for number, data in enumerate(payloads):
            event = Event(type="t", source="/s", id=str(number), data=data, time=BASE)
            comparison.add(Sample(topic, f"{topic}-0@{number}", BASE + timedelta(seconds=number), event))
        return {route.name: route for route in comparison.finish()}

    return compare


def counts(route: RouteDifference) -> dict[str, int]:
    return {str(kind): number for kind, number in route.counts.items()}


def test_matches_come_and_go(compared):
    """With the part that decided, in the version that keeps the event out."""
    route = compared(
        "a: { from: in, where: data.n > 1, to: out }",
        "a: { from: in, where: data.n < 3, to: out }",
        *({"n": n} for n in range(5)),
    )["a"]
    assert (route.events, route.matched, counts(route)) == (5, 3, {"newly_match": 2, "no_longer_match": 2})
    newest = route.examples[Kind.NEWLY_MATCH][0]
    assert (newest.id, newest.place, str(newest.why[0])) == ("1", "in-0@1", "data.n > 1 is false: data.n is 1")
    assert str(route.examples[Kind.NO_LONGER_MATCH][0].why[0]) == "data.n < 3 is false: data.n is 4"


def test_fields_differ(compared):
    """Each field once per event; equal output is no difference, whatever the expressions are."""
    route = compared(
        "a: { from: in, map: { subject: = data.s, data: { l: = data.l, n: = data.n + 1 } }, to: out }",
        "a: { from: in, map: { subject: = data.s, data: { l: '= data.l.filter(x, x != 2)', n: = 1 + data.n } },"
        " to: out }",
        {"s": "a", "l": [1], "n": 1},
        {"s": "a", "l": [1, 2], "n": 1},
        {"s": "b", "l": [2, 2], "n": 1},
    )["a"]
    assert counts(route) == {"differ": 2}
    assert dict(route.fields) == {"data.l": 2}
    assert [tuple(each) for each in route.examples[Kind.DIFFER][0].changes] == [("data.l", [2, 2], [])]


def test_events_go_elsewhere(compared):
    """To other topics and sinks; a sink is told by its name, whatever the deployment is called."""
    route = compared(
        "a: { from: in, to: [out, chat] }",
        'a: { from: in, to: [{ choose: \'= data.n > 1 ? "alerts" : "out"\', of: [out, alerts] }, chat] }',
        *({"n": n} for n in range(4)),
        more=SINK,
    )["a"]
    assert (counts(route), dict(route.targets)) == ({"go_elsewhere": 2}, {"+alerts": 2, "-out": 2})


def test_targets_count_for_each_event_of_a_split(compared):
    """Though all together go to the same topics."""
    old, new = (
        '{ choose: \'= index == 0 ? "out" : "alerts"\', of: [out, alerts] }',
        '{ choose: \'= index == 1 ? "out" : "alerts"\', of: [out, alerts] }',
    )
    route = compared(
        f"a: {{ from: in, split: data, to: [{old}] }}", f"a: {{ from: in, split: data, to: [{new}] }}", [{}, {}]
    )["a"]
    assert counts(route) == {"go_elsewhere": 1}


def test_another_number_of_events_is_a_difference(compared):
    """Of a split."""
    route = compared(
        "a: { from: in, split: data.l, to: out }",
        "a: { from: in, split: 'data.l.filter(x, x.n > 1)', to: out }",
        {"l": [{"n": 1}, {"n": 2}]},
        {"l": [{"n": 1}]},
        {"l": [{"n": 2}]},
    )["a"]
    assert counts(route) == {"differ": 1, "no_longer_match": 1}
    assert dict(route.fields) == {EVENTS: 1}


def test_failures_come_and_go(compared):
    """What fails in both is no difference, and is counted."""
    route = compared(
        "a: { from: in, map: { data: { q: = 10 / data.n } }, to: out }",
        "a: { from: in, map: { data: { q: = 10 / (data.n - 1) } }, to: out }",
        {"n": 0},
        {"n": 1},
        {"n": "text"},
        {"n": -9},
    )["a"]
    assert counts(route)["newly_fail"] == counts(route)["no_longer_fail"] == 1
    assert route.failed == 1
    assert "division by zero" in route.examples[Kind.NEWLY_FAIL][0].error


def test_routes_are_new_removed_or_renamed(compared):
    """A new one tells what it matches, a removed one what it did; a renamed one is compared."""
    routes = compared(
        "{ gone: { from: in, where: data.n > 1, to: out }, old: { from: in, where: data.n > 2, to: out } }",
        "{ fresh: { from: in, where: data.n == 0, to: out },"
        " now: { from: in, where: data.n > 1, to: out, renamed_from: old } }",
        *({"n": n} for n in range(4)),
    )
    assert [(each.name, each.status, each.former, each.matched) for each in routes.values()] == [
        ("fresh", "new", "", 1),
        ("now", "both", "old", 2),
        ("gone", "removed", "", 2),
    ]
    assert counts(routes["now"]) == {"newly_match": 1}
    assert all(route.differs for route in routes.values())


def test_a_route_that_reads_other_topics_newly_matches_there(compared):
    """And says that it didn't read it before."""
    route = compared("a: { from: in, to: out }", "a: { from: [in, other], to: out }", {}, {}, topic="other")["a"]
    assert counts(route) == {"newly_match": 2}
    assert route.examples[Kind.NEWLY_MATCH][0].unread


def test_contracts_count_as_the_engine_keeps_them(compared):
    """An output that breaks its contract is a failure."""
    contract = "events: { t: { schema: { type: object, properties: { n: { type: integer } } } } }\n"
    route = compared(
        "a: { from: in, to: out }",
        "a: { from: in, set: { data.n: = string(data.n) }, to: out }",
        {"n": 1},
        more=contract,
    )["a"]
    assert counts(route) == {"newly_fail": 1}


def test_examples_are_the_newest_and_bounded(compared):
    """So that memory is bounded, too; none are kept where none are asked for."""
    payloads = [{"n": n} for n in range(20)]
    old, new = "a: { from: in, where: data.n < 0, to: out }", "a: { from: in, to: out }"
    route = compared(old, new, *payloads, examples=2)["a"]
    assert [each.id for each in route.examples[Kind.NEWLY_MATCH]] == ["19", "18"]
    assert route.counts[Kind.NEWLY_MATCH] == 20


def test_fields_without_end_are_counted_together(compared, monkeypatch):
    """A payload whose keys are data doesn't fill the memory."""
    monkeypatch.setattr(comparing, "FIELDS", 3)
    old, new = "a: { from: in, map: { data: = data }, to: out }", "a: { from: in, map: { data: { } }, to: out }"
    route = compared(old, new, *({f"k{n}": 1} for n in range(10)))["a"]
    assert route.fields[OTHERS] == 6
    assert len(route.fields) == 5


def test_a_variable_that_is_not_set_is_told_before_anything_is_read(compared):
    """As `hub run` does."""
    routes = "a: { from: in, where: data.n == env.LIMIT, to: out }"
    with pytest.raises(InvalidDeployment, match="LIMIT"):
        compared(routes, routes, {"n": 1}, more="env: [LIMIT]\n")
