"""A schema file as a tree that remembers where everything stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

# YAML 1.2.2 § 10.3.2, the core schema; what JSON can't hold (.inf, .nan) stays text.
_WORDS: dict[str, bool | None] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
KINDS: dict[type, str] = {
    str: "text",
    bool: "a Boolean",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}
"""What values are called in messages."""

# int() of more digits is refused by Python itself (4,300); no number of a schema file comes near.
_DIGITS = 100


@dataclass(eq=False, slots=True)
class Node:
    """A value in a file.

    Attributes:
        start: index of its first character in the file's text.
        end: index behind its last character.
        size: how many values it holds when all aliases are written out.
        broken: it couldn't be read and has been explained; what depends on it isn't complained about again.
    """

    start: int
    end: int
    size: int = field(default=1, kw_only=True)
    broken: bool = field(default=False, kw_only=True)


@dataclass(eq=False, slots=True)
class Scalar(Node):
    """Text, a number, a Boolean or null.

    Attributes:
        text: after quotes, escapes and folding.
        style: ``'``, ``"``, ``|``, ``>``, or empty for a plain one.
        value: what it means; the same object each time, so that strings can be recognized.
    """

    text: str
    style: str
    value: Any


@dataclass(eq=False, slots=True)
class Mapping(Node):
    """Keys and values, in the file's order; each key once.

    Attributes:
        items: key and value by the key's text.
    """

    items: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)

    @classmethod
    def of(cls, start: int, end: int, pairs: Iterable[tuple[Scalar, Node]]) -> Mapping:
        """A mapping of keys and values."""
        return cls(start, end, items={key.text: (key, value) for key, value in pairs})

    @property
    def pairs(self) -> Collection[tuple[Scalar, Node]]:
        """Keys and values."""
        return self.items.values()

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        return self.items[key][1] if key in self.items else None

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place."""
        return self.items[key][0] if key in self.items else None


@dataclass(eq=False, slots=True)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Included(Node):
    """The content of another file, standing where it is included.

    Attributes:
        value: the content.
        path: the file, relative to the deployment's directory.
    """

    value: Any
    path: str


def resolve(text: str) -> Any:
    """The meaning of a plain scalar by YAML's core schema. Times, ``yes`` and ``on`` are text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    return float(text) if _FLOAT.match(text) else text


def data(node: Node | None) -> Any:
    """The plain value of a node: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` or ``None``."""
    match node:
        case Scalar() | Included():
            return node.value
        case Mapping():
            return {key.text: data(value) for key, value in node.pairs}
        case Sequence():
            return [data(item) for item in node.items]
    return None


def find(node: Node, path: Iterable[Any]) -> tuple[Scalar | None, Node, tuple[Any, ...]]:
    """Follows a path of keys and indices as far as it leads.

    Returns:
        The key under which the last node stands (``None`` for the first node and list items), the node, and the steps
        that led there. Steps that the file doesn't have, as pydantic adds them for unions, are left out.
    """
    key: Scalar | None = None
    taken: list[Any] = []
    for step in path:
        following: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            following = node.get(step)
            key = node.key(step) if following else key
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            following, key = node.items[step], None
        if following is not None:
            node = following
            taken.append(step)
    return key, node, tuple(taken)


def texts(node: Node) -> Iterable[Scalar]:
    """All texts in a node, in the file's order; keys and included files aside."""
    match node:
        case Scalar() if isinstance(node.value, str):
            yield node
        case Mapping():
            for _, value in node.pairs:
                yield from texts(value)
        case Sequence():
            for item in node.items:
                yield from texts(item)


def included(node: Node) -> Iterable[Included]:
    """All that other files bring into a node."""
    match node:
        case Included():
            yield node
        case Mapping():
            for _, value in node.pairs:
                yield from included(value)
        case Sequence():
            for item in node.items:
                yield from included(item)


def broken_nodes(node: Node) -> Iterator[Node]:
    """The nodes that couldn't be read."""
    if node.broken:
        yield node
    children: list[Node] = []
    match node:
        case Mapping():
            children = [value for _, value in node.pairs]
        case Sequence():
            children = node.items
    for child in children:
        yield from broken_nodes(child)


def describe(node: Node) -> str:
    """What a value is, in words; never the value itself, which may be a secret."""
    value = data(node)
    if value is None:
        return "nothing"
    if value in ("", [], {}):
        return "empty text" if value == "" else "an empty list" if value == [] else "an empty mapping"
    if isinstance(value, bool):
        return f"the Boolean {str(value).lower()}"
    return KINDS[type(value)]
