"""The schema files of a directory."""

from __future__ import annotations

from pathlib import Path

from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.eaten import find_cuts
from hub.deployment.finding import Findings, Span
from hub.deployment.includes import Includes
from hub.deployment.nodes import Node
from hub.deployment.text import Overlay, read_text

MAX_FILE = 2**20
"""Largest schema file, in bytes. Reading one of this size takes a few seconds."""

_YAML = (".yaml", ".yml")


def schema_files(directory: Path, overlay: Overlay | None = None) -> list[Path]:
    """The YAML files that stand in the directory itself, those that only an editor holds included.

    Sub-directories hold what these include (contracts, fixtures) or other deployments; hidden files are editors'.
    """
    found = {path for path in directory.iterdir() if path.is_file()}
    if overlay:
        real = directory.resolve()
        found |= {directory / path.name for path in overlay if path.parent == real}
    return sorted(path for path in found if path.suffix in _YAML and path.name[0] != ".")


def read_schema_file(
    directory: Path, path: Path, findings: Findings, overlay: Overlay | None = None
) -> tuple[Document, Node | None]:
    """One schema file, its includes put in place. What can't be read is noted.

    Args:
        directory: of the deployment.
        path: the file.
        findings: where to note it.
        overlay: texts that count instead of what files hold.
    """
    name = path.relative_to(directory).as_posix()
    text = read_text(path, MAX_FILE, Span.of_file(name), findings, overlay)
    document = Document(name, text or "")
    root = None if text is None else compose(document, findings)
    if root is None:
        return document, None
    find_cuts(document, root, findings)
    return document, Includes(directory, findings, overlay).put_in(document, root, path.parent)
