"""The lineage of a field as a tree, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hub.routes.paths import FieldPath, path_name
from hub.workbench.lineage.values import How


@dataclass(frozen=True)
class Place:
    """A field of the events of a topic.

    Attributes:
        topic: where the events are.
        path: of the field.
        sink: which one, where the topic is a sink's inbox.
    """

    topic: str
    path: FieldPath
    sink: str | None = None

    @property
    def name(self) -> str:
        """The field as users write it."""
        return written(self.path)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"topic": self.topic, "sink": self.sink, "field": self.name}


@dataclass(frozen=True)
class Via:
    """The expression, or the lack of one, by which a field goes from one place to another.

    Attributes:
        kind: of the unit: ``route`` or ``sink``.
        unit: its name.
        setting: where in its section, e.g. ``map.data.title``; empty where the field is just kept.
        expression: as written, on one line.
        position: ``file:line:column`` of the expression, or of the unit.
        how: ``copies``, ``computes`` or ``decides``.
        dynamic: whether the expression computes which field it reads.
    """

    kind: Literal["route", "sink"]
    unit: str
    setting: str
    expression: str
    position: str
    how: How
    dynamic: bool = False

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "kind": self.kind,
            "unit": self.unit,
            "setting": self.setting or None,
            "expression": self.expression or None,
            "position": self.position,
            "how": self.how,
            "dynamic": self.dynamic,
        }


@dataclass(frozen=True)
class Origin:
    """Where a field begins.

    Attributes:
        kind: ``source``, ``reply`` of a sink, ``constant`` of a route, ``outside`` for other programs, or ``nowhere``.
        unit: which one; empty for the last two.
        detail: the connector, or the expression.
    """

    kind: Literal["source", "reply", "constant", "outside", "nowhere"]
    unit: str
    detail: str = ""
    position: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"origin": self.kind, "unit": self.unit or None, "detail": self.detail or None}


@dataclass(frozen=True)
class Use:
    """Where a field ends: an expression that decides something, a sink's setting, a sink that receives it.

    Attributes:
        via: the expression; for a sink that receives the event without one, its ``setting`` is empty.
    """

    via: Via

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return self.via.to_json()


@dataclass(frozen=True)
class Step:
    """A field that becomes another, or a part of it.

    Attributes:
        via: by what.
        field: the other one, with all that follows in the same direction.
    """

    via: Via
    field: Field

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {**self.via.to_json(), "with": self.field.to_json()}


@dataclass(frozen=True)
class Field:
    """A field, and what is next to it in one direction.

    Attributes:
        place: which one.
        steps: fields that it comes from, or that come from it.
        origins: where it begins; only backwards.
        uses: where it ends; only forwards.
        seen: whether it was met before, so that what is next to it stands there.
    """

    place: Place
    steps: tuple[Step, ...] = ()
    origins: tuple[Origin, ...] = ()
    uses: tuple[Use, ...] = ()
    seen: bool = False

    def walk(self) -> Iterator[Field]:
        """It and all fields beyond it."""
        yield self
        for step in self.steps:
            yield from step.field.walk()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        following: tuple[Step | Origin | Use, ...] = (*self.steps, *self.origins, *self.uses)
        found = [each.to_json() for each in following]
        return {**self.place.to_json(), "seen": self.seen, "next": found}


@dataclass(frozen=True)
class Lineage:
    """All about a field.

    Attributes:
        back: where it comes from.
        forth: where it goes.
    """

    back: Field
    forth: Field

    @property
    def place(self) -> Place:
        """The field."""
        return self.back.place

    def to_json(self) -> dict[str, Any]:
        """For programs; keys are stable."""
        return {**self.place.to_json(), "from": self.back.to_json()["next"], "to": self.forth.to_json()["next"]}


def written(path: FieldPath) -> str:
    """A path as users write it."""
    if path[0] == "headers":
        return ".".join(("headers", *map(str, path[1:])))
    return "event" if path == ("attributes",) else path_name(path)
