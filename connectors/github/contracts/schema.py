"""A tree as JSON Schema 2020-12."""

from __future__ import annotations

from typing import Any

from connectors.github.contracts.node import Node, Slot
from connectors.github.contracts.sharing import Sharing

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ORDER = ("null", "boolean", "integer", "number", "string", "array", "object")


def schema_of(root: Slot, *, identity: str, title: str) -> dict[str, Any]:
    """The schema of a payload.

    Args:
        root: the tree; is changed.
        identity: the schema's ``$id``.
        title: for people.
    """
    definitions = Sharing(root).definitions
    writer = _Writer({node: name for name, node in definitions.items()})
    document: dict[str, Any] = {"$schema": DIALECT, "$id": identity, "title": title}
    document |= {"description": root.description} if root.description else {}
    document |= writer.node(root.node, nullable=False)
    if definitions:
        document["$defs"] = {name: writer.node(node, nullable=False) for name, node in definitions.items()}
    return document


class _Writer:
    def __init__(self, names: dict[Node, str]) -> None:
        self._names = names

    def slot(self, slot: Slot) -> dict[str, Any]:
        described = {"description": slot.description} if slot.description else {}
        if name := self._names.get(slot.node):
            reference = {"$ref": f"#/$defs/{name}"}
            return (
                {"anyOf": [reference, {"type": "null"}], **described} if slot.nullable else {**reference, **described}
            )
        return {**self.node(slot.node, nullable=slot.nullable), **described}

    def node(self, node: Node, *, nullable: bool) -> dict[str, Any]:
        if not node.kinds:  # nothing is known but, maybe, that it was null
            return {}
        kinds = node.kinds | ({"null"} if nullable else set())
        if "number" in kinds:
            kinds -= {"integer"}
        ordered = sorted(kinds, key=_ORDER.index)
        # Null last, as people write it.
        ordered = [kind for kind in ordered if kind != "null"] + ["null"] * ("null" in kinds)
        schema: dict[str, Any] = {"type": ordered[0] if len(ordered) == 1 else ordered}
        if node.format is not None:
            schema["format"] = node.format
        if node.enum is not None and node.kinds == {"string"}:
            schema["enum"] = sorted(node.enum) + [None] * nullable
        if node.items is not None and (items := self.slot(node.items)):
            schema["items"] = items
        if "object" in node.kinds:
            schema |= self._object(node)
        return schema

    def _object(self, node: Node) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        if node.properties:
            schema["properties"] = {name: self.slot(each) for name, each in sorted(node.properties.items())}
        if node.required:
            schema["required"] = sorted(node.required)
        if node.values is not None:
            schema["additionalProperties"] = self.slot(node.values)
        elif node.free or not node.properties:
            schema["additionalProperties"] = True
        return schema
