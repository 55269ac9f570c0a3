"""The look-ups under a route's ``enrich:``: whose they are, what they take, and what the checker knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

from hub.contracts import DYN, Shape
from hub.contracts.shape_union import union
from hub.deployment.contracts import shipped_schema
from hub.deployment.eaten import PLACEHOLDER
from hub.deployment.finding import Findings
from hub.deployment.model import LookupSection, RouteSection
from hub.deployment.registry import Registry, UnknownUse
from hub.deployment.sections import Entry
from hub.deployment.specs import Environ, Spec
from hub.routes.checker import Answers
from hub.sdk import Connector, Lookup

_NULL = Shape(("null_type",))


@dataclass(frozen=True)
class LookupSpec(Spec):
    """A look-up of a route.

    Attributes:
        route: the route's name.
    """

    kind: ClassVar[str] = "look-up"
    section: LookupSection = field(repr=False)
    connector: Connector = field(repr=False)
    cls: type[Lookup[Any, Any]] = field(repr=False)
    route: str = ""

    @property
    def use(self) -> str:
        """As written."""
        return self.section.use

    def check(self, findings: Findings) -> None:
        """Notes what is wrong with its settings, and with its connector."""
        self._check(self.cls.config_type(), findings)
        if isinstance(self.cls.schema, str) and self._schema is None:
            findings.warning(
                "connector.no_schema",
                f"the schema {self.cls.schema} of {self.use} isn't there, so nothing is known of its answers",
                self.entry.place.span,
                "copy the connector's schemas to schemas/ in the deployment's directory, or install the connector anew",
            )

    def config(self, environ: Environ) -> Any:
        """Its configuration, references resolved.

        Raises:
            InvalidDeployment: something that a reference names is missing or wrong.
        """
        return self._bind(self.cls.config_type(), environ)

    @cached_property
    def _schema(self) -> Mapping[str, Any] | None:
        schema = self.cls.schema
        return shipped_schema(self.cls, schema, self.scope.directory) if isinstance(schema, str) else schema

    @cached_property
    def answers(self) -> Answers:
        """What the checker knows of its keys and answers. Whatever its schema says, there may be nothing."""
        found = DYN if self._schema is None else union(Shape.of_schema(self._schema), _NULL)
        fallback = self.section.on_error
        if fallback.falls_back and found is not DYN:
            found = union(found, Shape.of_value(fallback.fallback))
        return Answers(Shape.of_schema(self.cls.key_schema()), found.labelled(f"what `{self.use}` finds"))


def lookups_of(entry: Entry[RouteSection], scope: Any, registry: Registry, findings: Findings) -> dict[str, LookupSpec]:
    """The look-ups of a route whose connectors are known; what is wrong with the others is noted."""
    found: dict[str, LookupSpec] = {}
    sections = entry.section.enrich if entry.section is not None else {}
    for name, section in sections.items():
        if section.use.startswith(PLACEHOLDER):
            continue  # what is wrong with it has been noted
        place = entry.place.below("enrich", name)
        place = replace(place, subject=f"look-up `{name}` of {entry.place.subject}")
        own = Entry("look-up", name, section, place, entry.valid)
        try:
            connector, cls = registry.lookup(section.use)
        except UnknownUse as error:
            _, node = place.find(("use",))
            if not node.broken:
                findings.error(error.code, error.message, place.document.at(node), error.suggestion, fix=error.fix)
            continue
        found[name] = LookupSpec(name, scope, own, section, connector, cls, entry.name)
    return found
