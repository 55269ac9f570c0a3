"""Which connectors there are: folders of the package ``connectors``, and entry points of other distributions.

The hub knows none by name. A connector is imported when a schema file uses it. Where two bring one of the same name,
neither hides the other: it is an error to use it.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from hub.sdk import ConfigError, Connector, Lookup, ServiceConfig, Sink, Source

PACKAGE = "connectors"
"""Package whose sub-packages are connectors."""
GROUP = "hub.connectors"
"""Entry-point group: the name is the connector's, the value its package or its `Connector`."""

Kind = Literal["source", "sink", "lookup"]
_WORDS = {"source": "source", "sink": "sink", "lookup": "look-up"}
_PLACES = {"source": "under `sources:`", "sink": "under `sinks:`", "lookup": "under `enrich:` of a route"}

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


class UnknownUse(ConfigError):
    """A ``use:`` that leads to no source, sink or service.

    Args:
        code: of the finding.
        message: what was expected and what came.
        suggestion: what to write instead.
        fix: a ``use:`` that is likely meant.
    """

    def __init__(self, code: str, message: str, suggestion: str | None = None, fix: str | None = None) -> None:
        super().__init__(f"{message}; {suggestion}" if suggestion else message)
        self.code = code
        self.message = message
        self.suggestion = suggestion
        self.fix = fix


class Registry:
    """Looks connectors up by name.

    Args:
        connectors: these and no others; all that are installed if not given.
    """

    def __init__(self, connectors: Iterable[Connector] | None = None) -> None:
        self._loaded: dict[str, Connector] = {each.name: each for each in connectors or ()}
        self._folders = _folders() if connectors is None else frozenset()
        self._entries = _entries() if connectors is None else {}

    @property
    def names(self) -> list[str]:
        """All connectors, imported or not."""
        return sorted({*self._loaded, *self._folders, *self._entries})

    def origins(self, name: str) -> list[str]:
        """Where a connector comes from: a distribution with its version, the folder; several where names clash."""
        folder = [f"the folder {PACKAGE}/{name}"] if name in self._folders else []
        return [*folder, *map(_distribution, self._entries.get(name, ()))]

    def connector(self, name: str) -> Connector:
        """The connector of a name.

        Raises:
            UnknownUse: there is none, or it can't be imported.
        """
        if name in self._loaded:
            return self._loaded[name]
        if name not in self._folders and name not in self._entries:
            raise _unknown(name, self.names)
        self._loaded[name] = connector = self._load(name)
        return connector

    def source(self, use: str) -> tuple[Connector, type[Source[Any]]]:
        """The source class that ``use: NAME`` or ``use: NAME.KIND`` means."""
        connector, cls = self._find(use, "source")
        return connector, cls

    def sink(self, use: str) -> tuple[Connector, type[Sink[Any]]]:
        """The sink class that ``use: NAME`` or ``use: NAME.KIND`` means."""
        connector, cls = self._find(use, "sink")
        return connector, cls

    def lookup(self, use: str) -> tuple[Connector, type[Lookup[Any, Any]]]:
        """The look-up class that ``use: NAME`` or ``use: NAME.KIND`` means."""
        connector, cls = self._find(use, "lookup")
        return connector, cls

    def service(self, use: str) -> tuple[Connector, type[ServiceConfig]]:
        """The configuration model of the API that ``use: NAME`` means."""
        connector = self.connector(use)
        if connector.service is None:
            raise UnknownUse("connector.no_service", f"{connector.title} offers no service")
        return connector, connector.service

    def _load(self, name: str) -> Connector:
        origins = self.origins(name)
        if len(origins) > 1:
            raise UnknownUse(
                "connector.ambiguous",
                f"the connector `{name}` is there {'twice' if len(origins) == 2 else 'several times'}: "  # noqa: PLR2004
                f"{' and '.join(origins)}",
                "uninstall all but one, or rename it",
            )
        entry = next(iter(self._entries.get(name, ())), None)
        whose = f"the connector `{name}`" + (f" of {_distribution(entry)}" if entry else "")
        if not _NAME.match(name):
            raise UnknownUse(
                "connector.broken",
                f"{whose} has a name that `use:` can't say",
                "its package must name the entry point with letters, digits, - and _",
            )
        try:
            loaded = entry.load() if entry else importlib.import_module(f"{PACKAGE}.{name}")
        except Exception as error:
            # A connector is foreign code: whatever its import raises is reported where it is used.
            raise UnknownUse(
                "connector.broken",
                f"{whose} can't be imported: {type(error).__name__}: {error}",
                "install what it needs",
            ) from error
        return _manifest(loaded, name, whose, entry.value if entry else f"{PACKAGE}.{name}")

    def _find(self, use: str, kind: Kind) -> tuple[Connector, Any]:
        name, _, wanted = use.partition(".")
        connector = self.connector(name)
        kinds: dict[Kind, Mapping[str, type[Any]]] = {
            "source": connector.sources,
            "sink": connector.sinks,
            "lookup": connector.lookups,
        }
        offered = kinds.pop(kind)
        if wanted in offered:
            return connector, offered[wanted]
        if not wanted and len(offered) == 1:
            return connector, next(iter(offered.values()))
        choices = [f"{name}.{each}" if each else name for each in offered]
        for other, others in kinds.items():
            if others and (wanted in others or not (offered or any(wanted in each for each in kinds.values()))):
                raise UnknownUse(
                    f"connector.no_{kind}",
                    f"`{use}` is a {_WORDS[other]}, no {_WORDS[kind]}",
                    f"write it {_PLACES[other]}",
                )
        if not offered:
            raise UnknownUse(f"connector.no_{kind}", f"{connector.title} offers no {_WORDS[kind]}s")
        if not wanted:
            raise UnknownUse(
                "connector.kind", f"{connector.title} has several {_WORDS[kind]}s", f"write one of {', '.join(choices)}"
            )
        raise _no_kind(connector.title, kind, use, choices)


def _no_kind(title: str, kind: str, use: str, choices: list[str]) -> UnknownUse:
    close = difflib.get_close_matches(use, choices, 1)
    return UnknownUse(
        f"connector.no_{kind}",
        f"{title} has no {_WORDS[kind]} `{use}`" + (f"; did you mean `{close[0]}`?" if close else ""),
        None if close else f"there {'is' if len(choices) == 1 else 'are'} {', '.join(choices)}",
        close[0] if close else None,
    )


def _unknown(name: str, names: list[str]) -> UnknownUse:
    close = difflib.get_close_matches(name, names, 1)
    return UnknownUse(
        "connector.unknown",
        f"there is no connector `{name}`" + (f"; did you mean `{close[0]}`?" if close else ""),
        None if close else _there_are(names),
        close[0] if close else None,
    )


def _there_are(names: list[str]) -> str:
    found = f"there are {', '.join(names)}" if names else "none is installed"
    return f"{found}; a package with another must be installed in the hub's own environment"


def _folders() -> frozenset[str]:
    try:
        package = importlib.import_module(PACKAGE)
    except ModuleNotFoundError:
        return frozenset()
    return frozenset(each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg)


def _entries() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for each in entry_points(group=GROUP):
        found.setdefault(each.name, []).append(each)
    return found


def _manifest(loaded: object, name: str, whose: str, value: str) -> Connector:
    """The manifest that was imported, or that of the package that was.

    Raises:
        UnknownUse: there is none, or one of another name.
    """
    connector = loaded if isinstance(loaded, Connector) else getattr(loaded, "connector", None)
    if not isinstance(connector, Connector):
        given = "" if connector is None else f", but one that is a {type(connector).__name__}"
        raise UnknownUse("connector.broken", f"{whose} has no `connector = Connector(…)` in {value}{given}")
    if connector.name != name:
        raise UnknownUse(
            "connector.broken",
            f"{whose} calls itself `{connector.name}` in its manifest",
            "its folder or entry point and its `Connector` must have the same name",
        )
    return connector


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
