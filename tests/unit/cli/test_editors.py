"""`hub schemas editor`: the JSON Schema of schema files, where an editor finds it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from hub.cli import app


def test_it_is_printed(tmp_path: Path) -> None:
    """Without a file, one JSON document on standard output and nothing else."""
    result = CliRunner().invoke(app, ["schemas", "editor"])
    assert result.exit_code == 0
    assert {"routes", "sinks", "sources"} <= json.loads(result.stdout)["properties"].keys()
    assert list(tmp_path.iterdir()) == []


def test_it_is_written(tmp_path: Path) -> None:
    """To a file, whose directory is made; what to write into schema files is told beside it."""
    file = tmp_path / ".hub" / "schema.json"
    result = CliRunner().invoke(app, ["schemas", "editor", str(file)])
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"# yaml-language-server: $schema={file}" in result.stderr.replace("\n", "")
    assert "github.webhook" in file.read_text()


def test_it_cannot_be_written(tmp_path: Path) -> None:
    """Exit code 2, with the reason."""
    result = CliRunner().invoke(app, ["schemas", "editor", str(tmp_path)])
    assert result.exit_code == 2
    assert "Is a directory" in result.stderr
