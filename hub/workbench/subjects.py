"""Contracts and the schema registry: what a deployment stores there, and what it takes from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hub.contracts.lock import Lock, Locked, Version
from hub.contracts.registry import IncompatibleSchema, RegistrySettings, SchemaRegistry
from hub.deployment import Deployment, survey
from hub.deployment.contracts import registry_references
from hub.deployment.model import EventSection
from hub.sdk.errors import ConfigError


@dataclass(frozen=True)
class _Result:
    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True)
class Published(_Result):
    """What became of one contract.

    Attributes:
        event_type: whose contract it is.
        subject: in the registry.
        version: that it is there; None where it isn't.
        new: whether it wasn't there before.
        refusal: why the registry doesn't take it; empty if it does.
    """

    event_type: str
    subject: str
    version: int | None
    new: bool
    refusal: str = ""

    @property
    def outcome(self) -> str:
        """In a word."""
        return "stored" if self.new else "there already"


@dataclass(frozen=True)
class Pulled(_Result):
    """A schema that was taken from the registry.

    Attributes:
        event_type: whose contract it is.
        subject: in the registry.
        version: that was taken.
        change: from what was locked before, in words.
    """

    event_type: str
    subject: str
    version: int
    change: str


@dataclass(frozen=True)
class Subject(_Result):
    """A subject of the registry.

    Attributes:
        name: of the subject.
        versions: its versions, the oldest first.
    """

    name: str
    versions: list[int]


@dataclass(frozen=True)
class Taken(_Result):
    """A schema that a deployment takes from the registry.

    Attributes:
        event_type: whose contract it is.
        subject: in the registry.
        wanted: version that the deployment names.
        locked: version in its lock file; None where that hasn't got it.
        newest: version in the registry; None where there is no such subject.
    """

    event_type: str
    subject: str
    wanted: Version
    locked: int | None
    newest: int | None

    @property
    def remark(self) -> str:
        """What is notable, for people."""
        if self.newest is None:
            return "the registry has no such subject"
        if self.locked is not None and self.newest > self.locked:
            return f"version {self.newest} is newer"
        return ""


async def publish(
    deployment: Deployment, *, by_topic: bool = False, every: bool = False, dry_run: bool = False
) -> list[Published]:
    """Stores the contracts of a deployment in the registry; one that is refused doesn't keep the others out.

    Args:
        deployment: its contracts are stored, but for those that come from the registry.
        by_topic: calls subjects ``TOPIC-value`` instead of by their event type.
        every: those of connectors, too.
        dry_run: asks, and stores nothing.

    Raises:
        ConfigError: by topic, several event types would share a subject.
        HubError: the registry's.
    """
    sections = survey(deployment.directory).sections
    own = registry_references(sections.of("event"))
    declared: dict[str, EventSection] = {each.name: each.section for each in sections.of("event") if each.section}
    chosen = {
        name: contract
        for name, contract in deployment.contracts.items()
        if name not in own and (every or (name in declared and declared[name].schema_ is not None))
    }
    subjects: dict[str, str] = {}
    for name in chosen:
        topic = (declared[name].topic if name in declared else None) or name
        subject = f"{topic}-value" if by_topic else name
        if subject in subjects.values():
            raise ConfigError(f"several event types are on the topic {topic}; name subjects by event type")
        subjects[name] = subject
    results: list[Published] = []
    async with SchemaRegistry(RegistrySettings()) as registry:
        for name, contract in chosen.items():
            results.append(await _publish(registry, name, subjects[name], dict(contract.schema), dry_run=dry_run))
    return results


async def _publish(
    registry: SchemaRegistry, name: str, subject: str, schema: dict[str, Any], *, dry_run: bool
) -> Published:
    version = await registry.find(subject, schema)
    if version is not None:
        return Published(name, subject, version, new=False)
    if dry_run:
        objections = await registry.objections(subject, schema)
        return Published(name, subject, None, new=True, refusal="; ".join(objections))
    try:
        stored = await registry.register(subject, schema)
    except IncompatibleSchema as refusal:
        return Published(name, subject, None, new=True, refusal=str(refusal))
    return Published(name, subject, stored.version, new=True)


async def renew(directory: Path) -> list[Pulled]:
    """Takes what a deployment names from the registry into its lock file; nothing else stays in there.

    Raises:
        HubError: the registry's; the lock file stays as it was.
        EnvironmentProblem: it can't be written.
    """
    references = registry_references(survey(directory).sections.of("event"))
    if not references:
        return []
    try:
        before = Lock.read(directory)
    except ConfigError:
        before = Lock()  # it is written anew
    locked: list[Locked] = []
    results: list[Pulled] = []
    async with SchemaRegistry(RegistrySettings()) as registry:
        for event_type, reference in references.items():
            subject = reference.subject or event_type
            taken = Locked.of(await registry.fetch(subject, reference.version), reference.version)
            known = before.entries.get((subject, reference.version))
            locked.append(taken)
            results.append(Pulled(event_type, subject, taken.version, _change(known, taken)))
    Lock.of(locked).write(directory)
    return results


def _change(before: Locked | None, after: Locked) -> str:
    if before is None:
        return "new"
    if before.sha256 != after.sha256:
        return f"was version {before.version}" if before.version != after.version else "has changed in the registry"
    return "as before"


async def listing() -> list[Subject]:
    """All subjects of the registry."""
    async with SchemaRegistry(RegistrySettings()) as registry:
        return [Subject(name, await registry.versions(name)) for name in await registry.subjects()]


async def taken(directory: Path) -> list[Taken]:
    """What a deployment takes from the registry, and whether there is newer."""
    references = registry_references(survey(directory).sections.of("event"))
    lock = Lock.read(directory)
    results: list[Taken] = []
    async with SchemaRegistry(RegistrySettings()) as registry:
        known = set(await registry.subjects())
        for event_type, reference in references.items():
            subject = reference.subject or event_type
            entry = lock.entries.get((subject, reference.version))
            newest = max(await registry.versions(subject)) if subject in known else None
            results.append(Taken(event_type, subject, reference.version, entry.version if entry else None, newest))
    return results
