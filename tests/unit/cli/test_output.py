"""What commands print: results, tables and errors that programs and people can rely on."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import typer
from pydantic import BaseModel, SecretStr

from hub.cli.output import ago, console, exit_code, fail, plural, print_json, printable, table
from hub.deployment import Finding, InvalidDeployment
from hub.deployment.finding import Position, Span
from hub.sdk import ConfigError, EnvironmentProblem, HubError, InvalidEvent, NotConnected, Permanent, Transient


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (InvalidDeployment(()), 2),
        (EnvironmentProblem("x"), 3),
        (NotConnected("x"), 3),
        (Permanent("x"), 1),
        (Transient("x"), 1),
        (InvalidEvent("x"), 1),
        (HubError("x"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    """Invalid input 2, a missing environment 3, anything else 1."""
    assert exit_code(error) == code


def test_an_error_is_one_message_on_standard_error(capsys):
    """Nothing on standard output, no traceback, and no control character that a terminal would obey."""
    with pytest.raises(typer.Exit) as ended:
        fail(EnvironmentProblem("no broker at \x1b]0;title\x07 [bold]here[/bold]"))
    printed = capsys.readouterr()
    assert ended.value.exit_code == 3
    assert printed.out == ""
    assert printed.err == "error  no broker at \\x1b]0;title\\x07 [bold]here[/bold]\n"


def test_an_error_for_programs_is_one_json_object_on_standard_error(capsys):
    """With its type, message and exit code."""
    with pytest.raises(typer.Exit):
        fail(ConfigError("two\nlines"), json=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert orjson.loads(printed.err) == {"error": {"type": "ConfigError", "message": "two\nlines", "exit_code": 2}}


def test_an_invalid_deployment_is_shown_as_its_findings(capsys):
    """As `hub validate` shows them; and as JSON with the findings in it."""
    span = Span(Position("a.yaml", 3, 5), 3, 9, width=4, shown=lambda _: "abc: defg")
    finding = Finding("error", "x.y", "expected this; got that", span)
    with pytest.raises(typer.Exit):
        fail(InvalidDeployment([finding]))
    printed = capsys.readouterr().err
    assert "a.yaml:3:5  error  x.y" in printed
    assert "^^^^" in printed
    with pytest.raises(typer.Exit):
        fail(InvalidDeployment([finding]), json=True)
    document = orjson.loads(capsys.readouterr().err)["error"]
    assert document["findings"][0]["line"] == 3


def test_json_is_one_line_of_plain_values(capsys):
    """Models, paths, durations, sets and times become what JSON has; each document ends its line."""

    class Model(BaseModel):
        at: datetime

    moment = datetime(2026, 11, 20, 10, 2, 11, tzinfo=UTC)
    print_json({"model": Model(at=moment), "path": Path("a/b"), "every": timedelta(minutes=1), "set": {"b", "a"}})
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert orjson.loads(printed) == {
        "model": {"at": "2026-11-20T10:02:11Z"},
        "path": "a/b",
        "every": 60.0,
        "set": ["a", "b"],
    }


def test_json_never_shows_a_secret(capsys):
    """A secret that strays into a result is an error, not output."""
    with pytest.raises(TypeError):
        print_json({"token": SecretStr("hunter2")})
    assert "hunter2" not in capsys.readouterr().out


def test_a_table_fits_a_hundred_columns_and_takes_text_as_it_is():
    """Long cells of the last column wrap; brackets are no markup; control characters are shown."""
    out = console()
    out.file = io.StringIO()
    out.print(table(["name", "n", "what"], [["[red]a\x1b", "1,204", "word " * 60]], right=["n"]))
    lines = out.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].startswith("[red]a\\x1b  1,204  word")
    assert len(lines) > 3


def test_output_that_is_no_terminal_has_no_colours():
    """Pipes and files get plain text."""
    out = console()
    out.file = io.StringIO()
    out.print("x", style="bold red")
    assert out.file.getvalue() == "x\n"


def test_control_characters_are_shown_not_obeyed():
    """Line breaks and tabs stay; everything else that a terminal obeys is escaped."""
    assert printable("a\tb\nc\x00\x1b[2J\x9b1m\x7fé→") == "a\tb\nc\\x00\\x1b[2J\\x9b1m\\x7fé→"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (3, "3 s"), (119, "119 s"), (125, "2 min"), (7300, "2 h"), (900_000, "10 d")]
)
def test_ages_are_told_in_one_unit(seconds, text):
    """A clock that is behind gives no negative age."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == text


def test_numbers_agree_with_their_nouns():
    """And have separators."""
    assert [plural(1, "event"), plural(1204, "event"), plural(0, "event")] == ["1 event", "1,204 events", "0 events"]
