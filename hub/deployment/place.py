"""A part of a schema file, to be looked up by the paths that models use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.deployment.document import Document
from hub.deployment.finding import Span
from hub.deployment.nodes import Mapping, Node, Sequence, find


@dataclass(frozen=True)
class Place:
    """A part of a schema file that a model is checked against.

    Attributes:
        document: the file.
        node: the part.
        span: where it starts: mostly the key above it.
        subject: what it belongs to, as in "route `reviews`".
    """

    document: Document
    node: Node
    span: Span
    subject: str

    def find(self, path: Iterable[Any]) -> tuple[Span, Node]:
        """The key and the node at a path; this place itself where the path leads nowhere."""
        key, node, taken = find(self.node, path)
        if not taken:
            return self.span, self.node
        return self.document.at(key or node), node

    def item(self, key: str, index: int) -> Span:
        """An item of the list under a key, or the one value that stands there without a list."""
        node = self.node.get(key) if isinstance(self.node, Mapping) else None
        if isinstance(node, Sequence) and index < len(node.items):
            node = node.items[index]
        return self.document.at(node) if node else self.span

    def below(self, *path: str) -> Place:
        """A part of this part."""
        span, node = self.find(path)
        return Place(self.document, node, span, self.subject)
