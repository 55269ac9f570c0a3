"""Corrections that `hub validate --fix` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Registry, check
from hub.deployment.repairs import repair
from hub.sdk import EnvironmentProblem

VALID = "deployment: d\ntopics: { in: , out: }\nroutes: { r: { from: in, to: out } }\n"
Write = Callable[..., Path]


def test_what_is_known_is_written(write: Write, registry: Registry) -> None:
    """Two mistakes on one line and one on another: after the correction nothing is left to complain about."""
    directory = write(VALID.replace("from: in, to: out", "frm: in, to: owt").replace("topics", "topcis"))
    changes = repair(check(directory, registry=registry))
    assert (directory / "hub.yaml").read_text() == VALID
    assert [(each.line, each.before, each.after) for each in changes] == [
        (2, ("topcis: { in: , out: }",), ("topics: { in: , out: }",)),
        (3, ("routes: { r: { frm: in, to: owt } }",), ("routes: { r: { from: in, to: out } }",)),
    ]
    assert check(directory, registry=registry).valid


def test_an_eaten_expression_becomes_a_block(write: Write, registry: Registry) -> None:
    """A correction of several lines, in a file with a byte order mark and Windows' line breaks, which stay."""
    text = VALID.replace("{ from: in, to: out } }", "").replace("{ r:", "\n  r:\n    from: in\n    to: out\n")
    text = text.rstrip() + '\n    map: { data: { a: b } }\n    where: data.a ? "x: y" == data.b : true\n'
    content = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    directory = write(**{"hub.yaml": content})
    changes = repair(check(directory, registry=registry))
    written = (directory / "hub.yaml").read_bytes()
    assert written.startswith(b"\xef\xbb\xbfdeployment: d\r\n")
    assert [each.after for each in changes] == [("    where: |-", '      data.a ? "x: y" == data.b : true')]
    assert check(directory, registry=registry).findings == ()


def test_nothing_else_changes(write: Write, registry: Registry) -> None:
    """Comments, quotes, order and the file's mode stay."""
    text = "# first\ndeployment: 'd'   # second\nevnets: {}\n\n\n# last"
    directory = write(text)
    (directory / "hub.yaml").chmod(0o640)
    repair(check(directory, registry=registry))
    assert (directory / "hub.yaml").read_text() == text.replace("evnets", "events")
    assert (directory / "hub.yaml").stat().st_mode & 0o777 == 0o640
    assert [each.name for each in directory.iterdir()] == ["hub.yaml"]


def test_a_file_that_has_changed_is_left_alone(write: Write, registry: Registry) -> None:
    """Positions of an old text mean nothing in a new one."""
    directory = write("deployment: d\nevnets: {}\n")
    report = check(directory, registry=registry)
    (directory / "hub.yaml").write_text("deployment: d\nx: {}\n")
    assert repair(report) == []
    assert (directory / "hub.yaml").read_text() == "deployment: d\nx: {}\n"


def test_a_link_stays_a_link(write: Write, registry: Registry, tmp_path: Path) -> None:
    """A schema file that is a symbolic link: the file that it leads to is corrected."""
    directory = write("deployment: d\n")
    real = tmp_path / "shared.yaml"
    real.write_text("evnets: {}\n")
    (directory / "more.yaml").symlink_to(real)
    repair(check(directory, registry=registry))
    assert (directory / "more.yaml").is_symlink()
    assert real.read_text() == "events: {}\n"


def test_secrets_are_not_shown(write: Write, registry: Registry) -> None:
    """What is shown of a changed line hides the secret in it; what is written holds it."""
    directory = write("deployment: d\nsources: { a: { use: github.webhook, with: { pth: /x, secret: abcdef } } }\n")
    (change,) = repair(check(directory, registry=registry))
    assert "abcdef" not in str(change)
    assert "{ path: /x, secret: abcdef }" in (directory / "hub.yaml").read_text()


def test_a_file_that_cannot_be_written(write: Write, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that says so; the file is as it was, and nothing else is left behind."""
    directory = write("deployment: d\nevnets: {}\n")
    report = check(directory, registry=registry)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(EnvironmentProblem, match=r"can't correct hub.yaml: Permission denied"):
        repair(report)
    assert (directory / "hub.yaml").read_text() == "deployment: d\nevnets: {}\n"
    assert [each.name for each in directory.iterdir()] == ["hub.yaml"]


@pytest.mark.parametrize(
    ("declared", "written"), [("alerts.low", "alerts.mid"), ("orders.v1", "orders.v2"), ("eu", "us")]
)
def test_a_name_that_only_resembles_another_is_left_to_people(
    write: Write, registry: Registry, declared: str, written: str
) -> None:
    """Otherwise a valid file would send events where nobody wanted them."""
    text = VALID.replace("out", declared).replace(f"to: {declared}", f"to: {written}")
    directory = write(text)
    assert repair(check(directory, registry=registry)) == []
    assert (directory / "hub.yaml").read_text() == text
