"""The manifest of a connector: what one folder offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.sdk.lookup import Lookup
from hub.sdk.policies import ServiceConfig
from hub.sdk.sink import Sink
from hub.sdk.source import Source


@dataclass(frozen=True)
class Connector:
    """What one connector offers; its package exposes one as ``connector``.

    Attributes:
        name: as in ``use: NAME`` and ``use: NAME.KIND``; the folder's name.
        title: the system's own name, for people.
        sources: kind → source class. ``use: NAME`` alone means the only one, or the one with the kind ``""``.
        sinks: kind → sink class, likewise.
        lookups: kind → look-up class, likewise.
        service: configuration model of its API, where it calls one.
    """

    name: str
    title: str
    sources: Mapping[str, type[Source[Any]]] = field(default_factory=dict)
    sinks: Mapping[str, type[Sink[Any]]] = field(default_factory=dict)
    service: type[ServiceConfig] | None = None
    lookups: Mapping[str, type[Lookup[Any, Any]]] = field(default_factory=dict)
