"""`hub test`: what it prints, what it writes for CI, and the exit codes that programs rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from hub.cli import app

HUB = """\
deployment: d
topics: { in: , out: , big: }
routes:
  r:
    from: in
    where: data.n > 1
    map: { subject: = data.name, data: { size: '= data.n > 20 ? "large" : "small"' } }
    to: out
tests:
  a small one:
    given: { type: in, data: { n: 2, name: x } }
    expect: { out: { data: { size: small } } }
  none: { given: { type: in, data: { n: 1 } }, expect: filtered }
"""
FAILING = HUB.replace("size: small }", "size: large, color: red }").replace("n: 1", "n: 3, name: y")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["test", *(str(each) for each in arguments)])


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    path = tmp_path / "demo" / "hub.yaml"
    path.parent.mkdir()
    path.write_text(HUB)
    return path


def test_all_pass(hub: Path) -> None:
    """Exit code 0 and one line."""
    result = run(hub.parent)
    assert result.exit_code == 0
    assert re.fullmatch(r"2 passed · [\d,]+ ms\n", result.output)


def test_what_failed_is_told_as_findings_are(hub: Path) -> None:
    """Exit code 1; place, test, line, caret, a small table of differences, why, and a summary."""
    hub.write_text(FAILING)
    result = run(hub.parent)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[:-1] == [
        "hub.yaml:12:30  failed  a small one",
        "   12 │     expect: { out: { data: { size: large, color: red } } }",
        "      │                              ^^^^",
        "      `out` is not what is expected",
        '        data.size   expected "large"  got "small"',
        '        data.color  expected "red"    got nothing',
        "hub.yaml:13:57  failed  none",
        "   13 │   none: { given: { type: in, data: { n: 3, name: y } }, expect: filtered }",
        "      │                                                         ^^^^^^",
        "      expected it to be filtered; route `r` sent it to `out`",
        '        got in (subject: y) {"size":"small"}',
    ]
    assert re.fullmatch(r"2 failed · [\d,]+ ms", lines[-1])


def test_coverage_is_told_in_one_line_and_gaps_with_their_place(hub: Path) -> None:
    """What no test has seen, by file, line and column; the line names the branch that never came."""
    result = run("--coverage", hub.parent)
    assert result.exit_code == 0
    first, last = result.output.splitlines()
    assert first == "hub.yaml:7:51  not seen  route r, size: never large"
    assert re.fullmatch(r"2 passed · r: 2 of 2 outcomes · size: 1 of 2 branches \(never large\) · [\d,]+ ms", last)


def test_coverage_of_many_routes_is_a_share(hub: Path) -> None:
    """Where it doesn't fit into a line; a route that no event came to is told once."""
    routes = "".join(
        f'  r{n}: {{ from: big, where: data.n > {n}, to: out, map: {{ subject: \'= data.a ? "a" : "b"\' }} }}\n'
        for n in range(20)
    )
    hub.write_text(HUB.replace("tests:\n", routes + "tests:\n"))
    result = run("--coverage", hub.parent)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[1:3] == [
        "hub.yaml:9:27  not seen  route r0: no event of a test comes to this route",
        "hub.yaml:10:27  not seen  route r1: no event of a test comes to this route",
    ]
    assert len(lines) == 1 + 20 + 1
    assert re.fullmatch(r"2 passed · 3 of 84 outcomes \(3 %\) · [\d,]+ ms", lines[-1])


def test_coverage_below_what_is_wanted_fails(hub: Path) -> None:
    """Exit code 1 although all tests passed."""
    result = run("--fail-under", "80", hub.parent)
    assert result.exit_code == 1
    assert "2 passed" in result.output
    assert "fewer than the 80 % that are wanted" in result.output
    assert run("--fail-under", "75", hub.parent).exit_code == 0


def test_invalid_files_are_told_as_by_validate(hub: Path) -> None:
    """Exit code 2, and nothing is run."""
    hub.write_text(HUB.replace("expect: filtered", "expect: { outt: {} }"))
    result = run(hub.parent)
    assert result.exit_code == 2
    assert "test.unknown_target" in result.output
    assert "passed" not in result.output


def test_no_tests_are_no_failure_but_a_pattern_that_fits_none_is(hub: Path) -> None:
    """A misspelt -k in CI shall not pass for ever."""
    result = run("-k", "smal", hub.parent)
    assert (result.exit_code, result.output.startswith("1 passed")) == (0, True)
    result = run("-k", "smll", hub.parent)
    assert result.exit_code == 2
    assert "none of 2 tests has `smll` in its name" in result.output
    hub.write_text(HUB[: HUB.index("tests:")])
    result = run("--coverage", hub.parent)
    assert result.exit_code == 0
    assert "no tests" in result.output
    assert "hub.yaml:4:3" not in result.output


def test_json_says_all_of_it(hub: Path) -> None:
    """One document whose keys are stable."""
    hub.write_text(FAILING)
    result = run("--json", "--coverage", hub.parent)
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert (found["passed"], found["failed"]) == (0, 2)
    first, second = found["tests"]
    assert {key: first[key] for key in ("name", "path", "line", "passed")} == {
        "name": "a small one",
        "path": "hub.yaml",
        "line": 10,
        "passed": False,
    }
    assert first["misses"] == [
        {
            "message": "`out` is not what is expected",
            "path": "hub.yaml",
            "line": 12,
            "column": 30,
            "differences": [
                {"field": "data.size", "expected": "large", "got": "small", "line": 12, "column": 30},
                {"field": "data.color", "expected": "red", "line": 12, "column": 43},
            ],
            "events": [],
            "reasons": [],
        }
    ]
    assert second["misses"][0]["events"][0]["data"] == {"size": "small"}
    assert found["coverage"]["points"][1] == {
        "route": "r",
        "kind": "conditional",
        "label": "size",
        "path": "hub.yaml",
        "line": 7,
        "column": 51,
        "outcomes": [{"name": "large", "seen": False}, {"name": "small", "seen": True}],
    }
    assert json.loads(run("--json", hub.parent).output)["coverage"] is None


def test_junit_is_what_ci_systems_read(hub: Path, tmp_path: Path) -> None:
    """Counts at both levels agree with the cases; a failure says where, what and why, whatever a name holds."""
    hub.write_text(FAILING.replace("a small one", '"a <small> & \\u0001 one"'))
    report = tmp_path / "junit.xml"
    assert run("--junit", report, hub.parent).exit_code == 1
    root = ET.parse(report).getroot()
    (suite,) = root
    assert (root.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "d")
    for each in (root, suite):
        assert (each.get("tests"), each.get("failures"), each.get("errors")) == ("2", "2", "0")
        assert float(each.get("time", "")) > 0
    cases = list(suite)
    assert [(each.tag, each.get("name"), each.get("classname")) for each in cases] == [
        ("testcase", "a <small> & � one", "d.hub"),
        ("testcase", "none", "d.hub"),
    ]
    assert [(each.get("file"), each.get("line")) for each in cases] == [("hub.yaml", "10"), ("hub.yaml", "13")]
    assert sum(float(each.get("time", "")) for each in cases) <= float(suite.get("time", ""))
    (failure,) = cases[0]
    assert (failure.tag, failure.get("message"), failure.get("type")) == (
        "failure",
        "`out` is not what is expected",
        "expectation",
    )
    assert failure.text is not None
    assert failure.text.splitlines()[0].startswith("hub.yaml:12:")
    assert '  data.size: expected "large", got "small"' in failure.text
    assert run("--junit", tmp_path, hub.parent).exit_code == 2


def test_a_passed_case_has_no_failure(hub: Path, tmp_path: Path) -> None:
    """And the counts say so."""
    report = tmp_path / "junit.xml"
    assert run("--junit", report, hub.parent).exit_code == 0
    root = ET.parse(report).getroot()
    assert root.get("failures") == "0"
    assert [len(case) for case in root[0]] == [0, 0]


def test_output_fits_a_hundred_columns(hub: Path) -> None:
    """However long names, values and lines are."""
    long = "x" * 300
    hub.write_text(FAILING.replace("color: red", f"color: {long}, {long}: 1"))
    for line in run("--coverage", hub.parent).output.splitlines():
        assert cell_len(line) <= 100, line


def test_what_a_contract_only_warns_of_is_no_noise(hub: Path) -> None:
    """A violation that a running hub would log passes here without a line on standard error; an enforced one fails."""
    schema = "{ type: object, additionalProperties: true, properties: { size: { maxLength: 1 } } }"
    contract = f"events: {{ in: {{ schema: {schema}, mode: warn }} }}\n"
    hub.write_text(HUB + contract)
    silent = subprocess.run(
        [Path(sys.executable).with_name("hub"), "test", hub.parent], capture_output=True, text=True, check=False
    )
    assert (silent.returncode, silent.stderr) == (0, "")
    hub.write_text(HUB + contract.replace("warn", "enforce"))
    result = run(hub.parent)
    assert result.exit_code == 1
    assert "route `r` failed: /" in result.output
