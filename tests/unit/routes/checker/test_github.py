"""Real schemas and real payloads: what is right is never called wrong, and it is fast."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from hub.contracts import Shape
from hub.contracts.shape import INT, STRING, TIMESTAMP
from hub.routes.checker import check_route, check_source
from hub.routes.parser import parse
from hub.routes.program import Route
from hub.routes.writer import Source

SCHEMAS = Path("schemas/github")
_PLAIN = str.isidentifier


def shape_of(event):
    return Shape.of_schema(json.loads((SCHEMAS / event / "v1.json").read_text())).labelled(f"github.{event}")


def paths(value, text="data", depth=5):
    """All that can be read from a payload, as expressions, with their values."""
    yield text, value
    if depth and isinstance(value, dict):
        for name, each in value.items():
            if _PLAIN(name) and name not in ("in", "as", "break", "default", "import", "package", "public", "private"):
                yield from paths(each, f"{text}.{name}", depth - 1)
    elif depth and isinstance(value, list) and value:
        yield from paths(value[0], f"{text}[0]", depth - 1)


def literal(value):
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, dict | list) else None


def test_what_real_payloads_hold_can_be_read_and_compared(payloads):
    """Every path of a payload of each event, compared with what stands there, has no problem."""
    first = {event: payload for event, payload in reversed(payloads) if (SCHEMAS / event / "v1.json").is_file()}
    read = 0
    for event, payload in first.items():
        shape = shape_of(event)
        for text, value in paths(json.loads(payload)):
            constant = literal(value)
            expression = f"{text} == {constant}" if constant is not None else f"size({text}) > 0"
            if constant is not None and isinstance(value, int) and abs(value) >= 2**63:
                continue
            problems = check_source(Source(expression, parse(expression)), {"data": shape}).problems
            assert not problems, (event, expression, [str(each) for each in problems])
            read += 1
    assert len(first) > 40
    assert read > 4_000


def names(event):
    return {
        "data": shape_of(event),
        "event": Shape(("map",), fields={"type": STRING}, required=("type",), values=STRING),
        "now": TIMESTAMP,
        "key": STRING,
        "index": INT,
    }


ROUTES = {
    "pull_request": {
        "where": 'data.action in ["opened", "ready_for_review"] && !data.pull_request.draft',
        "map": {
            "type": "review.wanted",
            "subject": "= data.repository.full_name",
            "data": {
                "title": "= data.pull_request.title",
                "author": "= data.pull_request.user.login",
                "labels": "= data.pull_request.labels.map(l, l.name)",
                "size": '= data.pull_request.changed_files > 20 ? "large" : "small"',
                "url": "= data.pull_request.html_url",
                "age": "= now - timestamp(data.pull_request.created_at)",
            },
        },
        "to": ["a"],
    },
    "push": {
        "where": 'data.ref == "refs/heads/main" && !data.deleted',
        "split": "data.commits",
        "map": {"data": {"message": "= item.message", "files": "= size(item.added) + size(item.modified)"}},
        "set": {"subject": '= data.repository.full_name + "@" + item.id.substring(0, 7)'},
        "to": ["a"],
    },
    "issues": {
        "where": 'has(data.issue.assignee) && data.issue.assignee != null && data.issue.assignee.login != "bot"',
        "drop": ["data.repository", "data.sender.url"],
        "set": {"data.labels": "= data.issue.labels.filter(l, l.name.startsWith('area/')).map(l, l.name)"},
        "switch": [
            {"when": 'data.action == "opened"', "to": ["a"]},
            {"when": 'data.action == "closed" && data.issue.state_reason == "completed"', "to": ["b"]},
            {"to": ["c"]},
        ],
    },
}


@pytest.mark.parametrize("event", ROUTES)
def test_good_routes_have_no_problems(event):
    """Routes as people write them, on GitHub's schemas."""
    route = Route(ROUTES[event], event)
    assert not route.sources.errors
    assert [str(each) for each in check_route(route, names(event)).problems] == []


def test_a_hundred_routes_are_checked_in_a_fraction_of_a_second():
    """All of `hub validate` has a second for them; the schemas are read for the first time here."""
    routes = [(event, Route(section, event)) for event, section in ROUTES.items()] * 34
    start = time.process_time()
    known = {event: names(event) for event in ROUTES}
    for event, route in routes:
        check_route(route, known[event])
    assert time.process_time() - start < 0.6
