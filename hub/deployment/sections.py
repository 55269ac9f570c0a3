"""Schema files → sections: each entry checked for itself, so that one mistake doesn't hide the next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from hub.deployment.complaints import complain
from hub.deployment.document import SECRET, Document
from hub.deployment.eaten import PLACEHOLDER
from hub.deployment.fields import keys
from hub.deployment.finding import Findings, Span
from hub.deployment.model import (
    EventSection,
    RouteSection,
    SchemaFile,
    ServiceSection,
    SinkSection,
    SourceSection,
    TopicSection,
)
from hub.deployment.nodes import Mapping, Node, Scalar, Sequence, broken_nodes, data, describe, texts
from hub.deployment.place import Place
from hub.deployment.references import BadReference, has_reference, references
from hub.deployment.trial import TestSection
from hub.kafka import names
from hub.sdk import ConfigError
from hub.sdk.config import Config, has_expression
from hub.sdk.policies import BESIDE_WITH

S = TypeVar("S", bound=Config)

SECTIONS: dict[str, tuple[str, type[Config]]] = {
    "services": ("service", ServiceSection),
    "sources": ("source", SourceSection),
    "topics": ("topic", TopicSection),
    "events": ("event", EventSection),
    "routes": ("route", RouteSection),
    "sinks": ("sink", SinkSection),
    "tests": ("test", TestSection),
}
"""Key in the file → word for one entry, and its model."""

_KEYS = tuple(keys(SchemaFile))

UNITS = ("source", "route", "sink")
"""Kinds of entries that run."""

# Becomes part of topics, consumer groups and metrics; a dot would make `a.b` + `dlq` and `a` + `b.dlq` one topic.
_UNIT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\Z")
_DEPLOYMENT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_REFERENCE = re.compile(r"(?<!\$)\$\{(?:env|file|exec):")
_PASSWORD = re.compile(r"://[^/\s:]*:[^/\s]+@")  # in a URL
_REFERRING = {"service": ("with", *BESIDE_WITH), "source": ("with", "leader"), "sink": ("with",)}
"""Where references may stand."""


@dataclass(frozen=True)
class Entry(Generic[S]):
    """One entry of a section, e.g. one route.

    Attributes:
        kind: ``route``, ``sink`` …
        name: its key.
        section: what it says, as far as it is valid; ``None`` where nothing can be made of it.
        place: where it stands; its span is that of its name.
        valid: whether all of it is valid.
    """

    kind: str
    name: str
    section: S | None
    place: Place
    valid: bool


@dataclass
class Sections:
    """All sections of a deployment's files.

    Attributes:
        name: of the deployment, with its place.
        env: names that expressions may read, with their places.
        entries: of all kinds, in the order of files and lines.
        tables: constant tables, with their places.
        complete: whether all files could be read.
    """

    name: tuple[str, Span] | None = None
    env: dict[str, Span] = field(default_factory=dict)
    entries: list[Entry[Any]] = field(default_factory=list)
    tables: dict[str, tuple[dict[str, Any], Span]] = field(default_factory=dict)
    complete: bool = True

    def of(self, kind: str) -> Iterator[Entry[Any]]:
        """The entries of a kind, invalid ones too."""
        return (each for each in self.entries if each.kind == kind)

    def read(self, document: Document, root: Node | None, findings: Findings) -> None:
        """Takes in a file."""
        if root is None and findings.has(document.name):
            self.complete = False
            return
        if root is None or (isinstance(root, Scalar) and root.value is None):
            findings.warning("file.empty", "this file holds no section", Span.of_file(document.name))
            return
        if not isinstance(root, Mapping):
            findings.error(
                "schema.type", f"expected sections such as `routes:`; got {describe(root)}", document.at(root)
            )
            self.complete = False
            return
        for key, value in root.pairs:
            self._section(document, key, value, findings)

    def _section(self, document: Document, key: Scalar, value: Node, findings: Findings) -> None:
        name = key.text if key.text in _KEYS else self._misspelled(document, key, findings)
        if value.broken or name is None:
            self.complete = False
        elif name == "deployment":
            self._name(document, value, findings)
        elif name == "env":
            self._env(document, value, findings)
        elif name == "tables":
            self._tables(document, value, findings)
        elif name == "processors":
            if data(value):
                findings.error(
                    "section.unsupported",
                    "this version of the hub has no processors yet",
                    document.at(key),
                    "leave them out",
                )
        else:
            self._entries(document, key, name, value, findings)

    def _misspelled(self, document: Document, key: Scalar, findings: Findings) -> str | None:
        """The section that is probably meant, to be checked as such; so its own mistakes are listed, too."""
        close = difflib.get_close_matches(key.text, _KEYS, 1)
        findings.error(
            "section.unknown",
            f"there is no section `{key.text}`" + (f"; did you mean `{close[0]}`?" if close else ""),
            document.at(key),
            None if close else f"there are {', '.join(_KEYS)}",
            fix=close[0] if close else None,
        )
        return close[0] if close else None

    def _name(self, document: Document, value: Node, findings: Findings) -> None:
        span = document.at(value)
        name = data(value)
        if not isinstance(name, str) or not _DEPLOYMENT.match(name):
            findings.error(
                "deployment.name",
                "expected a name of lower-case letters, digits and hyphens, at most 63, in `deployment`; "
                f"got {f'`{name:.80}`' if isinstance(name, str) else describe(value)}",
                span,
                "it becomes part of topics and consumer groups",
            )
            self.name = self.name or ("", span)
        elif self.name and self.name[0] and self.name[0] != name:
            findings.error(
                "deployment.two_names",
                f"this directory is the deployment `{self.name[0]}` by {self.name[1].start}, and `{name}` here",
                span,
                "a directory is one deployment; keep one of the names",
            )
        else:
            self.name = (name, span)

    def _env(self, document: Document, value: Node, findings: Findings) -> None:
        if not isinstance(value, Sequence):
            findings.error(
                "schema.type",
                f"expected a list of environment variables in `env`; got {describe(value)}",
                document.at(value),
                "write env: [NAME]",
            )
            return
        for item in value.items:
            name = data(item)
            if isinstance(name, str) and _VARIABLE.match(name):
                self.env.setdefault(name, document.at(item))
            elif not item.broken:
                findings.error(
                    "schema.value",
                    "expected the name of an environment variable; got "
                    + (f"`{name:.60}`" if isinstance(name, str) else describe(item)),
                    document.at(item),
                )

    def _tables(self, document: Document, value: Node, findings: Findings) -> None:
        pairs = value.pairs if isinstance(value, Mapping) else ()
        if not isinstance(value, Mapping):
            expected = "expected a mapping of names to tables in `tables`"
            findings.error("schema.type", f"{expected}; got {describe(value)}", document.at(value))
        for key, node in pairs:
            table = data(node)
            if node.broken:
                self.complete = False
            elif not isinstance(table, dict):
                expected = f"expected a mapping of keys to values in table `{key.text}`"
                findings.error("schema.type", f"{expected}; got {describe(node)}", document.at(key))
            elif key.text in self.tables:
                first = self.tables[key.text][1].start
                message = f"the name `{key.text}` is taken by the table at {first}"
                findings.error("table.duplicate", message, document.at(key), "keep one of them")
            else:
                self.tables[key.text] = (table, document.at(key))

    def _entries(self, document: Document, key: Scalar, section: str, value: Node, findings: Findings) -> None:
        kind, model = SECTIONS[section]
        if isinstance(value, Scalar) and value.value is None:
            return
        if not isinstance(value, Mapping):
            findings.error(
                "schema.type",
                f"expected a mapping of names to {kind}s in `{section}`; got {describe(value)}",
                document.at(key),
            )
            return
        for name, node in value.pairs:
            place = Place(document, node, document.at(name), f"{kind} `{name.text}`")
            _check_name(kind, name.text, place.span, findings)
            topic = node.get("topic") if kind == "event" and isinstance(node, Mapping) else None
            if isinstance(topic, Scalar) and isinstance(topic.value, str):
                check_topic_name("event.name", topic.value, document.at(topic), findings)
            # First, since it hides secrets, which no message of what comes after may quote.
            _check_references(kind, place, findings)
            self.entries.append(_entry(kind, name.text, model, place, findings))


def _entry(kind: str, name: str, model: type[S], place: Place, findings: Findings) -> Entry[S]:
    if place.node.broken:
        return Entry(kind, name, None, place, valid=False)
    value = data(place.node)
    if model is RouteSection:
        check_targets(place, findings)
    # `topics: { name: }` declares a topic with nothing special about it.
    value = {} if value is None and model is TopicSection else value
    try:
        whole = next(broken_nodes(place.node), None) is None
        return Entry(kind, name, model.model_validate(value), place, valid=whole)
    except ValidationError as error:
        complain(error, model, place, findings, "schema")
        return Entry(kind, name, _salvage(model, value, error), place, valid=False)


def check_targets(place: Place, findings: Findings) -> None:
    """A route leads somewhere, and each branch but its last says when it is taken."""
    node = place.node
    if not isinstance(node, Mapping):
        return
    switch = node.get("switch")
    branches = [each for each in switch.items if isinstance(each, Mapping)] if isinstance(switch, Sequence) else []
    if node.get("to") is None and not (branches and all(each.get("to") for each in branches)):
        findings.error("schema.missing_key", f"{place.subject} needs `to`", place.span)
    for branch in branches[:-1]:
        if branch.get("when") is None:
            message = "only the last branch of `switch` may do without `when`; those after it are never taken"
            findings.error("schema.missing_key", message, place.document.at(branch))


def _salvage(model: type[S], value: Any, error: ValidationError) -> S | None:
    """What is valid of an invalid section, so that one mistake doesn't hide the next."""
    if not isinstance(value, dict):
        return None
    places = [each["loc"] for each in error.errors(include_url=False, include_input=False) if each["loc"]]
    wrong = {place[0] for place in places}
    rest = {key: each for key, each in value.items() if key not in wrong}
    enrich = value.get("enrich")
    if model is RouteSection and "enrich" in wrong and isinstance(enrich, dict):
        # Its name stays, so that expressions that read its answer aren't wrong, too.
        broken = {place[1] if len(place) > 1 else None for place in places if place[0] == "enrich"}
        rest["enrich"] = {
            key: {"use": PLACEHOLDER, "key": 0} if key in broken else each for key, each in enrich.items()
        }
    try:
        return model.model_validate({**{key: [PLACEHOLDER] for key in ("from", "to") if key in wrong}, **rest})
    except ValidationError:
        return None


def _check_name(kind: str, name: str, span: Span, findings: Findings) -> None:
    if kind in (*UNITS, "service") and not _UNIT.match(name):
        findings.error(
            f"{kind}.name",
            f"expected a name of letters, digits, `-` and `_`, at most 63; got `{name:.80}`",
            span,
            "it becomes part of topics and consumer groups",
        )
    elif kind in ("topic", "event"):
        check_topic_name(f"{kind}.name", name, span, findings)


def check_topic_name(code: str, name: str, span: Span, findings: Findings) -> None:
    """Notes a name that Kafka doesn't take, or that is reserved for the hub or for Kafka itself."""
    try:
        names.check_topic(name)
    except ConfigError as error:
        findings.error(code, str(error), span)
    else:
        if name.startswith(("hub.", "__")):
            findings.error(code, f"names that start with `hub.` or `__` are reserved; got `{name}`", span)


def _hide(node: Node, document: Document, *, secret: bool = False) -> None:
    """Hides what looks like a secret, also where the connector that would know is unknown or a key is misspelt.

    Args:
        node: a part of a file.
        document: the file.
        secret: whether all texts in it are secrets.
    """
    match node:
        case Mapping():
            for key, value in node.pairs:
                named = key.text == "auth" or SECRET.search(key.text) is not None
                _hide(value, document, secret=secret or named or _PASSWORD.search(str(data(value))) is not None)
        case Sequence():
            for item in node.items:
                _hide(item, document, secret=secret)
        case Scalar() if secret and not has_reference(node.text) and not has_expression(node.value):
            document.hide(node)


def _referring(kind: str, node: Node) -> dict[str, Node]:
    """The parts of an entry in which references may stand, by their keys."""
    if not isinstance(node, Mapping):
        return {}
    enrich = node.get("enrich") if kind == "route" else None
    lookups = enrich.pairs if isinstance(enrich, Mapping) else ()
    named = {
        **{each: node.get(each) for each in _REFERRING.get(kind, ())},
        **{key.text: each.get("with") for key, each in lookups if isinstance(each, Mapping)},
    }
    return {key: part for key, part in named.items() if part}


def _check_references(kind: str, place: Place, findings: Findings) -> None:
    """References must be well formed, stand where they are resolved, and not within an expression."""
    allowed = _referring(kind, place.node)
    for each, part in allowed.items():
        _hide(part, place.document, secret=each == "auth" and kind == "service")
    scalars = {id(each): each for part in allowed.values() for each in texts(part)}
    for scalar in texts(place.node):
        document = place.document
        match = _REFERENCE.search(scalar.text)
        if scalar.text.startswith("= ") or id(scalar) not in scalars:
            if match and kind != "test":
                findings.error(
                    "reference.misplaced",
                    "references are resolved under `with:` and `leader:`, and under `auth:` and what stands beside it "
                    "in a service, and not in expressions",
                    document.within(scalar, match.start(), len(scalar.text)),
                    "list the variable under `env:` and write env.NAME in an expression",
                )
            continue
        try:
            list(references(scalar.text))
        except BadReference as error:
            findings.error("reference.syntax", str(error), document.within(scalar, error.start, error.end))
