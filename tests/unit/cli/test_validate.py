"""`hub validate`: what it prints, and the exit codes that programs rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.cli.findings import render
from hub.deployment import Finding, Position
from hub.deployment.finding import Span

VALID = "deployment: d\ntopics: { in: , out: }\nroutes: { r: { from: in, to: out } }\n"
WARNED = VALID + "events: { e: { schema: { description: =x } } }\n"
BROKEN = VALID.replace("to: out", "to: owt") + "evnets: {}\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    path = tmp_path / "demo" / "hub.yaml"
    path.parent.mkdir()
    path.write_text(VALID)
    return path


def test_a_valid_deployment(hub: Path) -> None:
    """Exit code 0, and one line."""
    result = run("validate", hub.parent)
    assert result.exit_code == 0
    assert result.output.startswith("nothing to complain about in 1 file · 1 route · ")


def test_findings_show_the_line_and_what_to_do(hub: Path) -> None:
    """Exit code 2; place, code, line, caret, message and a summary, as for a compiler."""
    hub.write_text(BROKEN)
    result = run("validate", hub.parent)
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert lines[:-1] == [
        "hub.yaml:3:30  error  route.unknown_target",
        "    3 │ routes: { r: { from: in, to: owt } }",
        "      │                              ^^^",
        "      nothing declares `owt`; did you mean `out`?",
        "hub.yaml:4:1  error  section.unknown",
        "    4 │ evnets: {}",
        "      │ ^^^^^^",
        "      there is no section `evnets`; did you mean `events`?",
    ]
    assert lines[-1].startswith("2 errors in 1 file · 1 route · ")


def test_strict_makes_warnings_fail(hub: Path) -> None:
    """A warning alone is exit code 0, and 2 with --strict."""
    hub.write_text(WARNED)
    assert run("validate", hub.parent).exit_code == 0
    result = run("validate", "--strict", hub.parent)
    assert result.exit_code == 2
    assert "  error  expression.no_space" in result.output
    hub.write_text(VALID)
    assert run("validate", "--strict", hub.parent).exit_code == 0


def test_mistakes_in_tests_are_found(hub: Path) -> None:
    """A test that means nothing is told by `hub validate` already; a good one is not mentioned."""
    hub.write_text(VALID + "tests:\n  a: { given: { type: in }, expect: { outt: {} } }\n")
    result = run("validate", hub.parent)
    assert result.exit_code == 2
    assert result.output.splitlines()[0] == "hub.yaml:5:39  error  test.unknown_target"
    hub.write_text(VALID + "tests:\n  a: { given: { type: in }, expect: { out: {} } }\n")
    assert json.loads(run("validate", "--json", hub.parent).output) == []


def test_json_is_an_array_of_findings(hub: Path) -> None:
    """The keys of a finding are stable; the fix is text to put in place of the span."""
    assert json.loads(run("validate", "--json", hub.parent).output) == []
    hub.write_text(BROKEN)
    result = run("--json", "validate", hub.parent)
    assert result.exit_code == 2
    first, second = json.loads(result.output)
    assert first == {
        "severity": "error",
        "code": "route.unknown_target",
        "message": "nothing declares `owt`; did you mean `out`?",
        "path": "hub.yaml",
        "line": 3,
        "column": 30,
        "end_line": 3,
        "end_column": 33,
        "suggestion": None,
        "fix": "out",
    }
    assert (second["code"], second["fix"]) == ("section.unknown", "events")


def test_a_fix_mends_the_file(hub: Path) -> None:
    """Put in place of its span, each fix makes the finding go away."""
    eaten = VALID.replace("to: out", 'where: !data.x, to: out, map: { subject: = string(data.a[0], "b") }')
    for text in (BROKEN, eaten, VALID + "# x\ntests:\n  t:\n    given: = a ? 1 : 2\n    expect: filtered\n"):
        hub.write_text(text)
        for _ in range(5):
            findings = json.loads(run("validate", "--json", hub.parent).output)
            fixable = [each for each in findings if each["fix"]]
            if not fixable:
                break
            hub.write_text(mended(hub.read_text(), fixable[0]))
        assert [
            each["code"]
            for each in findings
            if each["code"].startswith(("yaml.", "section.unknown", "route.unknown_t"))
        ] == []


def mended(text: str, finding: dict[str, int | str]) -> str:
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    begin = starts[int(finding["line"]) - 1] + int(finding["column"]) - 1
    end = starts[int(finding["end_line"]) - 1] + int(finding["end_column"]) - 1
    return text[:begin] + str(finding["fix"]) + text[end:]


def test_fix_corrects_the_file_and_lists_what_is_left(hub: Path) -> None:
    """The lines before and after, then a check of the corrected files."""
    hub.write_text(BROKEN.replace("from: in", "from: nothing_like_it"))
    result = run("validate", hub.parent, "--fix")
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert lines[:11] == [
        "hub.yaml:3",
        "    3 - routes: { r: { from: nothing_like_it, to: owt } }",
        "    3 + routes: { r: { from: nothing_like_it, to: out } }",
        "hub.yaml:4",
        "    4 - evnets: {}",
        "    4 + events: {}",
        "corrected 2 places in 1 file",
        "",
        "hub.yaml:3:22  error  route.unknown_source",
        "    3 │ routes: { r: { from: nothing_like_it, to: out } }",
        "      │                      ^^^^^^^^^^^^^^^",
    ]
    assert "owt" not in hub.read_text()


def test_fix_of_nothing(hub: Path) -> None:
    """A valid deployment stays as it is, to the byte and the second."""
    before = hub.stat()
    result = run("validate", hub.parent, "--fix")
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "nothing to correct"
    assert hub.stat().st_mtime_ns == before.st_mtime_ns


def test_fix_as_json_prints_what_is_left(hub: Path) -> None:
    """One JSON document, without the changes."""
    hub.write_text(BROKEN)
    result = run("validate", hub.parent, "--fix", "--json")
    assert (result.exit_code, json.loads(result.output)) == (0, [])


def test_sarif_beside_the_findings(hub: Path, tmp_path: Path) -> None:
    """A file for the CI system, while people read the same as ever; the exit code says whether all is well."""
    hub.write_text(BROKEN)
    plain = run("validate", hub.parent)
    result = run("validate", hub.parent, "--sarif", tmp_path / "hub.sarif")
    assert result.exit_code == 2
    assert result.output.splitlines()[:-1] == plain.output.splitlines()[:-1]
    document = json.loads((tmp_path / "hub.sarif").read_text())
    assert [each["ruleId"] for each in document["runs"][0]["results"]] == ["route.unknown_target", "section.unknown"]


def test_sarif_to_standard_output(hub: Path) -> None:
    """With `-` nothing else is printed."""
    result = run("validate", hub.parent, "--sarif", "-")
    assert result.exit_code == 0
    assert json.loads(result.output)["runs"][0]["results"] == []


def test_sarif_that_cannot_be_written(hub: Path, tmp_path: Path) -> None:
    """Exit code 2, and what to do."""
    result = run("validate", hub.parent, "--sarif", tmp_path / "missing" / "hub.sarif")
    assert result.exit_code == 2
    assert "No such file or directory; give another path to --sarif" in result.output.replace("\n", " ")


def test_no_directory(tmp_path: Path) -> None:
    """A directory that isn't there is a finding, too, and exit code 2."""
    result = run("validate", "--json", tmp_path / "missing")
    assert result.exit_code == 2
    found = [(each["code"], each["path"]) for each in json.loads(result.output)]
    assert found == [("deployment.directory", str(tmp_path / "missing"))]


def test_what_is_no_deployment_is_named_as_it_was_given(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that isn't there, one that is a file, and a directory without schema files: no line, no column."""
    monkeypatch.chdir(hub.parent.parent)
    Path("empty").mkdir()
    for given, code in (
        ("missing", "deployment.directory"),
        ("demo/hub.yaml", "deployment.directory"),
        ("empty", "deployment.empty"),
    ):
        assert run("validate", given).output.splitlines()[0] == f"{given}  error  {code}"


def finding(text: str, column: int, width: int = 1) -> Finding:
    return Finding(
        "error", "a.code", "message", Span(Position("f.yaml", 1, column), 1, column + width, width, lambda _: text)
    )


def test_carets_stand_below_wide_characters() -> None:
    """Characters that take two columns on a terminal are counted so."""
    text, carets = [line.plain for line in render(finding("日本: wrong", 5, 5))][1:3]
    assert cell_len(text[: text.index("wrong")]) == carets.index("^")
    assert carets.count("^") == 5


def test_long_lines_are_cut_around_the_place() -> None:
    """The place stays visible in a line of 1,000 characters."""
    text, carets = [line.plain for line in render(finding("x" * 500 + "HERE" + "x" * 500, 501, 4))][1:3]
    assert len(text) <= 100
    assert text[carets.index("^") :].startswith("HERE")


def test_control_characters_do_not_reach_the_terminal() -> None:
    """An escape sequence in a schema file is shown, not obeyed."""
    shown = "".join(line.plain for line in render(finding("a: \x1b[31mred", 1)))
    assert "\x1b" not in shown
