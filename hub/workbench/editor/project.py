"""What is known of the deployments whose files are open, by what their texts say now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.contracts import Shape
from hub.deployment import Finding, Registry, Survey, survey
from hub.deployment.files import schema_files
from hub.deployment.includes import roots
from hub.deployment.specs import RouteSpec, SinkSpec
from hub.deployment.streams import Stream
from hub.deployment.typing import Typing

# A directory of other YAML files isn't ours to complain about.
_OURS = re.compile(r"^(deployment|routes|sinks) *:", re.MULTILINE)


def is_deployment(directory: Path, texts: Mapping[Path, str]) -> bool:
    """Whether a directory holds a deployment: one of its files names it, or has routes or sinks."""
    try:
        files = schema_files(directory, texts)
    except OSError:
        return False
    return any(is_ours(_text(path.resolve(), texts)) for path in files)


def is_ours(text: str) -> bool:
    """Whether a text is a schema file of a deployment."""
    return _OURS.search(text) is not None


def _text(path: Path, texts: Mapping[Path, str]) -> str:
    if path in texts:
        return texts[path]
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


@dataclass
class Project:
    """A deployment.

    Attributes:
        directory: where its files are.
        texts: what editors hold, by resolved path; shared with other projects.
        latest: what its files say.
        known: the same of the last time when all of them could be read; half-written lines don't make names unknown.
        published: files that findings were told of.
        registry: where connectors are looked up.
    """

    directory: Path
    texts: Mapping[Path, str]
    latest: Survey | None = None
    known: Survey | None = None
    published: set[Path] = field(default_factory=set)
    registry: Registry = field(default_factory=Registry)

    def look(self, texts: Mapping[Path, str] | None = None) -> Survey:
        """Reads it anew.

        Args:
            texts: what editors held when this was asked for; what they hold now if not given.
        """
        # Connectors may have been installed or written since: each survey looks them up again.
        registry = Registry()
        found = survey(self.directory, registry=registry, overlay=self.texts if texts is None else texts)
        self.latest = found
        if found.sections.complete or self.known is None:
            self.known, self.registry = found, registry
        return found

    @property
    def survey(self) -> Survey:
        """The last survey that knows all names."""
        if self.known is None:
            self.look()
        assert self.known is not None
        return self.known

    @property
    def typing(self) -> Typing:
        """The types of what flows."""
        return self.survey.typing or Typing({}, {}, {})

    def streams(self, unit: str, topics: Iterable[str]) -> list[Stream]:
        """What a unit reads.

        Args:
            unit: its name.
            topics: names under its ``from:`` as the editor has them.
        """
        spec = self.survey.units.get(unit)
        if isinstance(spec, SinkSpec):
            return self.typing.streams.into(spec)
        scope = next((each.scope for each in self.survey.units.values()), None)
        names = dict.fromkeys(scope.topic(each) if scope else each for each in topics)
        return [stream for name in names for stream in self.typing.streams.of(name)]

    def names(self, stream: Stream) -> dict[str, Shape]:
        """The shapes of what expressions see of a stream."""
        return stream.names(tuple(self.survey.sections.env))

    def route(self, name: str) -> RouteSpec | None:
        """A route by its name."""
        found = self.survey.units.get(name)
        return found if isinstance(found, RouteSpec) else None

    def file(self, name: str) -> Path:
        """The file that a finding or document names."""
        places = [root / name for root in roots(self.directory)]
        return next((each for each in places if each.is_file() or each in self.texts), places[0])

    def findings(self) -> dict[Path, list[Finding]]:
        """What is wrong, by file; what no file is to blame for is told at the first."""
        found: dict[Path, list[Finding]] = {}
        assert self.latest is not None
        first = next(iter(self.latest.documents), None)
        for each in self.latest.findings:
            name = each.path if each.span.lines else first
            if name is not None:
                found.setdefault(self.file(name), []).append(each)
        return found
