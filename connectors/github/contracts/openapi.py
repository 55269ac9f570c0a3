"""Reads what GitHub's OpenAPI 3.0 description says of a payload, as a tree without references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.github.contracts.node import Node, Slot, join, refine

Schema = Mapping[str, Any]

# Texts of these forms are told by their form; a `uri` or an `email` may be whatever a user typed in.
_FORMATS = {"date-time", "date"}
_LONGEST = 100  # characters of a description
_LINK = re.compile(r"\[([^]]*)]\([^)]*\)")


class Description:
    """GitHub's description.

    Args:
        document: the OpenAPI document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.webhooks: Mapping[str, Any] = document["x-webhooks"]
        self.paths: Mapping[str, Any] = document["paths"]
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def slot(self, schema: Schema, within: tuple[str, ...] = ()) -> Slot:
        """A fresh tree of a schema.

        Args:
            schema: as OpenAPI writes it.
            within: the references that led to it, so that what holds itself comes to an end.
        """
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name in within:
                return Slot(Node({"object"}, free=True))
            return self.slot(self._schemas[name], (*within, name))
        slot = Slot(self._node(schema, within), bool(schema.get("nullable")), sentence(schema.get("description", "")))
        for each in schema.get("allOf", ()):
            inner = self.slot(each, within)
            if not slot.node.kinds:
                inner.nullable, inner.description = slot.nullable or inner.nullable, slot.description
                slot = inner
            else:
                refine(slot, inner)
        if choices := [*schema.get("oneOf", ()), *schema.get("anyOf", ())]:
            # What a type and choices both say, the choices say more exactly.
            slot.node = Node(title=slot.node.title) if not slot.node.properties else slot.node
            titles = set()
            for each in choices:
                inner = self.slot(each, within)
                titles.add(inner.node.title)
                inner.description = ""
                join(slot, inner)
            named = sorted(titles - {""})
            if len(named) > 1:
                slot.node.title, slot.node.mixed = " or ".join(named[:3]), True
        return slot

    def _node(self, schema: Schema, within: tuple[str, ...]) -> Node:
        kind = schema.get("type")
        node = Node({kind} if kind else set(), title=schema.get("title", ""))
        if kind is None and "properties" in schema:
            node.kinds = {"object"}
        if kind == "string":
            node.format = schema["format"] if schema.get("format") in _FORMATS else None
            texts = {each for each in schema.get("enum", ()) if isinstance(each, str)}
            node.enum = texts or None
        if "object" in node.kinds:
            for name, each in schema.get("properties", {}).items():
                node.properties[name] = _timed(name, self.slot(each, within))
            node.required = set(schema.get("required", ())) & node.properties.keys()
            node.listed, node.likely = set(node.properties), set(node.required)
            further = schema.get("additionalProperties", False)
            if isinstance(further, Mapping) and further:
                node.values = self.slot(further, within)
            elif further is not False:
                node.free = True
        if kind == "array":
            node.items = self.slot(schema.get("items", {}), within)
        return node


def _timed(name: str, slot: Slot) -> Slot:
    """The place, as a time where GitHub's names say so: the description often forgets the format, or even the type."""
    node = slot.node
    if name.endswith("_at") and node.enum is None:
        node.kinds = node.kinds or {"string"}
        if "string" in node.kinds:
            node.format = "date-time"
    return slot


def sentence(text: str) -> str:
    """The first sentence of a description, without its links; nothing where even that is long."""
    plain = " ".join(_LINK.sub(r"\1", text).replace("**", "").split())
    first = re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0].rstrip(".").strip('"')
    return first if len(first) <= _LONGEST else ""
