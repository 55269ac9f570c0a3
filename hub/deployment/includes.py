"""`$ref` and `$file`: other files, put in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.finding import Findings, Span
from hub.deployment.nodes import Included, Mapping, Node, Scalar, Sequence, data
from hub.deployment.text import Overlay, read_text
from hub.sdk import InvalidPayload, strictjson

MAX_INCLUDED = 16 * 2**20
"""Largest file that is included; GitHub's largest delivery is 25 MB, and no fixture should be that large."""

MAX_INCLUDES = 10_000
"""How many times files may be included by one schema file: those that include others multiply."""

_VERBS = ("$ref", "$file")
_YAML = (".yaml", ".yml")
_MAX_DEPTH = 8
_SCHEMA = 2  # steps of the path events.TYPE.schema before the last


def roots(directory: Path) -> list[Path]:
    """Where the files lie that a deployment may include: below it, or below an ancestor named ``schemas``."""
    real = directory.resolve()
    shared = [each for each in (real, *real.parents) if each.name == "schemas"]
    return [real, *shared[:1]]


class Includes:
    """Puts files in place of what includes them.

    A path is relative to the file that includes, and must lead to a file below the deployment's directory, or below
    an ancestor of it that is named ``schemas``: contracts are shared between deployments.

    Args:
        directory: of the deployment.
        findings: what is wrong is noted there.
        overlay: texts that count instead of what files hold.
    """

    def __init__(self, directory: Path, findings: Findings, overlay: Overlay | None = None) -> None:
        self._findings = findings
        self._overlay = overlay or {}
        self._roots = roots(directory)
        self._left = MAX_INCLUDES

    def put_in(
        self, document: Document, node: Node, base: Path, depth: int = 0, path: tuple[str | int, ...] = ()
    ) -> Node:
        """The node with all includes in it replaced by what they include.

        Args:
            document: the file that the node is of.
            node: changed in place where it can be.
            base: directory of the file.
            depth: how many files include this one.
            path: of the node in its file.
        """
        match node:
            case Mapping():
                for verb in _VERBS:
                    target = node.get(verb)
                    if isinstance(target, Scalar) and _is_include(verb, target) and not _of_schema(verb, target, path):
                        return self._included(document, node, target, verb, base, depth)
                for key, value in list(node.pairs):
                    node.items[key.text] = key, self.put_in(document, value, base, depth, (*path, key.text))
            case Sequence():
                node.items = [
                    self.put_in(document, item, base, depth, (*path, index)) for index, item in enumerate(node.items)
                ]
        return node

    def _included(self, document: Document, node: Mapping, target: Scalar, verb: str, base: Path, depth: int) -> Node:
        span = document.at(target)
        other = next((key for key, _ in node.pairs if key.text != verb), None)
        if other is not None:
            self._findings.error(
                "include.alone",
                f"`{verb}` includes a whole file, so nothing may stand beside it; got `{other.text}`",
                document.at(other),
            )
        self._left -= 1
        if self._left == -1:
            self._findings.error("include.too_many", f"expected at most {MAX_INCLUDES:,} included files", span)
        real = None if other or self._left < 0 else self._find(base, target.text, span)
        text = read_text(real, MAX_INCLUDED, span, self._findings, self._overlay) if real else None
        if real is None or text is None:
            return Included(node.start, node.end, value=None, path="", broken=True)
        return self._content(node, real, text, span, depth)

    def _find(self, base: Path, target: str, span: Span) -> Path | None:
        try:
            real = (base / target).resolve()
            exists = real in self._overlay or real.is_file()
        except (OSError, ValueError, RuntimeError):
            # Names that no file can have: a null character, a link that leads back to itself.
            real, exists = self._roots[0] / "?", False
        if not any(real.is_relative_to(root) for root in self._roots):
            self._findings.error(
                "include.outside",
                f"expected a file below {' or '.join(each.name + '/' for each in self._roots)}; got `{target}`",
                span,
                "copy it there",
            )
        elif not exists:
            self._findings.error(
                "include.missing",
                f"there is no file `{target}`",
                span,
                "paths are relative to the file that includes",
            )
        else:
            return real
        return None

    def _content(self, node: Mapping, real: Path, text: str, span: Span, depth: int) -> Node:
        name = self._name(real)
        broken = Included(node.start, node.end, value=None, path=name, broken=True)
        if real.suffix == ".json":
            try:
                return _graft(node, strictjson.parse(text.encode()), name)
            except InvalidPayload as error:
                self._no_json(Document(name, text), error)
                return broken
        if real.suffix not in _YAML:
            return _graft(node, text, name)
        if depth >= _MAX_DEPTH:
            self._findings.error("include.too_deep", f"files include each other more than {_MAX_DEPTH} deep", span)
            return broken
        inner = Document(name, text)
        root = compose(inner, self._findings)
        return broken if root is None else _graft(node, data(self.put_in(inner, root, real.parent, depth + 1)), name)

    def _no_json(self, document: Document, problem: InvalidPayload) -> None:
        message, at = str(problem), document.span(0, 1)
        try:
            orjson.loads(document.text)  # it passes over some mistakes, as a key that stands twice, but knows places
        except orjson.JSONDecodeError as error:
            message, at = f"expected JSON: {error.msg}", document.span(error.pos, error.pos + 1)
        self._findings.error("include.json", message, at)

    def _name(self, real: Path) -> str:
        root = next(each for each in self._roots if real.is_relative_to(each))
        return real.relative_to(root).as_posix()


def _is_include(verb: str, target: Scalar) -> bool:
    if target.broken or not isinstance(target.value, str):
        return False
    # Within an inline JSON Schema, `$ref` may point into the schema itself, or to a schema by its URI.
    return verb == "$file" or not (target.value.startswith("#") or "://" in target.value)


def _of_schema(verb: str, target: Scalar, path: tuple[str | int, ...]) -> bool:
    """Whether a ``$ref`` is one of JSON Schema's own, within a contract: `hub.deployment.contracts` follows it."""
    within = len(path) > _SCHEMA and path[0] == "events" and path[_SCHEMA] == "schema"
    return verb == "$ref" and within and ("#" in target.text or target.text.endswith(".json"))


def _graft(node: Mapping, value: Any, path: str) -> Node:
    """What a file holds, standing where it is included; the keys of a mapping can be looked up."""
    if not isinstance(value, dict):
        return Included(node.start, node.end, value=value, path=path)
    keys = [Scalar(node.start, node.end, text=each, style="", value=each) for each in value]
    pairs = ((key, Included(node.start, node.end, value=value[key.text], path=path)) for key in keys)
    return Mapping.of(node.start, node.end, pairs)
