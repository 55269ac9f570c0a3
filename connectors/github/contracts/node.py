"""A tree of what a payload may hold; joining two trees gives one that allows what either does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Node:
    """What is known of a value that isn't null.

    Attributes:
        kinds: JSON Schema's names of types, without ``null``; none where nothing is known.
        properties: of an object.
        required: names of properties that are always there.
        listed: names of properties that every description of the object lists.
        likely: those of them that some description requires, and that no payload lacks.
        seen: how many such objects payloads hold.
        values: of an object's further keys, where it is a map.
        free: whether an object holds keys that nobody can list.
        items: of an array.
        enum: all texts that a string may be; ``None`` where it may be any.
        format: of a string.
        title: what OpenAPI calls such an object.
        mixed: whether it stands for objects of different titles, of which any may be there.
    """

    kinds: set[str] = field(default_factory=set)
    properties: dict[str, Slot] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    likely: set[str] = field(default_factory=set)
    seen: int = 0
    values: Slot | None = None
    free: bool = False
    items: Slot | None = None
    enum: set[str] | None = None
    format: str | None = None
    title: str = ""
    mixed: bool = False


@dataclass(eq=False)
class Slot:
    """A place in a payload: what stands there, and whether null may stand there instead."""

    node: Node = field(default_factory=Node)
    nullable: bool = False
    description: str = ""


Inner = Callable[[Slot, Slot], None]
"""Joins the second place into the first."""


def join(slot: Slot, other: Slot) -> None:
    """Makes a place allow what another one does."""
    join_slots(slot, other)
    join_nodes(slot.node, other.node, join)


def join_slots(slot: Slot, other: Slot) -> None:
    """The same for what belongs to the place alone."""
    slot.nullable = slot.nullable or other.nullable
    slot.description = slot.description or other.description


def join_nodes(node: Node, other: Node, inner: Inner) -> None:
    """Makes a node allow what another one does.

    Args:
        node: is changed.
        other: may become part of it.
        inner: how what they hold is joined.
    """
    if "string" in node.kinds and "string" in other.kinds:
        node.enum = None if node.enum is None or other.enum is None else node.enum | other.enum
        node.format = node.format if node.format == other.format else None
    elif "string" in other.kinds:
        node.enum, node.format = other.enum, other.format
    if "object" in node.kinds and "object" in other.kinds:
        node.required &= other.required
        node.listed &= other.listed
        node.likely = (node.likely | other.likely) & node.listed
        node.seen += other.seen
    elif "object" in other.kinds:
        node.required, node.listed, node.likely = set(other.required), set(other.listed), set(other.likely)
        node.seen = other.seen
    for name, slot in other.properties.items():
        if name in node.properties:
            inner(node.properties[name], slot)
        else:
            node.properties[name] = slot
    node.values = _either(node.values, other.values, inner)
    node.items = _either(node.items, other.items, inner)
    node.kinds |= other.kinds
    node.free = node.free or other.free
    node.title = node.title or other.title
    node.mixed = node.mixed or other.mixed


def _either(slot: Slot | None, other: Slot | None, inner: Inner) -> Slot | None:
    if slot is None or other is None:
        return slot or other
    inner(slot, other)
    return slot


def refine(slot: Slot, other: Slot) -> None:
    """Makes a place demand what another one does as well: OpenAPI's ``allOf``.

    Where the other contradicts, which happens in GitHub's description, what the place said before stays; and null is
    allowed where either allows it, as the second one is often written without care for it.
    """
    node, more = slot.node, other.node
    if more.kinds:
        slot.nullable = slot.nullable or other.nullable
        node.kinds = (node.kinds & more.kinds) or node.kinds or set(more.kinds)
    slot.description = slot.description or other.description
    if node.enum is None or more.enum is None:
        node.enum = node.enum or more.enum
    else:
        node.enum = (node.enum & more.enum) or node.enum
    node.format = node.format or more.format
    node.title = node.title or more.title
    node.free = node.free or more.free
    node.mixed = node.mixed or more.mixed
    node.required |= more.required
    node.listed |= more.listed
    node.likely |= more.likely
    for name, each in more.properties.items():
        if name in node.properties:
            refine(node.properties[name], each)
        else:
            node.properties[name] = each
    if node.items is not None and more.items is not None:
        refine(node.items, more.items)
    node.items = node.items or more.items
    node.values = node.values or more.values
