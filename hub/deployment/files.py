"""The schema files of a directory, and the files that they include."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.eaten import find_cuts
from hub.deployment.finding import Findings, Span
from hub.deployment.nodes import Included, Mapping, Node, Scalar, Sequence, data

MAX_FILE = 2**20
"""Largest schema file, in bytes. Reading one of this size takes a few seconds."""
MAX_INCLUDED = 16 * 2**20
"""Largest file that is included; GitHub's largest delivery is 25 MB, and no fixture should be that large."""

_YAML = (".yaml", ".yml")
_INCLUDES = ("$ref", "$file")
_MAX_INCLUDES = 8


def schema_files(directory: Path) -> list[Path]:
    """The YAML files that stand in the directory itself.

    Sub-directories hold what these include (contracts, fixtures) or other deployments; hidden files are editors'.
    """
    return sorted(
        path for path in directory.iterdir() if path.suffix in _YAML and path.is_file() and path.name[0] != "."
    )


class Folder:
    """A deployment's directory.

    Args:
        directory: where the schema files are.
        findings: what is wrong is noted there.
    """

    def __init__(self, directory: Path, findings: Findings) -> None:
        self.directory = directory
        self._real = directory.resolve()
        self._findings = findings
        # Contracts are shared between deployments: an ancestor named `schemas` is the root of what may be included.
        shared = [each for each in (self._real, *self._real.parents) if each.name == "schemas"]
        self._roots = [self._real, *shared[:1]]

    def read(self, path: Path) -> tuple[Document, Node | None]:
        """One schema file, its includes put in place. What can't be read is noted."""
        name = path.relative_to(self.directory).as_posix()
        text = self._text(path, Span.of_file(name), MAX_FILE)
        document = Document(name, text or "")
        if text is None:
            return document, None
        root = compose(document, self._findings)
        if root is None:
            return document, None
        find_cuts(document, root, self._findings)
        return document, self._include(document, root, path.parent, 0)

    def _text(self, path: Path, span: Span, limit: int) -> str | None:
        try:
            size = path.stat().st_size
            if size > limit:
                self._findings.error("file.too_large", f"expected at most {limit:,} bytes; got {size:,}", span)
                return None
            # Read no more than was announced, for a file that grows or a device.
            with path.open("rb") as file:
                content = file.read(limit + 1)
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._findings.error(
                "file.encoding", f"expected UTF-8; byte {error.start:,} isn't", span, "save the file as UTF-8"
            )
        except OSError as error:
            self._findings.error("file.unreadable", f"can't read {path.name}: {error.strerror or error}", span)
        return None

    def _include(self, document: Document, node: Node, base: Path, depth: int) -> Node:
        match node:
            case Mapping():
                for verb in _INCLUDES:
                    target = node.get(verb)
                    if isinstance(target, Scalar) and self._is_include(verb, target):
                        return self._included(document, node, target, verb, base, depth)
                node.pairs = [(key, self._include(document, value, base, depth)) for key, value in node.pairs]
            case Sequence():
                node.items = [self._include(document, item, base, depth) for item in node.items]
        return node

    def _is_include(self, verb: str, target: Scalar) -> bool:
        # Within an inline JSON Schema, `$ref` may point into the schema itself or to a schema by its URI.
        if target.broken or not isinstance(target.value, str):
            return False
        return verb == "$file" or not (target.value.startswith("#") or "://" in target.value)

    def _included(self, document: Document, node: Mapping, target: Scalar, verb: str, base: Path, depth: int) -> Node:
        broken = Included(node.start, node.end, value=None, path="", broken=True)
        span = document.at(target)
        if len(node.pairs) > 1:
            other = next(key for key, _ in node.pairs if key.text != verb)
            self._findings.error(
                "include.alone",
                f"`{verb}` includes a whole file, so nothing may stand beside it; got `{other.text}`",
                document.at(other),
            )
            return broken
        try:
            real = (base / target.text).resolve()
            exists = real.is_file()
        except (OSError, ValueError, RuntimeError):
            # Names that no file can have: a null character, a link that leads back to itself.
            real, exists = self._real / "?", False
        if not any(real.is_relative_to(root) for root in self._roots):
            self._findings.error(
                "include.outside",
                f"expected a file below {' or '.join(each.name + '/' for each in self._roots)}; got `{target.text}`",
                span,
                "copy it there",
            )
            return broken
        if not exists:
            self._findings.error(
                "include.missing",
                f"there is no file `{target.text}`",
                span,
                "paths are relative to the file that includes",
            )
            return broken
        text = self._text(real, span, MAX_INCLUDED)
        if text is None:
            return broken
        return self._content(node, real, text, span, depth) or broken

    def _content(self, node: Mapping, real: Path, text: str, span: Span, depth: int) -> Included | None:
        name = self._name(real)
        if real.suffix == ".json":
            try:
                return Included(node.start, node.end, value=orjson.loads(text), path=name)
            except orjson.JSONDecodeError as error:
                document = Document(name, text)
                self._findings.error(
                    "include.json", f"expected JSON: {error.msg}", document.span(error.pos, error.pos + 1)
                )
                return None
        if real.suffix not in _YAML:
            return Included(node.start, node.end, value=text, path=name)
        if depth >= _MAX_INCLUDES:
            self._findings.error("include.too_deep", f"files include each other more than {_MAX_INCLUDES} deep", span)
            return None
        inner = Document(name, text)
        root = compose(inner, self._findings)
        if root is None:
            return None
        return Included(node.start, node.end, value=data(self._include(inner, root, real.parent, depth + 1)), path=name)

    def _name(self, real: Path) -> str:
        for root in self._roots:
            if real.is_relative_to(root):
                return real.relative_to(root).as_posix()
        return real.name


def broken_nodes(node: Node) -> Iterator[Node]:
    """The nodes that couldn't be read."""
    if node.broken:
        yield node
    children: list[Any] = []
    match node:
        case Mapping():
            children = [value for _, value in node.pairs]
        case Sequence():
            children = node.items
    for child in children:
        yield from broken_nodes(child)
