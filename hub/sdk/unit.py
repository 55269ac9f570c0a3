"""What every source and sink of a connector has: its configuration, its context and its lifecycle."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args, get_origin

from hub.sdk.config import Config
from hub.sdk.cursor import CursorOptions
from hub.sdk.service import Service

C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class UnitContext:
    """What the engine hands to a source or sink beside its configuration.

    ``cursor`` is what the schema file says of how a polling source reads.
    """

    name: str
    deployment: str = "hub"
    services: Mapping[str, Service] = field(default_factory=dict)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("hub.connector"))
    cursor: CursorOptions = field(default_factory=CursorOptions)


class Component(Generic[C]):
    """A configured source or sink. Don't subclass this but `PollingSource`, `WebhookSource` or `Sink`."""

    def __init__(self, config: C, context: UnitContext) -> None:
        self.config = config
        self.context = context
        self.name = context.name
        self.log = context.log

    @classmethod
    def config_type(cls) -> type[C]:
        """The configuration model, from the type argument of the base class."""
        return type_argument(cls, 0, Config)  # type: ignore[no-any-return]

    @property
    def service(self) -> Service:
        """The service that the configuration names in its field ``service``."""
        return self.context.services[getattr(self.config, "service")]  # noqa: B009  only some configs have it

    @property
    def far_side(self) -> str:
        """The outside system in a few words for people; without secrets."""
        return ""

    async def open(self) -> None:
        """Connects; called before anything else, and again after `NotConnected`.

        Raises:
            NotConnected: the far side isn't there; the engine waits and tries again.
            Permanent: it is there and refuses us for good (credentials, a queue of another kind); the unit fails.
        """

    async def close(self) -> None:
        """Releases what `open` took; also called after an `open` that failed."""


def type_argument(cls: type, index: int, bound: type) -> Any:
    """The type argument at an index of the first generic base that gives one, searched through the base classes."""
    for each in cls.__mro__:
        for base in getattr(each, "__orig_bases__", ()):
            arguments = get_args(base)
            if get_origin(base) is Generic or len(arguments) <= index:
                continue
            found = arguments[index]
            if isinstance(found, type) and issubclass(found, bound):
                return found
    raise TypeError(f"{cls.__name__} must name its {bound.__name__} as type argument {index + 1} of its base class")
