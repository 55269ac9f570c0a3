"""What GitHub is known to send although neither its description nor its examples say so: null, where something is gone.

An account may be deleted after it wrote something, a fork after it was offered, and most texts may be left empty. A
contract that forbade that would turn away events that nothing is wrong with.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.github.contracts.node import Node, Slot

_TEXTS = frozenset({"description", "email"})
# Objects are told by what they hold: (properties that they have, those of them that may be null).
_GONE = (
    (frozenset({"login", "name"}), ("name",)),  # an account without a full name
    (frozenset({"ref", "sha", "repo"}), ("label", "repo", "user")),  # a pull request's side whose fork was deleted
    (frozenset({"spdx_id", "key"}), ("spdx_id", "url")),  # a licence that SPDX doesn't know
    (frozenset({"tag_name", "author"}), ("author",)),  # a release of an account that was deleted
)


def loosen(slot: Slot) -> None:
    """Allows null where it is known to come, at any depth."""
    for node in _objects(slot.node):
        for name, each in node.properties.items():
            each.nullable = each.nullable or (name in _TEXTS and "string" in each.node.kinds)
        for having, empty in _GONE:
            if having <= node.properties.keys():
                for name in node.properties.keys() & set(empty):
                    node.properties[name].nullable = True


def _objects(node: Node) -> Iterator[Node]:
    if "object" in node.kinds:
        yield node
    for each in (*node.properties.values(), node.items, node.values):
        if each is not None:
            yield from _objects(each.node)
