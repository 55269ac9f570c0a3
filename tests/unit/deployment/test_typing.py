"""Types through a deployment: what reaches a route or sink decides what its expressions may read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Finding, Registry, check

Found = Callable[..., list[Finding]]

TYPES = """
deployment: d
topics: { in: , out: , other: }
events:
  order:
    topic: orders
    schema:
      type: object
      required: [id, lines]
      properties:
        id: { type: integer }
        note: { type: string }
        lines: { type: array, items: { type: object, properties: { sku: { type: string }, n: { type: integer } } } }
  refund:
    topic: orders
    schema: { type: object, required: [id], properties: { id: { type: integer }, reason: { type: string } } }
  orders.other: { schema: { type: object, properties: { id: { type: string } } } }
  ticket:
    schema:
      type: object
      required: [title]
      properties: { title: { type: string }, size: { enum: [small, large] } }
"""


def codes(findings: list[Finding]) -> list[str]:
    return [f"{each.line - LINES}:{each.code}" for each in findings if each.code not in WARNINGS]


LINES = TYPES.count("\n")
WARNINGS = ("event.unused", "topic.unwritten")


def messages(findings: list[Finding]) -> list[str]:
    return [each.message for each in findings if each.code not in WARNINGS]


def sink(settings: str, name: str = "call", extra: str = "") -> str:
    return f"sinks:\n  {name}: {{ use: http, {extra} with: {{ url: http://x, json: {settings} }} }}\n"


def test_a_route_is_checked_against_each_type_on_its_topic(found: Found) -> None:
    """A field that only one of two event types has is an error for the other, unless the type is tested first."""
    route = "routes:\n  r: { from: orders, map: { type: x, data: { note: = data.reason } }, to: out }\n"
    assert messages(found(TYPES + route)) == ["order has no field `reason`"]
    tested = route.replace("map:", 'where: event.type == "refund", map:')
    assert messages(found(TYPES + tested)) == []
    chosen = route.replace("= data.reason", """'= event.type == "order" ? "" : data.reason'""")
    assert messages(found(TYPES + chosen)) == []


def test_what_nothing_is_known_of_is_let_through(found: Found) -> None:
    """A topic of other programs, the dead letters of a unit, a sink's answers."""
    routes = """
routes:
  a: { from: in, where: data.anything.at.all > 5, map: { type: x, data: { y: = data.z } }, to: out }
  b: { from: call.dead, map: { type: x, data: { y: = data.z } }, to: out }
  c: { from: other, map: { type: x, data: { y: = data.status } }, to: out }
"""
    answering = sink("{ a: = data.y }", extra="from: ticket, reply: other, on_error: { dlq: call.dead },")
    assert messages(found(TYPES + routes + answering)) == ["ticket has no field `y`"]


def test_what_a_route_makes_is_what_the_next_one_sees(found: Found) -> None:
    """Through a map, a split, changes of single fields, and a choice of topics, in any order of the file."""
    routes = """
routes:
  last: { from: other, map: { type: z, data: { a: = data.first, b: = data.extra, c: = data.sku } }, to: out }
  split: { from: orders, where: event.type == "order", split: data.lines, map: { type: line }, drop: [data.n],
    set: { data.extra: 1 }, to: in }
  pass:
    from: in
    to: [{ choose: '= data.extra > 0 ? "other" : "out"', of: [other, out] }]
"""
    assert messages(found(TYPES + routes)) == ["line has no field `first`"]
    reading_what_was_dropped = routes.replace("data.first", "data.n")
    assert messages(found(TYPES + reading_what_was_dropped)) == ["line has no field `n`"]


def test_each_branch_makes_its_own(found: Found) -> None:
    """Two branches of a switch give two kinds of events, each to its own topic."""
    routes = """
routes:
  r:
    from: orders
    switch:
      - { when: event.type == "order", map: { type: a, data: { n: = size(data.lines) } }, to: out }
      - { map: { type: b, data: { why: = data.reason } }, to: other }
  one: { from: out, map: { type: c, data: { x: = data.why } }, to: in }
  two: { from: other, map: { type: c, data: { x: = data.why } }, to: in }
"""
    assert messages(found(TYPES + routes)) == ["a has no field `why`"]


def test_a_sink_is_checked_against_every_route_that_feeds_it(found: Found) -> None:
    """The finding names the route whose events would fail, and no other."""
    routes = """
routes:
  right: { from: in, map: { type: a, data: { text: hello } }, to: call }
  wrong: { from: in, map: { type: b, data: { txt: hello } }, to: call }
"""
    (finding,) = found(TYPES + routes + sink("{ t: = data.text }"))[-1:]
    assert (finding.code, finding.message) == ("route.unknown_field", "b has no field `text`")
    assert finding.suggestion == 'a has it: test `event.type == "a"` first\nthese events come from route `wrong`'
    assert finding.fix is None, "what is right for one feeder would be wrong for the other"


def test_a_sink_tells_which_type_it_takes(found: Found) -> None:
    """An expression that gives a number where the connector takes text, and the other way round."""
    routes = "routes:\n  r: { from: in, map: { type: a, data: { n: 5, t: five } }, to: call }\n"
    calls = "sinks:\n  call: { use: http, with: { url: = data.n, hops: = data.t } }\n"
    assert messages(found(TYPES + routes + calls)) == [
        "expected text in `url`; this is an int",
        "expected a whole number in `hops`; this is a string",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{ size: small }", "the contract of ticket wants `title`, a string, which isn't here"),
        ("{ title: 5 }", "the contract of ticket wants a string in `title`; this is an int"),
        ("{ title: = data.lines }", "the contract of ticket wants a string in `title`; this is a list"),
        ("{ title: a, size: huge }", 'the contract of ticket wants one of "small" | "large" in `size`; this is "huge"'),
        ("= data.lines", "the contract of ticket wants an object in its data; this is a list"),
    ],
)
def test_an_output_is_held_against_its_contract(found: Found, data: str, message: str) -> None:
    """Where the value stands, what was promised, and who reads it."""
    routes = f"""
routes:
  r: {{ from: orders, where: event.type == "order", map: {{ type: ticket, data: {data} }}, to: ticket }}
"""
    findings = found(TYPES + routes + sink("{ t: = data.title }", extra="from: ticket,"))
    assert messages(findings) == [message]
    assert (findings[-1].suggestion or "").endswith("the contract is in hub.yaml:19:5")
    reads = "title" in message or message.endswith("a list")
    assert ("sink `call` (hub.yaml:" in (findings[-1].suggestion or "")) is reads


def test_an_output_that_nothing_is_known_of_is_as_promised(found: Found) -> None:
    """A contract tells the readers what a route's data are, where its expressions don't."""
    routes = "routes:\n  r: { from: in, map: { type: ticket, data: = data }, to: ticket }\n"
    findings = found(TYPES + routes + sink("{ t: = data.titel }", extra="from: ticket,"))
    assert messages(findings) == ["ticket has no field `titel`"]


@pytest.mark.parametrize(
    ("mode", "severities"), [("enforce", ["error"]), ("warn", ["warning"]), ("evolve", []), ("trust", [])]
)
def test_the_mode_of_a_contract_decides(found: Found, mode: str, severities: list[str]) -> None:
    """A field that it forbids: dead letters, a warning, a new field that is reported, or nobody looks."""
    text = f"""
deployment: d
topics: {{ in: }}
events:
  closed:
    mode: {mode}
    schema: {{ type: object, properties: {{ a: {{ type: string }} }}, additionalProperties: false }}
routes:
  r: {{ from: in, map: {{ type: closed, data: {{ a: x, b: y }} }}, to: closed }}
"""
    assert [each.severity for each in found(text) if each.code == "route.contract"] == severities


def test_events_that_keep_their_type_keep_its_contract(found: Found) -> None:
    """New data under the old type is the mistake; the advice is a type of their own."""
    routes = 'routes:\n  r: { from: orders, where: event.type == "refund", map: { data: { a: b } }, to: out }\n'
    findings = found(TYPES + routes)
    assert messages(findings) == ["the contract of refund wants `id`, an int, which isn't here"]
    assert findings[-1].suggestion == "give these events a type of their own, with `type` under `map`"


def test_elements_of_a_split_want_a_type_of_their_own(found: Found) -> None:
    """An element isn't what its event's type promises."""
    routes = 'routes:\n  r: { from: orders, where: event.type == "order", split: data.lines, to: out }\n'
    findings = found(TYPES + routes)
    assert messages(findings) == ["the contract of order wants `id` and `lines`, which aren't here"]
    assert findings[-1].suggestion == "give these events a type of their own, with `type` under `map`"


def test_a_computed_type_has_no_contract(found: Found) -> None:
    """Which contract counts is known only at run time."""
    routes = "routes:\n  r: { from: in, map: { type: = data.t, data: { a: b } }, to: ticket }\n"
    assert messages(found(TYPES + routes)) == []
    reading = sink("{ t: = data.a }", extra="from: ticket,")
    assert messages(found(TYPES + routes + reading)) == []


def test_a_broken_predicate_makes_no_further_mistakes(found: Found) -> None:
    """What `where` would have said isn't known, so nothing that depends on it is complained about."""
    routes = """
routes:
  r: { from: orders, where: event.type == "refund" &&, map: { type: x, data: { a: = data.reason } }, to: out }
"""
    assert codes(found(TYPES + routes)) == ["3:route.syntax"]


def test_a_broken_expression_does_not_hide_the_others(found: Found) -> None:
    """Each expression of a map is checked, whatever is wrong with the one before it."""
    routes = """
routes:
  r: { from: ticket, map: { type: x, data: { a: = nope(1), b: = data.titel } }, to: out }
"""
    assert codes(found(TYPES + routes)) == ["3:route.unknown_function", "3:route.unknown_field"]


def test_a_mistake_elsewhere_does_not_hide_types(found: Found) -> None:
    """All is told at once, also where a name is misspelt in another route."""
    routes = """
routes:
  a: { from: nothing.like.it, to: out }
  b: { from: ticket, where: data.titel == "x", to: out }
"""
    assert codes(found(TYPES + routes)) == ["3:route.unknown_source", "4:route.unknown_field"]


def test_routes_in_a_circle_end(found: Found) -> None:
    """A cycle is one error, and what it feeds is still checked as far as it can be."""
    routes = """
routes:
  a: { from: out, map: { type: x, data: { n: = data.m } }, to: other }
  b: { from: other, map: { type: y, data: { m: = data.n } }, to: out }
  c: { from: out, map: { type: z, data: { q: = data.wrong } }, to: in }
"""
    assert codes(found(TYPES + routes)) == ["3:route.cycle", "5:route.unknown_field"]


def test_an_expression_that_never_works_is_told(found: Found) -> None:
    """Constants are computed beforehand: times, durations, divisions, places in lists."""
    routes = """
routes:
  a: { from: in, where: now > timestamp("yesterday"), to: out }
  b: { from: in, map: { type: x, data: { a: = 1 / 0, b: '= [1, 2][5]', c: '= int("1")' } }, to: out }
"""
    assert codes(found(TYPES + routes)) == ["3:route.impossible", "4:route.impossible", "4:route.impossible"]


def test_strict_asks_for_more(write: Callable[..., Path], registry: Registry) -> None:
    """Fields that may be missing, and warnings become errors."""
    routes = "routes:\n  r: { from: ticket, map: { type: x, data: { a: = data.size } }, to: out }\n"
    directory = write(TYPES + routes)
    usual = check(directory, registry=registry)
    strict = check(directory, registry=registry, strict=True)
    assert usual.valid
    assert not strict.valid
    assert "route.maybe_missing" in [each.code for each in strict.findings]
    assert {each.severity for each in strict.findings} == {"error"}
