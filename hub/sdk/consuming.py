"""Consuming sources: messages are pushed to us, and the far side forgets them once we acknowledge them.

The connector receives, and turns messages into events; the engine stores them on Kafka and only then has them
acknowledged. So a crash repeats a message and never loses one, and a message that says who it is is stored once: what
the engine has stored of it, and that it has, is one transaction.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hub.sdk.config import SourceConfig
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event, Header
from hub.sdk.source import Source

C = TypeVar("C", bound=SourceConfig)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that holds no event: it is dead-lettered as it came.

    Attributes:
        error: what is wrong with it.
        value: its bytes.
        headers: what its far side says about it, as Kafka headers.
        key: for the dead letter.
    """

    error: InvalidEvent
    value: bytes | None
    headers: Sequence[Header] = ()
    key: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """One message, as it is acknowledged: whole.

    Attributes:
        handle: what the source knows it by, until it is acknowledged.
        events: what it holds: mostly one event, and none where it was but a sign of life.
        id: what its sender knows it by: the same whenever it comes again, another for any other message. A message that
            was stored under it, with the same bytes, is not stored again. None where there is no such thing: then it is
            stored as often as it comes. A digest of the content is none: two messages may well say the same.
        redelivered: whether the far side says that it may have been delivered before, perhaps to somebody else.
        unreadable: in place of events, where it holds none that could be read.
    """

    handle: Any
    events: Sequence[Event] = ()
    id: str | None = None
    redelivered: bool = False
    unreadable: Unreadable | None = None

    @property
    def size(self) -> int:
        """Bytes of its payload."""
        if self.unreadable is not None:
            return len(self.unreadable.value or b"")
        return sum([len(event.raw or b"") for event in self.events])

    @property
    def count(self) -> int:
        """For how many it counts in the ledger."""
        return 1 if self.unreadable is not None else len(self.events)


class ConsumingSource(Source[C], Generic[C]):
    """A source to which messages are pushed, and which acknowledges them.

    It runs in every worker at once: the far side decides who gets what. It is opened, receives until it is halted, and
    is closed; and then perhaps opened again.

    How much it holds is its own to bound: it asks the far side for no more than it may keep in memory, counting what is
    received and not yet acknowledged. That is what holds the far side back while Kafka is slow or away.
    """

    @property
    def rejects(self) -> bool:
        """Whether messages that can't be taken are given to `reject`; else they are dead-lettered and acknowledged."""
        return False

    @property
    def connected(self) -> bool:
        """Whether what was received can still be acknowledged; asked right before it is stored.

        Where it can't the far side gives it to somebody else by now, and it is dropped here.
        """
        return True

    @abstractmethod
    async def receive(self, most: int) -> Sequence[Received]:
        """Waits until there are messages, and gives those that are there, in their order.

        It is cancelled where it waits; then it must not have taken anything.

        Args:
            most: how many at most.

        Raises:
            NotConnected, Transient: the connection is lost, and what isn't acknowledged comes again; the engine closes
                and opens the source.
            Permanent: it won't work again like this; the unit fails.
            EndOfInput: there will never be more.
        """
        raise NotImplementedError

    @abstractmethod
    async def acknowledge(self, handles: Sequence[Any]) -> None:
        """Lets the far side forget messages: they are safe. Handles are in the order in which they were received.

        Raises:
            NotConnected, Transient: the connection is lost; perhaps they come again.
        """
        raise NotImplementedError

    async def reject(self, handles: Sequence[Any]) -> None:
        """Gives messages back that can't be taken, for the far side to put them aside. Only where it `rejects`.

        Raises:
            NotConnected, Transient: the connection is lost, and they come again.
        """
        raise NotImplementedError(f"{type(self).__name__} says that it rejects messages, and doesn't")

    async def halt(self) -> Sequence[Received]:
        """Asks the far side for nothing more, before the source is closed.

        Returns:
            What was pushed to us already and not received yet: it is stored and acknowledged. What isn't given here is
            given back by `close`, since nobody has acknowledged it.

        Raises:
            NotConnected, Transient: the connection is lost.
        """
        return ()
