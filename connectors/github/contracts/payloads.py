"""Corrects a tree by published payloads: where the two differ, the payload is right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from connectors.github.contracts.node import Node, Slot, join

_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
# RFC 3339 § 5.6, as hub.sdk reads times.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
_FORMS = {"date-time": _TIME, "date": re.compile(r"\d{4}-\d\d-\d\d\Z")}

_ENOUGH = 5  # payloads that tell what is always there

Corrections = Counter[str]
"""How often what was corrected: ``required``, ``nullable``, ``type``, ``enum``, ``format``, ``property``."""


def correct(slot: Slot, value: Any, made: Corrections) -> None:
    """Makes a place allow a value that is known to stand there."""
    if value is None:
        made["nullable"] += not slot.nullable
        slot.nullable = True
        return
    node = slot.node
    if not node.kinds:
        join(slot, found(value))
        return
    kind = _KINDS[type(value)]
    if kind not in node.kinds and not (kind == "integer" and "number" in node.kinds):
        made["type"] += 1
        node.kinds.add(kind)
    if kind == "string":
        _text(node, value, made)
    elif kind == "array":
        node.items = node.items or Slot()
        for each in value:
            correct(node.items, each, made)
    elif kind == "object":
        _object(node, value, made)


def _text(node: Node, value: str, made: Corrections) -> None:
    if node.enum is not None and value not in node.enum:
        made["enum"] += 1
        node.enum.add(value)
    if node.format is not None and not _FORMS[node.format].match(value):
        made["format"] += 1
        node.format = None


def _object(node: Node, value: Mapping[str, Any], made: Corrections) -> None:
    node.seen += 1
    node.likely &= value.keys()
    missing = node.required - value.keys()
    made["required"] += len(missing)
    node.required -= missing
    # An object of which nothing is listed is a map, whose keys say nothing about those of the next one.
    open_ended = node.free or node.values is not None or not node.properties
    for name, each in value.items():
        if name in node.properties:
            correct(node.properties[name], each, made)
        elif node.values is not None:
            correct(node.values, each, made)
        elif not open_ended:
            made["property"] += 1
            node.properties[name] = found(each)


def require(slot: Slot) -> None:
    """Requires what every description of an object lists, some require, and no payload lacks.

    GitHub's descriptions of the actions of one event differ in what they require though the objects are the same.
    """
    node = slot.node
    if node.seen >= _ENOUGH:
        node.required |= node.likely
    for each in (*node.properties.values(), node.items, node.values):
        if each is not None:
            require(each)


def found(value: Any) -> Slot:
    """A place of which only a value is known: of objects nothing is required, as the next one may lack it."""
    slot = Slot(nullable=value is None)
    if value is None:
        return slot
    node = slot.node
    node.kinds.add(_KINDS[type(value)])
    if isinstance(value, str) and _TIME.match(value):
        node.format = "date-time"
    elif isinstance(value, dict):
        node.properties = {name: found(each) for name, each in value.items()}
    elif isinstance(value, list):
        node.items = Slot()
        for each in value:
            join(node.items, found(each))
    return slot
