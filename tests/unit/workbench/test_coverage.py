"""What tests have seen happen, and what not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.deployment import load
from hub.workbench.coverage import Coverage, Recorder
from hub.workbench.trials import run

HEAD = "deployment: d\nenv: [E]\ntopics: { in: , out: , big: , other: }\nroutes:\n"


def coverage(directory: Path, route: str, *given: Any) -> Coverage:
    """The coverage of one route ``r`` by events with these payloads."""
    tests = "".join(
        f"  t{number}: {{ given: {{ type: in, data: {data} }}, expect: {{ routes: {{ r: filtered }} }} }}\n"
        for number, data in enumerate(given)
    )
    (directory / "hub.yaml").write_text(HEAD + route + "tests:\n" + tests)
    deployment = load(directory)
    recorder = Recorder(deployment)
    for result in run(deployment):
        recorder.take(result.passage.steps, result.tracers)
    return recorder.coverage()


def told(found: Coverage) -> list[tuple[str, str, list[str], str]]:
    return [
        (each.kind, each.label, each.missing, f"{each.span.start.line}:{each.span.start.column}")
        for each in found.points
    ]


@pytest.mark.parametrize(
    ("given", "missing"),
    [([], ["true", "false"]), (["{ n: 2 }"], ["false"]), (["{ n: 1 }"], ["true"]), (["{ n: 1 }", "{ n: 2 }"], [])],
)
def test_a_predicate_has_two_outcomes(given: list[str], missing: list[str], tmp_path: Path) -> None:
    """Each is seen by an event for which it comes."""
    found = coverage(tmp_path, "  r: { from: in, where: data.n > 1, to: out }\n", *given)
    assert told(found) == [("where", "r", missing, "5:25")]
    assert found.unused == (frozenset() if given else {"r"})


def test_a_predicate_that_fails_has_no_outcome(tmp_path: Path) -> None:
    """An error is neither true nor false."""
    assert told(coverage(tmp_path, "  r: { from: in, where: data.n > 1, to: out }\n", "{}"))[0][2] == ["true", "false"]


@pytest.mark.parametrize("where", ["", "where: 'true', "])
def test_a_route_that_takes_all_is_used_or_not(where: str, tmp_path: Path) -> None:
    """There is one outcome, at its name."""
    route = f"  r: {{ from: in, {where}to: out }}\n"
    assert told(coverage(tmp_path, route)) == [("route", "r", ["used"], "5:3")]
    found = coverage(tmp_path, route, "{}")
    assert (found.seen, found.total, found.percent) == (1, 1, 100.0)


SWITCH = """  r:
    from: in
    switch:
      - { when: data.n == 1, to: out }
      - { when: data.n == 2, to: big }
"""


@pytest.mark.parametrize(
    ("last", "given", "missing"),
    [
        ("", [1], ["data.n == 2", "none"]),
        ("", [2, 3], ["data.n == 1"]),
        ("", [1, 2, 3], []),
        ("      - { to: other }\n", [1, 2], ["otherwise"]),
        ("      - { to: other }\n", [3], ["data.n == 1", "data.n == 2"]),
        ("      - { when: 'true', to: other }\n", [3], ["data.n == 1", "data.n == 2"]),
    ],
)
def test_each_branch_of_a_switch_is_an_outcome(last: str, given: list[int], missing: list[str], tmp_path: Path) -> None:
    """So is that none is meant, where that can be."""
    found = coverage(tmp_path, SWITCH + last, *(f"{{ n: {each} }}" for each in given))
    assert [each[2] for each in told(found) if each[0] == "switch"] == [missing]


def test_a_switch_counts_for_each_part_of_a_split(tmp_path: Path) -> None:
    """One event may take several branches."""
    route = SWITCH.replace("data.n", "item").replace("    switch", "    split: data.l\n    switch")
    found = coverage(tmp_path, route, "{ l: [2, 3] }")
    assert [each[2] for each in told(found) if each[0] == "switch"] == [["item == 1"]]


def test_a_switch_of_a_single_open_branch(tmp_path: Path) -> None:
    """Its branch is seen although nothing is decided."""
    found = coverage(tmp_path, "  r: { from: in, switch: [{ to: out }] }\n", "{}")
    assert [each[2] for each in told(found)] == [[], []]


def test_both_ways_of_a_condition_are_branches(tmp_path: Path) -> None:
    """Wherever it stands, also within a macro; labels are the fields, told apart where they are the same."""
    route = """  r:
    from: in
    map:
      subject: '= data.n > 1 ? "many" : string(data.n)'
      data:
        size: '= data.n > 20 ? "large" : data.n > 10 ? "medium" : "small"'
        list: '= data.l.map(x, x ? 1 : 2)'
    to: out
  s:
    from: in
    map: { subject: '= data.n > 1 ? "a" : "b"' }
    to: out
"""
    found = coverage(tmp_path, route, "{ n: 5, l: [true, false] }")
    assert told(found) == [
        ("route", "r", [], "5:3"),
        ("conditional", "r.subject", ["string(data.n)"], "8:19"),
        ("conditional", "r.size", ["large"], "10:18"),
        ("conditional", "r.size#2", ["medium"], "10:42"),
        ("conditional", "list", [], "11:32"),
        ("route", "s", [], "13:3"),
        ("conditional", "s.subject", ["b"], "15:24"),
    ]
    assert (found.seen, found.total) == (8, 12)


def test_a_route_that_could_not_run_was_not_used(tmp_path: Path) -> None:
    """For want of a variable that the test doesn't give."""
    found = coverage(tmp_path, "  r: { from: in, map: { subject: = env.E }, to: out }\n", "{}")
    assert found.unused == {"r"}


def test_nothing_to_see_is_all(tmp_path: Path) -> None:
    """A deployment without routes is covered."""
    (tmp_path / "hub.yaml").write_text("deployment: d\ntopics: { in: }\n")
    assert Recorder(load(tmp_path)).coverage().percent == 100.0
