"""Which files a new connector has, in the hub's own project or as a package of somebody else's."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files as resources
from pathlib import PurePosixPath

from hub.cli.scaffold.rendering import rendered, with_imports
from hub.sdk import ConfigError

_NAME = re.compile(r"[a-z](?:_?[a-z0-9])+\Z")
_LONGEST = 30  # characters of a name or title: with more, lines of the code become too long
_RESERVED = frozenset({"schemas", "tests", "connectors", "hub"})
_TITLE = re.compile(r"""[^\W_][^"\\@`<>\x00-\x1f\x7f]*\Z""")


class Kind(StrEnum):
    """What a connector can have."""

    SOURCE = "source"
    WEBHOOK = "webhook"
    SINK = "sink"
    LOOKUP = "lookup"


KINDS = tuple(Kind)
_API = (Kind.SOURCE, Kind.SINK, Kind.LOOKUP)
# Template, path within the connector, which kinds need it.
_CONNECTOR = (
    ("__init__.py", "__init__.py", KINDS),
    ("config.py", "config.py", KINDS),
    ("api.py", "api.py", _API),
    ("source.py", "source.py", (Kind.SOURCE,)),
    ("webhook.py", "webhook.py", (Kind.WEBHOOK,)),
    ("sink.py", "sink.py", (Kind.SINK,)),
    ("lookup.py", "lookup.py", (Kind.LOOKUP,)),
    ("schema.json", "schemas/@NAME@/record/v1.json", KINDS),
)
_TESTS = (
    ("records.json", "tests/fixtures/records.json", KINDS),
    ("recorded.py", "tests/recorded.py", KINDS),
    ("far_side.py", "tests/far_side.py", _API),
    ("conftest.py", "tests/conftest.py", _API),
    ("test_connector.py", "tests/test_connector.py", KINDS),
    ("test_conformance.py", "tests/test_conformance.py", KINDS),
    ("signing.py", "tests/signing.py", (Kind.WEBHOOK,)),
    ("test_api.py", "tests/test_api.py", _API),
    ("test_source.py", "tests/test_source.py", (Kind.SOURCE,)),
    ("test_webhook.py", "tests/test_webhook.py", (Kind.WEBHOOK,)),
    ("test_sink.py", "tests/test_sink.py", (Kind.SINK,)),
)
_OFFERED = {
    Kind.SOURCE: ("@NAME@.records", "records, each as it was after a change, by polling", "RecordsConfig"),
    Kind.WEBHOOK: ("@NAME@.webhook", "webhook deliveries", "DeliveriesConfig"),
    Kind.SINK: ("@NAME@", "a sink that makes a record of each event", "WriterConfig"),
    Kind.LOOKUP: ("@NAME@.record", "a look-up of records by their ids", "FinderConfig"),
}
_SOURCES = {Kind.SOURCE: '"records": Records', Kind.WEBHOOK: '"webhook": Deliveries'}
_SHORTLY = {
    Kind.SOURCE: "records by polling",
    Kind.WEBHOOK: "webhook deliveries",
    Kind.SINK: "a sink for records",
    Kind.LOOKUP: "a look-up",
}
_REFUSED = {
    Kind.SOURCE: "the source stops, and says what to do",
    Kind.SINK: "the sink dead-letters the event",
    Kind.LOOKUP: "the look-up gives that for an answer, and the route does what its `on_error` says",
}


@dataclass(frozen=True)
class Wanted:
    """What shall be written.

    Attributes:
        name: as in ``use: NAME``.
        title: the system's own name.
        kinds: what it has, at least one.
        package: whether it becomes a package of its own, rather than a folder of the hub's project.
    """

    name: str
    title: str
    kinds: Sequence[Kind]
    package: bool

    @property
    def module(self) -> str:
        """Where it is imported from."""
        return f"hub_connector_{self.name}" if self.package else f"connectors.{self.name}"

    @property
    def folder(self) -> PurePosixPath:
        """The topmost directory that is its own."""
        return PurePosixPath(self.distribution) if self.package else PurePosixPath("connectors", self.name)

    @property
    def distribution(self) -> str:
        """The package's name for pip."""
        return f"hub-connector-{self.name.replace('_', '-')}"


def check_name(name: str) -> None:
    """Whether a connector may have a name.

    Raises:
        ConfigError: says what is wrong with it.
    """
    if len(name) > _LONGEST:
        raise ConfigError(f"expected a name of at most {_LONGEST} characters; got {len(name)}")
    if not _NAME.match(name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f"; {better} would do" if _NAME.match(better) and better not in _RESERVED else ""
        raise ConfigError(
            f"expected a name of at least two small letters, digits and single underscores, such as my_system; "
            f"got {name!r}{hint}"
        )
    if keyword.iskeyword(name) or name in _RESERVED:
        raise ConfigError(f"expected a name that can be imported; {name} means something else already")


def check_title(title: str) -> None:
    """Whether a system may be called so: it goes into code, prose and JSON.

    Raises:
        ConfigError: says what is wrong with it.
    """
    if len(title) > _LONGEST or not _TITLE.match(title):
        raise ConfigError(
            f"expected a title of at most {_LONGEST} characters, without quotes and backslashes; got {title!r}"
        )


def files(wanted: Wanted) -> dict[PurePosixPath, str]:
    """The text of each file, by its path below the directory that is written to."""
    values = _values(wanted)
    return {
        wanted.folder / rendered(path, values, ()): _text(wanted, f"{folder}/{template}", values)
        for folder, template, path in _templates(wanted)
    }


def _templates(wanted: Wanted) -> Iterator[tuple[str, str, str]]:
    """Folder and name of each template, and where it goes; none is called `tests`, which images leave out."""
    if wanted.package:
        yield "package", "pyproject.toml", "pyproject.toml"
        yield "package", "gitignore", ".gitignore"
        yield "package", "py.typed", f"{wanted.module}/py.typed"
    yield "connector", "README.md", "README.md"
    inside = f"{wanted.module}/" if wanted.package else ""
    for template, path, kinds in _CONNECTOR:
        if set(kinds) & set(wanted.kinds):
            yield "connector", template, inside + path
    for template, path, kinds in _TESTS:
        if set(kinds) & set(wanted.kinds):
            yield "testing", template, path


def _text(wanted: Wanted, template: str, values: dict[str, str]) -> str:
    raw = resources("hub.cli.scaffold").joinpath("templates", f"{template}.in").read_text("utf-8")
    text = rendered(raw, values, [*wanted.kinds, *(("api",) if set(_API) & set(wanted.kinds) else ())])
    own = {wanted.module, "tests"} if wanted.package else {"hub", "connectors"}
    return with_imports(text, own) if template.endswith(".py") else text


def _values(wanted: Wanted) -> dict[str, str]:
    kinds = [each for each in KINDS if each in wanted.kinds]
    offers = _listed([_OFFERED[each][1] for each in kinds])
    refused = [_REFUSED[each] for each in kinds if each in _REFUSED]
    name = wanted.name
    return {
        "NAME": name,
        "TITLE": wanted.title,
        "MODULE": wanted.module,
        "TESTS": "tests" if wanted.package else f"{wanted.module}.tests",
        "DISTRIBUTION": wanted.distribution,
        "HOST": name.replace("_", "-"),
        "ENV": name.upper(),
        "OFFERS": offers[0].upper() + offers[1:],
        "SHORTLY": _listed([_SHORTLY[each] for each in kinds]),
        "SOURCES": "{" + ", ".join(_SOURCES[each] for each in kinds if each in _SOURCES) + "}",
        "MODELS": ", ".join(f"config.{_OFFERED[each][2]}" for each in kinds),
        "REFUSED": "; ".join(refused),
    }


def _listed(things: Sequence[str]) -> str:
    return " and ".join(filter(None, ("; ".join(things[:-1]), things[-1])))
