"""All that is known of a deployment that may be wrong: what an editor works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.contracts import Contract
from hub.deployment.deployment import Deployment
from hub.deployment.document import Document
from hub.deployment.finding import Finding
from hub.deployment.nodes import Node
from hub.deployment.sections import Sections
from hub.deployment.specs import ServiceSpec, UnitSpec
from hub.deployment.typing import Typing


@dataclass(frozen=True)
class Survey:
    """A directory of schema files, as far as it could be understood.

    Attributes:
        findings: all that is wrong, by place.
        documents: by name, with the tree of each that could be read; includes are put in.
        sections: what the files say.
        units: those whose connectors are known, by name.
        services: likewise.
        contracts: by event type.
        declared: topics and event types that may be read and written.
        typing: the types of what flows; ``None`` where no file could be read.
        deployment: the whole, where there is no error.
    """

    findings: tuple[Finding, ...]
    documents: Mapping[str, tuple[Document, Node | None]] = field(default_factory=dict)
    sections: Sections = field(default_factory=Sections)
    units: Mapping[str, UnitSpec] = field(default_factory=dict)
    services: Mapping[str, ServiceSpec] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    typing: Typing | None = None
    deployment: Deployment | None = None
