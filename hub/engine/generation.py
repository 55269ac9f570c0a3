"""Generations of a deployment at work: which one runs, and what the next one changes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.deployment import Deployment, RouteSpec
from hub.deployment.specs import SourceSpec, UnitSpec

_PROGRAM = frozenset(("where", "split", "map", "drop", "set", "key", "switch", "to"))
"""Keys of a route that its program is made of: they change between two batches, without a new consumer."""


@dataclass(frozen=True)
class Generation:
    """What a worker runs.

    Attributes:
        number: 1 when the worker starts, one more with every reload that took.
        digest: of what the schema files mean; workers with the same one run the same.
        since: when it began.
        refused: why the schema files as they are now were not taken; empty if they were.
    """

    number: int
    digest: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "number": self.number,
            "digest": self.digest,
            "since": self.since.isoformat(timespec="seconds"),
            "refused": self.refused or None,
        }


@dataclass(frozen=True)
class Changes:
    """What a new generation does to the units; each name is in one of them.

    Attributes:
        added: units that start.
        removed: units that end.
        replaced: units that end in good order and start anew.
        swapped: routes that get another program between two batches.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    swapped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.replaced or self.swapped)

    def __str__(self) -> str:
        words = {"swapped": self.swapped, "replaced": self.replaced, "added": self.added, "removed": self.removed}
        return "; ".join(f"{word} {', '.join(names)}" for word, names in words.items() if names) or "no unit changed"


def changes(old: Deployment, new: Deployment, before: Collection[str], after: Collection[str]) -> Changes:
    """What a new version of a deployment changes.

    Args:
        old: the one at work.
        new: the one to come.
        before: names of the units of the old one that run here.
        after: names of the units of the new one that shall.
    """
    kept = [name for name in after if name in before]
    replaced = [name for name in kept if _outer(old, old.units[name]) != _outer(new, new.units[name])]
    return Changes(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        replaced=tuple(replaced),
        swapped=tuple(
            name for name in kept if name not in replaced and _inner(old.units[name]) != _inner(new.units[name])
        ),
    )


def _outer(deployment: Deployment, spec: UnitSpec) -> Any:
    """What can't change while a unit runs."""
    section = spec.section.model_dump(by_alias=True)
    contracts = deployment.contract_marks
    # A service may be named or meant by default: whichever changes, all that might use it start anew.
    services = {name: service.section for name, service in deployment.services.items()}
    if isinstance(spec, RouteSpec):
        section = {key: value for key, value in section.items() if key not in _PROGRAM}
        asked = {name: each.cls for name, each in spec.lookups.items()}
        return spec.kind, section, spec.inputs, spec.dlq, contracts, asked, services if asked else None
    topics = spec.topics() if isinstance(spec, SourceSpec) else [*spec.inputs, spec.reply]
    scope = spec.scope
    return spec.kind, spec.cls, section, topics, spec.dlq, services, scope.env, scope.tables, contracts


def _inner(spec: UnitSpec) -> Any:
    """What a route does."""
    if not isinstance(spec, RouteSpec):
        return None
    section = spec.section.model_dump(by_alias=True, include={"where", "split", "map", "drop", "set_", "key", "switch"})
    # Targets in their order, and beside them what the file says: a choice may change and its names stay.
    return section, spec.section.to, spec.targets, spec.scope.env, spec.scope.tables
