"""A deployment as an AsyncAPI 3 document: its topics, the events on them, and who sends and receives them.

See https://www.asyncapi.com/docs/reference/specification/v3.0.0. Schemas stand in files of their own, because they
refer to their own definitions, and AsyncAPI takes such references as ones into the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub.contracts import Contract
from hub.deployment import Deployment, RouteSpec, SourceSpec
from hub.deployment.specs import UnitSpec, reads, writes

VERSION = "3.0.0"
SCHEMA_FORMAT = "application/schema+json;version=2020-12"
"""Schema format of payloads: JSON Schema, in the version that contracts are written in."""

_KAFKA_BINDING = "0.5.0"
_TEXT = {"type": "string"}
_HEADERS: Mapping[str, Any] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {**_TEXT, "minLength": 1, "description": "unique within ce_source"},
    "ce_source": {**_TEXT, "format": "uri-reference"},
    "ce_type": _TEXT,
    "ce_time": {**_TEXT, "format": "date-time"},
    "ce_subject": _TEXT,
    "ce_partitionkey": _TEXT,
    "content-type": {**_TEXT, "description": "media type of the payload"},
    "traceparent": {**_TEXT, "description": "W3C trace context"},
}
"""Headers of an event on Kafka: CloudEvents 1.0 in binary content mode."""


def document(deployment: Deployment) -> dict[str, Any]:
    """The document of all topics and events, as JSON. It refers to ``schemas/<event type>.json`` beside it.

    Args:
        deployment: whose topics, units and contracts are described.
    """
    described = _Description(deployment)
    return {
        "asyncapi": VERSION,
        "info": {
            "title": deployment.name,
            "version": deployment.digest,
            "description": "Events on Kafka, as CloudEvents 1.0 in binary content mode. The version is a hash of the "
            "deployment's files.",
        },
        "defaultContentType": "application/json",
        "channels": described.channels(),
        "operations": described.operations(),
        "components": {"messages": described.messages()},
    }


class _Description:
    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._units = deployment.units
        self._dlqs = {unit.dlq: unit for unit in self._units.values()}
        self._types: dict[str, list[str]] = {}
        published = [each for source in deployment.sources.values() for each in source.events]
        self._names = sorted({*deployment.contracts, *published})
        for event_type in self._names:
            self._types.setdefault(self._topic(event_type), []).append(event_type)

    def _topic(self, event_type: str) -> str:
        unit = next(iter(self._units.values()), None)
        return event_type if unit is None else unit.scope.topic(event_type)

    def channels(self) -> dict[str, Any]:
        """Topics that others may read: those of events, and those of dead letters."""
        found: dict[str, Any] = {}
        for spec in self._deployment.topic_specs():
            if spec.name.startswith("hub."):
                continue  # the hub's own
            messages = {each: {"$ref": f"#/components/messages/{each}"} for each in self._types.get(spec.name, ())}
            channel: dict[str, Any] = {"address": spec.name, "messages": messages}
            if owner := self._dlqs.get(spec.name):
                channel["description"] = (
                    f"Dead letters of {owner.kind} {owner.name}: events as they came, and headers that tell the failure"
                )
            channel["bindings"] = {
                "kafka": {"topic": spec.name, "partitions": spec.partitions, "bindingVersion": _KAFKA_BINDING}
            }
            found[spec.name] = channel
        return found

    def operations(self) -> dict[str, Any]:
        """What each unit sends and receives; a sink's inbox is nobody else's business."""
        channels = self.channels()
        found: dict[str, Any] = {}
        for unit in self._units.values():
            for action, topics in (("receive", reads(unit)), ("send", [*writes(unit), unit.dlq])):
                for topic in dict.fromkeys(topics):
                    if topic in channels:
                        found[f"{unit.name}.{action}.{topic}"] = self._operation(unit, action, topic)
        return found

    def _operation(self, unit: UnitSpec, action: str, topic: str) -> dict[str, Any]:
        uses = "" if isinstance(unit, RouteSpec) else f" ({unit.use})"
        operation: dict[str, Any] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic}"},
            "summary": f"{unit.kind} {unit.name}{uses}",
        }
        if isinstance(unit, SourceSpec) and topic in self._types:
            mine = [each for each in self._types[topic] if each in unit.events]
            operation["messages"] = [{"$ref": f"#/channels/{topic}/messages/{each}"} for each in mine]
        return operation

    def messages(self) -> dict[str, Any]:
        """One per event type."""
        return {name: _message(name, self._deployment.contracts.get(name)) for name in self._names}


def _message(name: str, contract: Contract | None) -> dict[str, Any]:
    """An event type; without a contract nobody knows what its data are."""
    message: dict[str, Any] = {"name": name, "contentType": "application/json"}
    if contract is not None:
        message |= {key: text for key in ("title", "description") if isinstance(text := contract.schema.get(key), str)}
        message["payload"] = {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./schemas/{name}.json"}}
    return message | {
        "headers": {
            "type": "object",
            "properties": {**_HEADERS, "ce_type": {"const": name}},
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        },
        "bindings": {"kafka": {"key": _TEXT, "bindingVersion": _KAFKA_BINDING}},
    }


def read_types(deployment: Deployment) -> set[str]:
    """Event types that a route or sink of the deployment reads, as far as contracts tell."""
    topics = {topic for unit in (*deployment.routes.values(), *deployment.sinks.values()) for topic in unit.inputs}
    return _on(topics, deployment)


def _on(topics: Iterable[str], deployment: Deployment) -> set[str]:
    wanted = set(topics)
    units = list(deployment.units.values())
    return {name for name in deployment.contracts if units and units[0].scope.topic(name) in wanted}
