"""Look-ups: what a route asks a far side about an event, before it maps it.

A route names a look-up under ``enrich:`` and computes a key for each event. The engine gathers the keys of a batch,
asks for each of them once, keeps answers for a while where the schema file says so, waits out outages, and does the
rest when something fails; a look-up only asks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, get_args, get_origin

from pydantic import TypeAdapter

from hub.sdk.config import Config
from hub.sdk.errors import Signal
from hub.sdk.unit import Component


class LookupConfig(Config):
    """The ``with:`` section of a look-up: what is the same for all events."""


L = TypeVar("L", bound=LookupConfig)
Key = TypeVar("Key")


@dataclass(frozen=True)
class Found:
    """What the far side says of one key.

    Attributes:
        data: a JSON value; ``None`` where it has no such thing, which the route sees as ``null``.
        marks: extensions for the events that are made of it, such as `hub.sdk.Response.marks`.
    """

    data: Any
    marks: Mapping[str, str] = field(default_factory=dict)


NOTHING = Found(None)
"""The far side has no such thing."""

Answer: TypeAlias = Found | Signal


class Lookup(Component[L], Generic[L, Key]):
    """Asks one far side for things by their keys.

    The second type argument is what a key is: ``str``, ``int``, or a `Config` whose fields are the arguments, as in
    ``key: { repository: = data.repo, number: = data.issue }``. The engine checks keys against it, and `hub validate`
    the expressions that make them.

    Class attributes:
        schema: JSON Schema of what it finds: a path below ``schemas/``, or the schema itself; ``None`` where anything
            may come. That there may be nothing needs no mention.
        batch: how many keys one call takes at most. A look-up may set it for itself, where its settings decide.
        concurrency: how many calls are under way at once at most, where the schema file doesn't say.
    """

    schema: ClassVar[str | Mapping[str, Any] | None] = None
    batch: int = 1
    concurrency: ClassVar[int] = 8

    @classmethod
    def key_type(cls) -> Any:
        """What a key is, from the second type argument of the base class."""
        for each in cls.__mro__:
            for base in getattr(each, "__orig_bases__", ()):
                arguments = get_args(base)
                origin = get_origin(base)
                if isinstance(origin, type) and issubclass(origin, Lookup) and len(arguments) > 1:
                    return Any if isinstance(arguments[1], TypeVar) else arguments[1]
        raise TypeError(f"{cls.__name__} must name what its keys are as the second type argument of Lookup")

    @classmethod
    def read_key(cls, raw: bytes) -> Any:
        """A key of what an expression gave, as JSON.

        Raises:
            pydantic.ValidationError: it is none.
        """
        return _adapter(cls).validate_json(raw, strict=True)

    @classmethod
    def key_schema(cls) -> dict[str, Any]:
        """JSON Schema of a key."""
        return _adapter(cls).json_schema()

    @abstractmethod
    async def look_up(self, keys: Sequence[Key]) -> Sequence[Answer]:
        """Asks for several keys, no two of them the same. May be called again before it has returned.

        Returns:
            For each key, in their order, what was found, `NOTHING`, or the signal why it couldn't be told.

        Raises:
            Transient, Permanent, NotConnected: that holds for all of them. Of several keys that are refused for good
                each is asked for once more by itself, to find the one that is to blame.
        """
        raise NotImplementedError


def _adapter(cls: type[Lookup[Any, Any]]) -> TypeAdapter[Any]:
    # Of the class itself: one that inherits may have keys of its own.
    adapter: TypeAdapter[Any] | None = cls.__dict__.get("_adapter")
    if adapter is None:
        adapter = TypeAdapter(cls.key_type())
        cls._adapter = adapter  # type: ignore[attr-defined]  # kept where it belongs
    return adapter
