"""Sources: what brings events in.

A polling source yields batches of events, each with the cursor that follows it; a webhook source turns a verified
request into events. The engine does everything else: publishing, storing cursors, limits, waiting, pausing, restarting.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import Field

from hub.sdk.config import Size, SourceConfig
from hub.sdk.cursor import Cursor
from hub.sdk.errors import InvalidEvent, InvalidPayload, WebhookRejected
from hub.sdk.event import Event
from hub.sdk.service import Response
from hub.sdk.strictjson import verbatim
from hub.sdk.unit import Component, type_argument

C = TypeVar("C", bound=SourceConfig)
K = TypeVar("K", bound=Cursor)


@dataclass(frozen=True)
class Batch:
    """Events and the cursor that follows them: stored in one transaction, never in parts."""

    events: Sequence[Event]
    cursor: Cursor


class Source(Component[C], Generic[C]):
    """What all sources share. Don't subclass this but `PollingSource`, `WebhookSource` or `ConsumingSource`.

    Class attributes:
        events: event type → its JSON Schema, as a path below ``schemas/``, or ``None`` where there is none yet. The
            topic of an event type has the type's name.
        partition_key: where the key is that keeps events in order: a path into the data (``repository.full_name``),
            several to try in turn, or one such choice per event type.
    """

    events: ClassVar[Mapping[str, str | None]] = {}
    partition_key: ClassVar[str | Sequence[str] | Mapping[str, str | Sequence[str]]] = ()

    @classmethod
    def event_types(cls, settings: Mapping[str, Any]) -> Mapping[str, str | None]:
        """Event types of a source with these settings, as in ``events``.

        For sources whose event types their users name. What a user has named that way needs no schema: a contract under
        ``events:`` in the schema files may give one.

        Args:
            settings: ``with:`` as it was written: not checked yet, so that anything may stand in it, and references
                are not resolved.
        """
        del settings
        return cls.events

    @property
    def declared(self) -> Mapping[str, str | None]:
        """The event types that this source may give; where its settings name them, what `event_types` says of them."""
        return self.events

    def event(  # noqa: D417  its arguments are those of `Event`
        self,
        type: str,  # noqa: A002  CloudEvents' own word
        data: Any,
        *,
        id: str,  # noqa: A002  as above
        time: str | None = None,
        answer: Response | None = None,
        **attributes: Any,
    ) -> Event:
        """An event of this source, keyed by ``partition_key``.

        Data that JSON can't hold, such as NaN or an integer beyond 64 bits, are kept in the nearest notation; the
        engine dead-letters such an event, and the source goes on.

        Args:
            answer: the service's answer that it is made of: an event says of itself if the API itself gave nothing.

        Raises:
            InvalidEvent: an event type that isn't declared, or an attribute that breaks CloudEvents.
        """
        if type not in self.declared:
            raise InvalidEvent(f"{self.name} declares no event type {type!r} in its `events`")
        attributes.setdefault("source", f"/{self.context.deployment}/{self.name}")
        attributes.setdefault("partitionkey", self._key(type, data))
        if answer is not None:
            attributes |= answer.marks
        try:
            return Event(type=type, data=data, id=id, time=time, **attributes)
        except InvalidPayload:
            return Event(type=type, data=verbatim(data), id=id, time=time, **attributes)

    def deleted(self, type: str, *, key: str, id: str, time: str | None = None, **attributes: Any) -> Event:  # noqa: A002
        """A tombstone: the record of a key is gone. On Kafka it has no value, so that compaction drops the key.

        Args:
            type: event type of the record that is gone.
            key: partition key of the record's events.
            id: the same whenever this deletion is read again, and that of no other event: ``key@version``.
            time: when it was deleted.
            attributes: as for `event`.
        """
        return self.event(type, None, id=id, time=time, partitionkey=key, **attributes)

    def _key(self, type: str, data: Any) -> str | None:  # noqa: A002
        paths = self.partition_key
        if isinstance(paths, Mapping):
            paths = paths.get(type, ())
        for path in (paths,) if isinstance(paths, str) else paths:
            value = data
            for name in path.split("."):
                value = value.get(name) if isinstance(value, Mapping) else None
            if value is not None:
                return str(value)
        return None


class PollingSource(Source[C], Generic[C, K]):
    """A source that asks, again and again, from where it stands. For records with a cursor value: `IncrementalSource`.

    Class attributes:
        every: how long to wait between two polls where the schema file doesn't say.
        long_poll: whether the far side holds a request until there is something: then the next poll follows at once.
        remember: of how many events the ids are kept with the cursor, so that one that comes again is dropped, where
            the schema file doesn't say. For far sides that repeat what they have given, such as feeds.

    Attributes:
        poll_interval: the shortest time between two polls that the far side asks for; to be set by a poll that learns
            of one, and counted from its end. It stands until it is set anew.
    """

    every: ClassVar[timedelta] = timedelta(seconds=30)
    long_poll: ClassVar[bool] = False
    remember: ClassVar[int] = 0
    poll_interval: timedelta | None = None

    @classmethod
    def cursor_type(cls) -> type[Cursor]:
        """The cursor's model, from the type argument of the base class."""
        return type_argument(cls, 1, Cursor)  # type: ignore[no-any-return]

    @abstractmethod
    def poll(self, cursor: K) -> AsyncIterator[Batch]:
        """Yields all that came after the cursor, in batches, and ends when there is nothing more for now.

        It goes on once the batch is stored. A batch without events is right where only the cursor moved. After any
        failure it is called again from the last cursor that was stored, perhaps in another worker, so it must not rely
        on what it remembers. It is cancelled where it waits when the unit stops or another worker takes over.
        """
        raise NotImplementedError


class WebhookRequest:
    """A request as it came, its body whole.

    Attributes:
        method: HTTP method.
        path: without query.
        query: raw query string.
        headers: names in lower case.
        body: exact bytes, as signatures are made over them.
    """

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: str = "") -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.query = query


class WebhookConfig(SourceConfig):
    """Where a webhook source listens."""

    path: str = Field(pattern=r"^/[^\s?#]*$")
    """Path of the URL, below the hub's own address, such as ``/webhooks/github``."""
    max_body: Size = 25 * 2**20
    """Largest body in bytes that is read, such as ``25MiB``; larger ones are answered 413."""


W = TypeVar("W", bound=WebhookConfig)


class WebhookSource(Source[W], Generic[W]):
    """A source that is called: it verifies and normalizes; synchronously, so that no request waits for another."""

    @abstractmethod
    def receive(self, request: WebhookRequest) -> Sequence[Event]:
        """Turns a request into events, after it has verified that it is genuine.

        The same delivery must give events of the same id: the hub drops the second (by id and body).

        A payload of a genuine request that can't be read is no reason to refuse it: the sender can't mend it, and most
        don't send again. Give the event with its bytes; the engine dead-letters it with what is wrong, and answers 202.

        Raises:
            WebhookRejected: 401 where it isn't genuine, 400 where it makes no sense.
        """
        raise NotImplementedError

    def rejected(self, status: int, code: str, detail: str) -> WebhookRejected:
        """The error to raise for a request that is refused."""
        return WebhookRejected(status, code, detail)
