"""Tests of a deployment: what passes, what doesn't, and what is said of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import load
from hub.engine.routing.mapper import _stage
from hub.routes import EvaluationError
from hub.sdk import ConfigError, InvalidEvent
from hub.workbench.report import text
from hub.workbench.trials import Result, run, select
from hub.workbench.verdict import stage

DEPLOYMENT = """
deployment: d
env: [REGION]
tables: { sizes: { "1": one } }
topics: { in: , out: , big: , other: , parts: , seen: , placed: }
events:
  checked: { schema: { type: object, properties: { n: { type: integer } }, required: [n] } }
routes:
  sizes:
    from: in
    where: data.n > 1
    map:
      subject: = data.name
      key: = data.?team.orValue("none")
      data: { n: = data.n, size: '= data.n > 20 ? "large" : "small"' }
    to: [out, queue]
  more: { from: out, where: data.n > 100, to: big }
  regions: { from: seen, map: { data: { region: = env.REGION, at: = string(now) } }, to: placed }
  parts: { from: parts, split: data.parts, to: [{ choose: = item.to, of: [other, big] }] }
  choice:
    from: other
    switch: [{ when: data.a == 1, to: big }, { when: data.a == 2, to: queue }]
    to: big
  contract: { from: parts, where: has(data.n), map: { type: checked, data: { n: = data.n } }, to: checked }
sinks:
  queue:
    use: rabbitmq
    with: { url: "${env:U}", exchange: x, routing_key: '= event.type + "." + data.size' }
  reader: { use: rabbitmq, from: [out, big], with: { url: "${env:U}", exchange: "${env:E}", routing_key: = data.size } }
tests:
  t:
"""


@pytest.fixture
def outcome(tmp_path: Path) -> Callable[[str], Result]:
    """Runs one test, given by its keys."""

    def outcome(keys: str) -> Result:
        test = textwrap.indent(textwrap.dedent(keys).strip("\n"), "    ")
        (tmp_path / "hub.yaml").write_text(DEPLOYMENT.lstrip("\n") + test + "\n")
        (result,) = run(load(tmp_path))
        return result

    return outcome


PASSING = {
    "an output, in part": """
        given: { type: in, data: { n: 2, name: x } }
        expect: { out: { subject: x, data: { size: small } } }
    """,
    "a payload exactly": """
        given: { type: in, data: { n: 2, name: x } }
        expect: { out: { json_equals: { n: 2, size: small } } }
    """,
    "nothing else": """
        given: { type: in, data: { n: 2, name: x } }
        expect: { out: {}, queue: {}, nothing_else: true }
    """,
    "through several routes": """
        given: { type: in, data: { n: 200, name: x } }
        expect: { big: { data: { size: large } } }
    """,
    "a sink that reads topics receives all that is on them": """
        given: { type: in, data: { n: 200, name: x } }
        expect: { reader: [{ subject: x }, { subject: x }] }
    """,
    "a sink that reads the given event itself": """
        given: { type: whatever, topic: big, data: { size: small } }
        expect: { reader: { type: whatever, with: { routing_key: small } } }
    """,
    "a computed setting": """
        given: { type: in, data: { n: 2, name: x } }
        expect: { queue: { with: { routing_key: in.small } } }
    """,
    "filtered": """
        given: { type: in, data: { n: 1 } }
        expect: filtered
    """,
    "filtered with a reason": """
        given: { type: in, data: { n: 1 } }
        expect: { filtered: where }
    """,
    "filtered on the way": """
        given: { type: in, data: { n: 2, name: x } }
        expect: { filtered: { route: more, reason: where }, out: {} }
    """,
    "filtered by a switch": """
        given: { type: other, data: { a: 3 } }
        expect: { filtered: switch }
    """,
    "filtered by a split": """
        given: { type: parts, data: { parts: [] } }
        expect: { routes: { parts: { filtered: split } } }
    """,
    "filtered by several routes for several reasons": """
        given: { type: parts, data: { parts: [] } }
        expect: { filtered: [split, where] }
    """,
    "several events": """
        given:
          - { type: in, data: { n: 2, name: x } }
          - { type: in, data: { n: 1 } }
          - { type: in, data: { n: 3, name: y } }
        expect: { out: [{ id: test-1, subject: x }, { id: test-3, subject: y }] }
    """,
    "a split": """
        given: { type: parts, id: e, data: { parts: [{ to: other, a: 1 }, { to: big }, { to: other, a: 4 }] } }
        expect:
          other: [{ id: e/parts/0 }, { id: e/parts/2, data: { a: 4 } }]
          routes:
            choice: { big: { data: { a: 1 } } }
            parts: { big: { data: { to: big } } }
    """,
    "routes by themselves, whatever becomes of the others": """
        given: { type: parts, data: { n: text, parts: [{ to: big }] } }
        expect: { routes: { parts: { big: {} } } }
    """,
    "one word for a route": """
        given: { type: parts, data: { parts: [{ to: big }] } }
        expect: { routes: { contract: filtered } }
    """,
    "an error": """
        given: { type: in, data: { n: text } }
        expect: error
    """,
    "an error by a part of its text": """
        given: { type: in, data: { n: text } }
        expect: { error: got a string and an int }
    """,
    "an error by all that it has": """
        given: { type: in, data: { n: 2 } }
        expect: { error: { route: sizes, stage: map, path: map.subject, contains: name } }
    """,
    "an error of a contract": """
        given: { type: parts, data: { n: text, parts: [] } }
        expect: { error: { route: contract, stage: contract, path: /n }, filtered: { route: parts } }
    """,
    "an error within a route": """
        given: { type: parts, data: { n: text, parts: [] } }
        expect: { routes: { contract: error, parts: filtered } }
    """,
    "a payload that is no JSON": """
        given: { type: in, data_base64: e2I= }
        expect: { error: { stage: where } }
    """,
    "environment and clock": """
        given: { type: seen, data: {} }
        env: { REGION: eu }
        now: 2026-05-01T00:00:00Z
        expect: { placed: { time: 2026-05-01T00:00:00Z, data: { region: eu, at: 2026-05-01T00:00:00Z } } }
    """,
    "a topic that isn't the type's": """
        given: { type: anything, data: { n: 2, name: x } }
        topic: in
        expect: { out: { type: anything } }
    """,
    "all attributes": """
        given:
          type: in
          id: 7
          source: /elsewhere
          subject: s
          time: 2026-02-02T00:00:00Z
          key: k
          dataschema: /schema
          headers: { traceparent: 00-x }
          extensions: { team: core }
          data: { n: 2, name: x, team: a }
        expect:
          out:
            id: "7"
            source: /elsewhere
            subject: x
            time: 2026-02-02T00:00:00Z
            key: a
            dataschema: null
            headers: { traceparent: 00-x }
            extensions: { team: core, other: null }
    """,
    "a payload with some fields changed": """
        given: { type: in, data: { n: 1, a: { b: 1, c: 2 } }, set: { data.n: 30, data.name: x }, drop: [data.a.b] }
        expect: { out: { subject: x, data: { n: 30, size: large } } }
    """,
    "an event in CloudEvents' JSON": """
        given: { specversion: "1.0", id: a, type: in, source: /s, partitionkey: k, team: core, data: { n: 2, name: x } }
        expect: { out: { id: a, source: /s, extensions: { team: core } } }
    """,
    "an event as hub tap prints it": """
        given:
          at: 2026-01-01T00:00:00Z
          topic: in
          partition: 0
          offset: 12
          key: k
          event: { id: a, type: else, source: /s, partitionkey: k, hub: x, datacontenttype: application/json }
          data: { n: 2, name: x }
          headers: { hub_origin: t-0@1 }
        expect: { out: { id: a, type: else, extensions: { hub: x }, headers: { hub_origin: t-0@1 } } }
    """,
}


@pytest.mark.parametrize("name", PASSING)
def test_what_is_so_passes(name: str, outcome: Callable[[str], Result]) -> None:
    """Nothing is missed."""
    result = outcome(PASSING[name])
    assert [text(result, miss) for miss in result.misses] == []
    assert result.passed


NO_ORDER = (
    "route `sizes` failed: data.n > 1: expected two values that have an order, got a string and an int (where 1:1)"
)

FAILING = {
    "an output that is another": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: { out: { subject: y, data: { n: 3, size: small } } }
        """,
        ["`out` is not what is expected", '  subject: expected "y", got "x"', "  data.n: expected 3, got 2"],
        "32:22",
    ),
    "a payload with more than it should have": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: { out: { json_equals: { n: 2 } } }
        """,
        ["`out` is not what is expected", '  data.size: expected nothing, got "small"'],
        "32:22",
    ),
    "an output that doesn't come": (
        """
        given: { type: in, data: { n: 1 } }
        expect: { out: {} }
        """,
        ["expected an event at `out`; none came", "  route `sizes` filtered it: data.n > 1 is false: data.n is 1"],
        "32:15",
    ),
    "an output that doesn't come since a later route filters": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: { big: {} }
        """,
        [
            "expected an event at `big`; none came",
            "  route `sizes` sent an event to out, queue",
            "  route `more` filtered it: data.n > 100 is false: data.n is 2",
        ],
        "32:15",
    ),
    "an output that shouldn't come": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: { big: [], out: [] }
        """,
        [
            "expected nothing at `out`; one came",
            '  got in (subject: x, key: none) {"n":2,"size":"small"}',
        ],
        "32:24",
    ),
    "too many": (
        """
        given: { type: parts, data: { parts: [{ to: big }, { to: big }, { to: big }, { to: big }, { to: big }] } }
        expect: { big: [{}, {}] }
        """,
        [
            "expected 2 events at `big`; 5 came",
            '  got parts {"to":"big"}',
            '  got parts {"to":"big"}',
            '  got parts {"to":"big"}',
            "  and 2 more",
        ],
        "32:15",
    ),
    "the second of two": (
        """
        given: { type: parts, data: { parts: [{ to: big }, { to: big, x: 1 }] } }
        expect:
          big:
            - data: { to: big }
            - data: { x: 2 }
        """,
        ["event 2 at `big` is not what is expected", "  data.x: expected 2, got 1"],
        "35:19",
    ),
    "something else": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: { out: {}, nothing_else: true }
        """,
        [
            "expected nothing else to come out; one came to `queue`",
            '  got in (subject: x, key: none) {"n":2,"size":"small"}',
        ],
        "32:24",
    ),
    "not filtered": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: filtered
        """,
        [
            "expected it to be filtered; route `sizes` sent it to `out`, `queue`",
            '  got in (subject: x, key: none) {"n":2,"size":"small"}',
        ],
        "32:5",
    ),
    "filtered for another reason": (
        """
        given: { type: other, data: { a: 5 } }
        expect: { filtered: { reason: where, route: choice } }
        """,
        [
            "expected it to be filtered by `where`; route `choice` did by `switch`",
            "  route `choice` filtered it by `switch`",
            "    data.a == 1 is false: data.a is 5",
            "    data.a == 2 is false: data.a is 5",
        ],
        "32:15",
    ),
    "a route that it never comes to": (
        """
        given: { type: in, data: { n: 1 } }
        expect: { routes: { more: filtered } }
        """,
        ["no event came to route `more`", "  route `sizes` filtered it: data.n > 1 is false: data.n is 1"],
        "32:25",
    ),
    "an error that nobody expects": (
        """
        given: { type: in, data: { n: text } }
        expect: { out: {} }
        """,
        [
            NO_ORDER,
            '    data.n is "text"',
        ],
        "32:5",
    ),
    "an error where an event is to be filtered": (
        """
        given: { type: in, data: { n: text } }
        expect: filtered
        """,
        [
            NO_ORDER,
            '    data.n is "text"',
        ],
        "32:5",
    ),
    "no error": (
        """
        given: { type: in, data: { n: 1 } }
        expect: { error: { route: sizes } }
        """,
        [
            "expected an error in route `sizes`; none came",
            "  route `sizes` filtered it: data.n > 1 is false: data.n is 1",
        ],
        "32:15",
    ),
    "another error": (
        """
        given: { type: in, data: { n: 2 } }
        expect: { error: { path: where } }
        """,
        ["route `sizes`: expected an error at `where`; one came at `map.subject`: "],
        "32:24",
    ),
    "another text": (
        """
        given: { type: in, data: { n: 2 } }
        expect: { error: nonsense }
        """,
        ["route `sizes`: expected an error with `nonsense`; got: "],
        "32:15",
    ),
    "another stage": (
        """
        given: { type: parts, data: { n: text, parts: [] } }
        expect: { routes: { contract: { error: { stage: map } } } }
        """,
        ["route `contract`: expected an error at `map`; one came at `contract`: /n: "],
        "32:46",
    ),
    "a contract that is broken": (
        """
        given: { type: parts, data: { n: text, parts: [] } }
        expect: filtered
        """,
        ["route `contract` failed: /n: "],
        "32:5",
    ),
    "a setting that is another": (
        """
        given: { type: in, data: { n: 2, name: x } }
        expect: { queue: { with: { routing_key: in.large } } }
        """,
        ["`queue` is not what is expected", '  with.routing_key: expected "in.large", got "in.small"'],
        "32:32",
    ),
    "a setting that has no value": (
        """
        given: { type: x, topic: big, data: {} }
        expect: { reader: { with: { routing_key: x } } }
        """,
        ["sink `reader` failed: "],
        "32:25",
    ),
    "a variable that isn't given": (
        """
        given: { type: seen, data: {} }
        expect: error
        """,
        ["route `regions` reads env.REGION, which has no value; give it one: `env: { REGION: … }`"],
        "30:3",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_is_not_so_fails(name: str, outcome: Callable[[str], Result]) -> None:
    """One miss, with its place and with what came, and why."""
    keys, lines, place = FAILING[name]
    result = outcome(keys)
    (miss,) = result.misses
    told = text(result, miss).splitlines()
    assert len(told) >= len(lines)
    for got, expected in zip(told, lines, strict=False):
        assert got == expected or (expected.endswith(": ") and got.startswith(expected))
    assert str(result.trial.span(*miss.where)) == f"hub.yaml:{place}"


def test_every_failing_test_would_pass_if_it_expected_what_came(outcome: Callable[[str], Result]) -> None:
    """The tests of the tests: the same events, with the other expectation."""
    assert outcome("given: { type: in, data: { n: 2, name: x } }\nexpect: { out: { subject: x } }").passed
    assert not outcome("given: { type: in, data: { n: 2, name: z } }\nexpect: { out: { subject: x } }").passed


def test_variables_of_this_machine_are_not_seen(
    outcome: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test gives the same everywhere."""
    monkeypatch.setenv("REGION", "eu")
    assert not outcome("given: { type: seen, data: {} }\nexpect: { placed: {} }").passed


def test_tests_with_other_variables_do_not_share_programs(tmp_path: Path) -> None:
    """Each sees its own values."""
    tests = "".join(
        f"  {name}:\n    given: {{ type: seen, data: {{}} }}\n    env: {{ REGION: {region} }}\n"
        f"    expect: {{ placed: {{ data: {{ region: {region} }} }} }}\n"
        for name, region in (("a", "eu"), ("b", "us"), ("c", "eu"))
    )
    (tmp_path / "hub.yaml").write_text(DEPLOYMENT.lstrip("\n").removesuffix("  t:\n") + tests)
    assert [result.passed for result in run(load(tmp_path))] == [True, True, True]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (None, ["a review", "no review", "b[1]"]),
        ("", ["a review", "no review", "b[1]"]),
        ("REVIEW", ["a review", "no review"]),
        ("a*", ["a review"]),
        ("?[[]1]", ["b[1]"]),
        ("b[1", ["b[1]"]),
    ],
)
def test_tests_are_chosen_by_name(pattern: str | None, names: list[str], tmp_path: Path) -> None:
    """By a part of it, or by a pattern for the whole."""
    tests = "".join(
        f'  "{each}": {{ given: {{ type: in }}, expect: filtered }}\n' for each in ["a review", "no review", "b[1]"]
    )
    (tmp_path / "hub.yaml").write_text(DEPLOYMENT.lstrip("\n").removesuffix("  t:\n") + tests)
    trials = load(tmp_path).tests.values()
    assert [each.name for each in select(trials, pattern)] == names
    with pytest.raises(ConfigError, match="none of 3 tests"):
        select(trials, "nothing of that")


@pytest.mark.parametrize(
    "error",
    [
        InvalidEvent("x"),
        EvaluationError("x", path=("where",)),
        EvaluationError("x", path=("split",)),
        EvaluationError("x", path=("to", 0, "choose")),
        EvaluationError("x", path=("map", "data")),
        EvaluationError("x", path=("switch", 0, "when")),
        EvaluationError("x", path=("switch", 0, "map", "data")),
        ValueError(),
    ],
)
def test_stages_are_those_of_dead_letters(error: Exception) -> None:
    """What a test says of an error is what the engine would write."""
    assert stage(error) == _stage(error)
