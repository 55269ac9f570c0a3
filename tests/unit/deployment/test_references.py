"""References: resolved once, never read again, never shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hub.deployment.references import MAX_FILE, BadReference, has_reference, references, resolve
from hub.sdk.config import has_expression

ENVIRON = {"NAME": "value", "EMPTY": "", "NESTED": "${env:NAME}", "EXPRESSION": "= data.secret"}


def resolved(value: Any, directory: Path = Path()) -> Any:
    errors: list[str] = []
    result = resolve(value, ENVIRON, directory, lambda _, error: errors.append(str(error)))
    return errors or result


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${env:NAME}", "value"),
        ("a ${env:NAME} b ${env:NAME}", "a value b value"),
        ("${env:MISSING:-default}", "default"),
        ("${env:EMPTY:-default}", "default"),
        ("${env:NAME:-default}", "value"),
        ("${env:MISSING:-}", ""),
        ("${env:MISSING:-https://x:80/-}", "https://x:80/-"),
        ("${env:EMPTY}", ""),
        ("$${env:NAME}", "${env:NAME}"),
        ("$$${env:NAME}", "$${env:NAME}"),
        ("$NAME ${", ["a reference is never closed; expected `}`, or `$${` for a literal `${`"]),
        ("${env:MISSING}", ["the environment variable MISSING isn't set"]),
        ({"a": ["${env:NAME}", 5, None]}, {"a": ["value", 5, None]}),
        ('= "${env:NAME}" + data.x', '= "${env:NAME}" + data.x'),
    ],
)
def test_forms(text: Any, value: Any) -> None:
    """Names, defaults, escapes, several in one text; expressions are left alone."""
    assert resolved(text) == value


def test_what_a_reference_gives_is_never_read_again() -> None:
    """A value that looks like a reference or an expression is just text."""
    assert resolved("${env:NESTED}") == "${env:NAME}"
    assert not has_expression(resolved({"a": "${env:EXPRESSION}"}))
    assert resolved({"a": "${env:EXPRESSION}"}) == {"a": "= data.secret"}


def test_files(tmp_path: Path) -> None:
    """A file's content without the line break at its end; paths are relative to the deployment."""
    (tmp_path / "secret").write_text("line 1\nline 2\r\n")
    assert resolved("${file:secret}", tmp_path) == "line 1\nline 2"
    assert resolved(f"${{file:{tmp_path}/secret}}") == "line 1\nline 2"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, too large, no UTF-8, a directory: each says which file and why, and nothing of its content."""
    (tmp_path / "large").write_bytes(b"x" * (MAX_FILE + 1))
    (tmp_path / "binary").write_bytes(b"canary\xff")
    assert resolved("${file:missing}", tmp_path) == [f"can't read {tmp_path}/missing: No such file or directory"]
    assert resolved("${file:large}", tmp_path) == [f"{tmp_path}/large is larger than 1,048,576 bytes"]
    assert resolved("${file:binary}", tmp_path) == [f"expected UTF-8 in {tmp_path}/binary"]
    assert resolved("${file:a\0b}", tmp_path) == [f"can't read {tmp_path}/a\0b: no file can have this name"]
    assert resolved("${file:.}", tmp_path) == [f"expected a file; {tmp_path} is none"]


def test_commands(tmp_path: Path) -> None:
    """What they print without the line break at its end; no shell reads them; they run in the deployment."""
    (tmp_path / "secret").write_text("s3cret\n")
    assert resolved("${exec:cat secret}", tmp_path) == "s3cret"
    assert resolved("${exec:printf '%s' 'a b' $NAME;x}") == "a b$NAME;x"


def test_commands_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says which and why, and nothing of what it printed or was given."""
    python = sys.executable
    monkeypatch.setattr("hub.deployment.references.EXEC_LIMIT", 0.2)
    assert resolved("${exec:nonesuch canary}") == ["`nonesuch` can't be run: No such file or directory"]
    assert resolved("${exec:'open}") == ["expected a command whose quotes are closed in ${exec:…}"]
    assert resolved("${exec:sleep 60}") == ["`sleep` did not end within 0 s"]
    monkeypatch.setattr("hub.deployment.references.EXEC_LIMIT", 30)
    assert resolved(f"${{exec:{python} -c 'exit(\"canary\")'}}") == [f"`{python}` ended with exit status 1"]
    assert resolved(f"${{exec:{python} -c 'print(\"x\" * 2000000)'}}") == [
        f"`{python}` printed more than 1,048,576 bytes"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "${}",
        "${NAME}",
        "${env}",
        "${env:}",
        "${env:A B}",
        "${exec:}",
        "${exec: }",
        "${call:ls}",
        "${file:}",
        "${a${b}}",
    ],
)
def test_other_forms_are_errors(text: str) -> None:
    """Anything else in `${…}` is refused with the forms that there are."""
    with pytest.raises(BadReference):
        list(references(text))


def test_has_reference() -> None:
    """Found at any depth; an escaped one is none."""
    assert has_reference({"a": ["x", "${env:NAME}"]})
    assert not has_reference({"a": ["x", "$${env:NAME}", 5]})
