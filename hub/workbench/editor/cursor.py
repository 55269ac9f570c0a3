"""What stands at a place of a schema file: the keys above it, and the word that is being written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from hub.deployment.composer import compose
from hub.deployment.document import Document
from hub.deployment.finding import Findings
from hub.deployment.nodes import Mapping, Node, Scalar, Sequence, data, find
from hub.routes.tree import MARK

Path = tuple[str | int, ...]

_WORD = re.compile(r"(?:[\w.$/@-]|\[\])*$")
_REST = re.compile(r"(?:[\w.$/@-]|\[\])*")
_KEY = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)(?P<key>[\w.$-]+|\"[^\"]*\"|'[^']*') *:(?: |$)")
_MARKER = "hubcompletionmarker"
_BARE = ("where", "split", "when")
"""Keys of routes whose value is an expression without a mark."""


@dataclass(frozen=True)
class Cursor:
    """A place in a schema file.

    Attributes:
        path: keys and indices from the top; of a key it is that of the mapping around it.
        role: whether a key or a value stands there.
        node: what stands there, where it could be read.
        start, end: of the word at the place, as indices into the text.
        around: the mapping around a key, or of which it is a value.
        root: the whole tree.
        word: what is written of it already, while it is being written.
    """

    path: Path
    role: Literal["key", "value"]
    node: Node | None
    start: int
    end: int
    around: Mapping | None = None
    root: Node | None = None
    word: str = ""

    @property
    def siblings(self) -> set[str]:
        """The keys that the mapping has already."""
        return set(self.around.items) - {_MARKER} if self.around else set()

    def value(self, *path: str | int) -> Any:
        """The plain value at a path from the top; ``None`` where there is none."""
        if self.root is None:
            return None
        _, node, taken = find(self.root, path)
        return data(node) if taken == path else None

    def listed(self, *path: str | int) -> list[str]:
        """The names at a path from the top, where one or a list of them stands."""
        found = self.value(*path)
        return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)]


def read(text: str) -> tuple[Document, Node | None]:
    """A text as a tree, files that it includes not put in; as far as it can be read."""
    document = Document("", text)
    return document, compose(document, Findings())


def whereabouts(text: str, index: int) -> Cursor | None:
    """What stands at a place, for hover and go to definition; ``None`` where nothing does."""
    _, root = read(text)
    found = _descend(root, index, (), None) if root is not None else None
    return replace(found, root=root) if found else None


def _descend(node: Node, index: int, path: Path, around: Mapping | None) -> Cursor | None:
    match node:
        case Mapping():
            for key, value in node.pairs:
                if key.start <= index <= key.end:
                    return Cursor((*path, key.text), "key", key, key.start, key.end, node)
                if value.start <= index <= value.end and (found := _descend(value, index, (*path, key.text), node)):
                    return found
        case Sequence():
            for place, item in enumerate(node.items):
                if item.start <= index <= item.end and (found := _descend(item, index, (*path, place), around)):
                    return found
        case Scalar() if node.start <= index <= node.end:
            return Cursor(path, "value", node, node.start, node.end, around)
    return None


def expression_at(text: str, index: int) -> tuple[Cursor, Document, Scalar] | None:
    """The expression in which a place lies, while it is written, too: white space behind it belongs to it."""
    document, root = read(text)
    if root is None:
        return None
    line = text[:index].rpartition("\n")[2]
    back = index - (len(line) - len(line.rstrip(" "))) if line.strip() else index
    for place in dict.fromkeys((index, back)):
        found = _descend(root, place, (), None)
        if found and isinstance(found.node, Scalar) and found.role == "value" and is_expression(found):
            return replace(found, root=root), document, found.node
    return None


def is_expression(cursor: Cursor) -> bool:
    """Whether an expression stands at a place."""
    section, last = cursor.path[:1], cursor.path[-1:]
    if not isinstance(cursor.node, Scalar) or section not in (("routes",), ("sinks",)):
        return False
    return (section == ("routes",) and last[0] in _BARE) or cursor.node.text.startswith(MARK.rstrip())


def completing(text: str, index: int) -> Cursor | None:
    """What could be written at a place: a key of which mapping, or a value of which key.

    A word is put there and looked for in the tree that comes out, since what is half written is mostly no YAML; where
    the rest of the file is none either, indentation says where the place is.
    """
    before = _WORD.search(text, text.rfind("\n", 0, index) + 1, index)
    start = before.start() if before else index
    rest = _REST.match(text, index)
    end = rest.end() if rest else index
    words = [_MARKER, f"{_MARKER}:"]
    if not text[text.rfind("\n", 0, start) + 1 : start].strip():
        words.reverse()  # on a line of its own it is a key, though it could be the value of the line above
    for word in words:
        _, root = read(text[:start] + word + text[end:])
        for found in _marked(root, (), None) if root is not None else ():
            return replace(found, start=start, end=end, root=root, word=text[start:index])
    guessed = _by_indentation(text, start, end)
    return replace(guessed, word=text[start:index]) if guessed else None


def _marked(node: Node, path: Path, around: Mapping | None) -> Iterator[Cursor]:
    match node:
        case Mapping():
            for key, value in node.pairs:
                if key.text == _MARKER:
                    yield Cursor(path, "key", None, 0, 0, node)
                yield from _marked(value, (*path, key.text), node)
        case Sequence():
            for place, item in enumerate(node.items):
                yield from _marked(item, (*path, place), around)
        case Scalar() if node.text == _MARKER:
            yield Cursor(path, "value", None, 0, 0, around)


def _by_indentation(text: str, start: int, end: int) -> Cursor | None:
    lines = text[:start].split("\n")
    last = lines[-1]
    here = _KEY.match(last)
    path: list[str] = [here["key"].strip("\"'")] if here else []
    depth = len(here["indent"]) if here else len(last) - len(last.lstrip(" -"))
    for line in reversed(lines[:-1]):
        match = _KEY.match(line)
        if match and len(match["indent"]) < depth:
            path.append(match["key"].strip("\"'"))
            depth = len(match["indent"])
    whole = tuple(reversed(path))
    if here:
        return Cursor(whole, "value", None, start, end)
    return Cursor(whole, "key", None, start, end) if not last.strip(" -") else None
