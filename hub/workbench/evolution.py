"""What a change of schemas breaks: for readers of the other version, and for the routes and sinks of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub.contracts import Contract
from hub.contracts.bundle import SchemaFiles
from hub.contracts.compatibility import Compatibility, Incompatibility, compare
from hub.deployment import Finding, InvalidDeployment, Registry, Survey, survey
from hub.deployment.specs import UnitSpec
from hub.sdk.errors import ConfigError

Schemas = Mapping[str, Mapping[str, Any]]
Status = Literal["same", "changed", "added", "removed"]
_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class Comparison:
    """One schema in two versions.

    Attributes:
        name: event type, or the file's path.
        status: what became of it.
        incompatibilities: why one version can't read the other's data.
    """

    name: str
    status: Status
    incompatibilities: tuple[Incompatibility, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        found = [
            {"path": each.path, "reason": each.reason, "direction": each.direction} for each in self.incompatibilities
        ]
        return {"name": self.name, "status": self.status, "incompatibilities": found}


@dataclass(frozen=True)
class Breakage:
    """A problem of a deployment that appears with the new schemas, and wasn't there with the old ones.

    Attributes:
        kind: ``route``, ``sink``, ``source``; empty where the problem is in none.
        unit: its name.
        finding: the problem.
    """

    kind: str
    unit: str
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"kind": self.kind, "unit": self.unit, "finding": self.finding.to_json()}


def schemas_at(path: Path, registry: Registry | None = None) -> Schemas:
    """The schemas of a file, of a folder of schema files, or of a deployment; by event type or relative path.

    Raises:
        ConfigError: there is none, or one can't be used.
    """
    if path.is_file():
        return {path.name: SchemaFiles([path.resolve().parent.parent, path.resolve().parent]).load(path)}
    if not path.is_dir():
        raise ConfigError(f"expected a schema file, a folder of them, or a deployment; there is no {path}")
    if any(each.suffix in _YAML for each in path.iterdir()):
        return _declared(survey(path, registry=registry))
    files = SchemaFiles([path.resolve()])
    found = {each.relative_to(path).as_posix(): files.load(each) for each in sorted(path.rglob("*.json"))}
    if not found:
        raise ConfigError(f"expected schema files (*.json) or schema files of a deployment (*.yaml) in {path}")
    return found


def _declared(surveyed: Survey) -> Schemas:
    wrong = [
        each for each in surveyed.findings if each.severity == "error" and each.code.startswith(("event.", "include."))
    ]
    if wrong:
        raise InvalidDeployment(wrong)
    names = [entry.name for entry in surveyed.sections.of("event")]
    return {name: surveyed.contracts[name].schema for name in names if name in surveyed.contracts}


def comparisons(old: Schemas, new: Schemas, mode: Compatibility, *, strict: bool = False) -> list[Comparison]:
    """Every schema of two sets, by name. One that is gone is incompatible: nobody can read by it any more."""
    if len(old) == len(new) == 1:
        # Two files are compared whatever their names are.
        (before,), (after,) = old.values(), new.values()
        return [_compared(next(iter(new)), before, after, mode, strict=strict)]
    found: list[Comparison] = []
    for name in sorted({*old, *new}):
        if name not in new:
            gone = Incompatibility("", "the schema is gone", Compatibility.BACKWARD)
            found.append(Comparison(name, "removed", (gone,)))
        elif name not in old:
            found.append(Comparison(name, "added"))
        else:
            found.append(_compared(name, old[name], new[name], mode, strict=strict))
    return found


def _compared(name: str, old: Any, new: Any, mode: Compatibility, *, strict: bool) -> Comparison:
    if old == new:
        return Comparison(name, "same")
    return Comparison(name, "changed", tuple(compare(old, new, mode, strict=strict)))


def breakages(directory: Path, old: Schemas, new: Schemas, registry: Registry | None = None) -> list[Breakage]:
    """The problems of a deployment that a change of schemas brings.

    Args:
        directory: of the deployment; its contracts may be the old ones, the new ones or others.
        old: schemas as they were.
        new: schemas as they will be.
        registry: where connectors are looked up; all that are installed if not given.

    Raises:
        ConfigError: none of the schemas is one of the deployment's.
    """
    own = survey(directory, registry=registry)
    names = _event_types(own, old, new)
    if not names:
        known = ", ".join(sorted(each for each in own.contracts)[:10]) or "none"
        raise ConfigError(f"none of the schemas is a contract of {directory}, which has contracts of {known}")
    before = survey(directory, registry=registry, contracts=_instead(own, names, old))
    after = survey(directory, registry=registry, contracts=_instead(own, names, new))
    known_places = {(each.code, each.span.start) for each in before.findings}
    fresh = [each for each in after.findings if (each.code, each.span.start) not in known_places]
    return [Breakage(*_unit(after.units, each), each) for each in fresh]


def _event_types(own: Survey, old: Schemas, new: Schemas) -> dict[str, str]:
    """The event types that the schemas belong to, each with the schema's name."""
    found: dict[str, str] = {}
    single = (next(iter(old)), next(iter(new))) if len(old) == len(new) == 1 else None
    for name in {*old, *new}:
        if name in own.contracts:
            found[name] = name
        for event_type, contract in own.contracts.items():
            if (
                contract.origin == name
                or contract.origin.endswith(f"/{name}")
                or contract.schema in (old.get(name), new.get(name))
            ):
                found[event_type] = name
    if single:
        return dict.fromkeys(found, single[1])
    return found


def _instead(own: Survey, names: Mapping[str, str], schemas: Schemas) -> dict[str, Contract]:
    only = next(iter(schemas.values())) if len(schemas) == 1 else None
    found: dict[str, Contract] = {}
    for event_type, name in names.items():
        schema = schemas.get(name, only)
        if schema is not None:
            contract = own.contracts[event_type]
            found[event_type] = Contract(
                event_type, schema, contract.origin, produce=contract.produce, consume=contract.consume
            )
    return found


def _unit(units: Mapping[str, UnitSpec], finding: Finding) -> tuple[str, str]:
    """The unit within whose section a finding is."""
    for unit in units.values():
        place = unit.entry.place
        first = place.span.start
        if first.path == finding.path and first.line <= finding.line <= place.document.position(place.node.end).line:
            return unit.kind, unit.name
    return "", ""
