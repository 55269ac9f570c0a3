"""What a deployment declares and nothing uses: told, but not where something may use it unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Finding, Registry, check

Found = Callable[..., list[Finding]]
HEAD = "deployment: d\ntopics: { in: , out: }\n"
ROUTE = "routes: {{ r: {{ from: in, where: '{}', to: out }} }}\n"


def told(findings: list[Finding]) -> list[str]:
    return [f"{each.code} {each.span.text[each.column - 1 : each.span.end_column - 1]}" for each in findings]  # type: ignore[index]


@pytest.mark.parametrize(
    ("where", "unused"),
    [
        ("env.A == data.x", ["env.unused B"]),
        ('env["A"] == data.x', []),
        ("env[data.x] == env.A", []),
        ("env.?B.orValue(env.A) == data.x", []),
        ('[1].exists(x, env.B == "b" && env.A == "a")', []),
        ("size(env) > 0", []),
    ],
)
def test_variables(found: Found, where: str, unused: list[str]) -> None:
    """A variable that no expression reads; where the name is computed, any may be meant."""
    assert told(found(f"{HEAD}env: [A, B]\n" + ROUTE.format(where))) == unused


def test_variables_that_a_sink_reads(found: Found) -> None:
    """Expressions under `with:` count, those in an included file too."""
    sink = "sinks: {{ s: {{ use: http, from: in, with: {} }} }}\n"
    written = sink.format("{ url: = env.A, json: { b: = env.B } }")
    assert told(found(f"{HEAD}env: [A, B]\n{written}")) == []
    included = sink.format("{ url: http://x, json: { $file: body.json } }")
    assert told(found(f"{HEAD}env: [A, B]\n{included}", **{"body.json": '{"a": "= env.A", "b": "= env.B"}'})) == []


@pytest.mark.parametrize(
    ("where", "unused"),
    [
        ('lookup("one", data.x) == data.y', ["table.unused two"]),
        ("lookup(data.which, data.x) == 1", []),
        ("data.x == 1", ["table.unused one", "table.unused two"]),
    ],
)
def test_tables(found: Found, where: str, unused: list[str]) -> None:
    """A table that nothing is looked up in; where its name is computed, any may be meant."""
    assert told(found(f"{HEAD}tables:\n  one: {{ a: 1 }}\n  two: {{ a: 1 }}\n" + ROUTE.format(where))) == unused


def test_services(found: Found) -> None:
    """A service that no source or sink names, not even by its connector's default; by a reference, any may be meant."""
    services = "services:\n  github: { use: github }\n  spare: { use: github }\n"
    sources = "sources: {{ i: {{ use: github.issues, with: {{ repository: a/b{} }} }} }}\n"
    assert told(found(HEAD + services + sources.format(""))) == ["service.unused spare"]
    assert told(found(HEAD + services + sources.format(", service: spare"))) == ["service.unused github"]
    assert told(found(HEAD + services + sources.format(', service: "${env:WHICH}"'))) == []


def test_contracts(found: Found) -> None:
    """A contract of events that nothing writes, reads or makes; where a type is computed, any may be made."""
    events = "events:\n  seen: { schema: {} }\n  read: { schema: {} }\n  made: { schema: {}, topic: elsewhere }\n"
    routes = "routes: {{ r: {{ from: [in, read], map: {{ type: {} }}, to: out }} }}\n"
    assert [each for each in told(found(HEAD + events + routes.format("made"))) if "event" in each] == [
        "event.unused seen"
    ]
    assert [each for each in told(found(HEAD + events + routes.format("= data.t"))) if "event" in each] == []
    assert told(found("deployment: d\n" + events)) == [], "a directory of contracts for others"


def test_topics(write: Callable[..., Path], registry: Registry) -> None:
    """Settings of a topic that nobody here uses: a warning where a used one is near, else only for strict checks."""
    routes = "routes: { r: { from: in, to: out } }\n"
    near = write("deployment: d\ntopics: { in: , out: , github.pull_requst: }\n" + routes)
    assert check(near, registry=registry).findings == ()
    hook = 'sources: { h: { use: github.webhook, with: { path: /x, secret: "${env:S}" } } }\n'
    near = write("deployment: d\ntopics: { in: , out: , github.pull_requst: }\n" + routes + hook)
    (finding,) = check(near, registry=registry).findings
    assert (finding.code, finding.severity, finding.fix) == ("topic.unused", "warning", "github.pull_request")
    other = write("deployment: d\ntopics: { in: , out: , audit: }\n" + routes)
    assert check(other, registry=registry).findings == ()
    assert [each.code for each in check(other, registry=registry, strict=True).findings] == ["topic.unused"]


def test_duplicates(found: Found) -> None:
    """Two routes that differ in name and position alone do everything twice; another predicate makes another route."""
    first = "routes:\n  a: { from: in, where: data.x, to: out }\n"
    routes = (
        first.replace("{", "{{").replace("}", "}}") + "  b: {{ to: out, from: [in], where: {}, start: earliest }}\n"
    )
    assert told(found(HEAD + routes.format("data.x"))) == ["route.duplicate b"]
    assert told(found(HEAD + routes.format("data.y"))) == []


def test_nothing_is_called_unused_while_something_is_wrong(found: Found) -> None:
    """What can't be read may be what uses it."""
    findings = found(f"{HEAD}env: [A]\nroutes: {{ r: {{ from: in, were: env.A == data.x, to: out }} }}\n")
    assert told(findings) == ["schema.unknown_key were"]
