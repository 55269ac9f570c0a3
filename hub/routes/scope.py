"""The names that an expression sees: the event, its payload, key and headers, the environment and the time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.routes.conversions import to_timestamp
from hub.routes.errors import Failure
from hub.routes.kinds import Kind
from hub.routes.tables import plain
from hub.routes.values import Timestamp
from hub.sdk import Event


@dataclass(frozen=True)
class Root:
    """A name that is there without being made by the expression.

    Attributes:
        template: Python that loads it; ``name`` in it stands for the name as a constant.
        kind: what is known of its type.
        json: whether JSON can hold it as it is.
        fields: its fields where they are known.
        attributes: whether it is the event, whose other fields are extensions.
        value: the value of a constant, in a tuple.
    """

    template: str
    kind: Kind = Kind.DYN
    json: bool = False
    fields: Mapping[str, Root] = field(default_factory=dict)
    attributes: bool = False
    value: tuple[Any] | None = None


def event_fields(event: Event) -> dict[str, str]:
    """The event's attributes as a map of the language."""
    fields = {"datacontenttype": event.datacontenttype, **event.attributes}
    if "partitionkey" in fields:
        fields["key"] = fields["partitionkey"]
    return fields


def headers_of(event: Event) -> dict[str, str]:
    """The Kafka headers that are no attributes, as text; of several with one name the last."""
    return {name: value.decode(errors="replace") for name, value in event.headers}


def now_of(event: Event) -> Timestamp:
    """The event's time, so that a replay gives the same result."""
    time = event.time
    if time is None:
        raise Failure("`now` is the event's time, and this event has none")
    return to_timestamp(time.upper())


_ROOTS = {
    "event": Root(
        "event_fields(event)",
        Kind.MAP,
        json=True,
        attributes=True,
        fields={"datacontenttype": Root("event.datacontenttype", Kind.STRING, json=True)},
    ),
    "data": Root("event.data", json=True),
    "key": Root("event.key", json=True),
    "headers": Root("headers_of(event)", Kind.MAP, json=True),
    "now": Root("now_of(event)", Kind.TIMESTAMP),
}
REQUIRED_ATTRIBUTES = frozenset(("id", "source", "type"))
OPTIONAL_ATTRIBUTES = {
    "subject": "subject",
    "time": "time",
    "dataschema": "dataschema",
    "partitionkey": "partitionkey",
    "key": "partitionkey",
}
"""Fields of ``event`` that may be missing → the attribute's name."""
EXTENSION = re.compile(r"[a-z0-9]+")
"""What names of extensions look like, by CloudEvents 1.0 § "Naming conventions"."""


class Scope:
    """What names mean.

    Args:
        env: the environment variables that ``env.NAME`` may read, with their values.
        variables: further names, given at each call beside the event.
        event: whether there is an event.
        tables: constant tables for ``lookup``.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        variables: Collection[str] = (),
        *,
        event: bool = True,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.tables = {name: plain(table) for name, table in (tables or {}).items()}
        self.roots: dict[str, Root] = {}
        if event:
            self.roots.update(_ROOTS)
            self.env = dict(env or {})
            fields = {name: Root("name", Kind.STRING, json=True, value=(value,)) for name, value in self.env.items()}
            self.roots["env"] = Root("dict(name)", Kind.MAP, json=True, fields=fields, value=(self.env,))
        for name in variables:
            self.roots[name] = Root("variables[name]")

    def with_variables(self, names: Collection[str]) -> Scope:
        """A copy in which further names stand for anything."""
        copied = object.__new__(Scope)
        copied.__dict__.update(self.__dict__)
        copied.roots = {**self.roots, **{name: Root("variables[name]") for name in names}}
        return copied
