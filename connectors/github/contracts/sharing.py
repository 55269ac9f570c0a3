"""Objects that are alike within one tree become one: a user, a repository or a team stands in a file once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from connectors.github.contracts.node import Node, Slot, join_nodes, join_slots

_SMALLEST = 5  # properties of an object without a title that is worth a definition of its own
_ALIKE = 0.7  # share of two objects' properties that they have in common, and of those that they require


class Sharing:
    """The objects of a tree in classes of equals.

    Joining two objects joins what stands at the same place in them too, so that one object of a class stands for all:
    its union, in which what isn't in each of them is not required.

    Args:
        root: is changed: every place in it holds the one object of its class.
    """

    def __init__(self, root: Slot) -> None:
        self._one: dict[Node, Node] = {}
        self._names: dict[Node, Counter[str]] = {}
        objects: list[Node] = []
        for name, slot in _places(root, "payload"):
            node = slot.node
            if node.kinds == {"object"} and _worth_a_name(node) and slot is not root:
                objects.append(node)
                self._names.setdefault(node, Counter())[_name(node, name)] += 1
        for index, node in enumerate(objects):
            for other in objects[:index]:
                if self._find(node) is not self._find(other) and _alike(node, other):
                    self._unite(node, other)
        self._settle(root, set())
        self.definitions = self._named(root)
        """Definition by name, of objects that stand at more than one place."""

    def _find(self, node: Node) -> Node:
        while (one := self._one.get(node)) is not None:
            node = one
        return node

    def _unite(self, node: Node, other: Node) -> None:
        node, other = self._find(node), self._find(other)
        if node is other:
            return
        self._one[other] = node
        self._names[node] = self._names.get(node, Counter()) + self._names.get(other, Counter())
        join_nodes(node, other, self._join)

    def _join(self, slot: Slot, other: Slot) -> None:
        join_slots(slot, other)
        self._unite(slot.node, other.node)

    def _settle(self, slot: Slot, seen: set[Node]) -> None:
        """Puts the one object of each class where its equals were."""
        slot.node = self._find(slot.node)
        if slot.node not in seen:
            seen.add(slot.node)
            for _, each in _inner(slot.node, ""):
                self._settle(each, seen)

    def _named(self, root: Slot) -> dict[str, Node]:
        uses: Counter[Node] = Counter()
        seen: set[Node] = set()

        def count(slot: Slot) -> None:
            uses[slot.node] += 1
            if slot.node not in seen:
                seen.add(slot.node)
                for _, each in _inner(slot.node, ""):
                    count(each)

        count(root)
        shared = [node for node, times in uses.items() if times > 1 and _worth_a_name(node)]
        named: dict[str, Node] = {}
        for node in sorted(shared, key=lambda each: (-uses[each], sorted(each.properties))):
            # Ties by the alphabet, so that every run gives the same names.
            names = sorted(self._names[node].items(), key=lambda each: (-each[1], each[0]))
            named[_numbered(names[0][0], named)] = node
        return dict(sorted(named.items()))


def _places(slot: Slot, name: str) -> Iterator[tuple[str, Slot]]:
    yield name, slot
    for inner, each in _inner(slot.node, name):
        yield from _places(each, inner)


def _inner(node: Node, name: str) -> Iterator[tuple[str, Slot]]:
    """The places in a node with names for what stands there; that of a list's elements is the list's, singular."""
    yield from node.properties.items()
    if node.items is not None:
        yield re.sub(r"(?<=[^s])s\Z", "", re.sub(r"ies\Z", "y", name)), node.items
    if node.values is not None:
        yield name, node.values


def _worth_a_name(node: Node) -> bool:
    return len(node.properties) >= (1 if node.title else _SMALLEST)


def _alike(node: Node, other: Node) -> bool:
    """Whether little is lost where one stands for both, at any depth: no type is blurred, and few demands are."""
    if node.kinds and other.kinds and node.kinds != other.kinds:
        return False
    if node.mixed != other.mixed or bool(node.items) != bool(other.items):
        return False
    if (
        _common(node.properties.keys(), other.properties.keys()) < _ALIKE
        or _common(node.required, other.required) < _ALIKE
    ):
        return False
    if node.items and other.items and not _alike(node.items.node, other.items.node):
        return False
    return all(
        _alike(node.properties[name].node, other.properties[name].node)
        for name in node.properties.keys() & other.properties.keys()
    )


def _common(these: AbstractSet[str], those: AbstractSet[str]) -> float:
    return len(these & those) / len(these | those) if these or those else 1.0


def _name(node: Node, name: str) -> str:
    """What GitHub's description calls the object, or where it stands."""
    title = "" if node.mixed else re.sub(r"[^a-z0-9]+", "_", node.title.lower()).strip("_")
    return title or name


def _numbered(name: str, taken: dict[str, Node]) -> str:
    number = 2
    numbered = name
    while numbered in taken:
        numbered, number = f"{name}_{number}", number + 1
    return numbered
