"""The schema files of a directory."""

from __future__ import annotations

from pathlib import Path

from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.eaten import find_cuts
from hub.deployment.finding import Findings, Span
from hub.deployment.includes import Includes
from hub.deployment.nodes import Node
from hub.deployment.text import read_text

MAX_FILE = 2**20
"""Largest schema file, in bytes. Reading one of this size takes a few seconds."""

_YAML = (".yaml", ".yml")


def schema_files(directory: Path) -> list[Path]:
    """The YAML files that stand in the directory itself.

    Sub-directories hold what these include (contracts, fixtures) or other deployments; hidden files are editors'.
    """
    return sorted(
        path for path in directory.iterdir() if path.suffix in _YAML and path.is_file() and path.name[0] != "."
    )


def read_schema_file(directory: Path, path: Path, findings: Findings) -> tuple[Document, Node | None]:
    """One schema file, its includes put in place. What can't be read is noted.

    Args:
        directory: of the deployment.
        path: the file.
        findings: where to note it.
    """
    name = path.relative_to(directory).as_posix()
    text = read_text(path, MAX_FILE, Span.of_file(name), findings)
    document = Document(name, text or "")
    root = None if text is None else compose(document, findings)
    if root is None:
        return document, None
    find_cuts(document, root, findings)
    return document, Includes(directory, findings).put_in(document, root, path.parent)
