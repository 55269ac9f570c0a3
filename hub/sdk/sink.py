"""Sinks: what carries events out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from hub.sdk.config import SinkConfig
from hub.sdk.delivery import Delivery
from hub.sdk.event import Event
from hub.sdk.unit import Component

S = TypeVar("S", bound=SinkConfig)


class Sink(Component[S], Generic[S]):
    """Writes events to one far side.

    The engine calls `write` for several deliveries at once, never for two of one key; it retries what failed, and
    dead-letters what can't work. It closes and opens the sink again after `NotConnected`, once no call is under way.

    Class attributes:
        events: event types that its replies have → their JSON Schema, as for sources.
        concurrency: how many deliveries are under way at once at most, where the schema file doesn't say; at least as
            many as four calls take where a call takes several. Below that the number adapts to the far side.
        batch: how many deliveries one call takes at most. With 1 there is a call for each, as many side by side as
            deliveries may be under way; with more there are few calls, with all that waits when they begin, but no
            more than a quarter of what may be under way. A sink may set it for itself, where its settings decide.
        ordered: whether one call may hold several deliveries of one key, in order. The sink then promises that it keeps
            the order, and that where one fails it has written none after it of the same key.
    """

    events: ClassVar[Mapping[str, str | None]] = {}
    concurrency: ClassVar[int] = 16
    batch: int = 1
    ordered: ClassVar[bool] = False

    @abstractmethod
    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Writes the batch, and returns once the far side has it. May be called again before it has returned.

        Returns:
            Events that answer the deliveries, for the sink's ``reply:`` topic; mostly none.

        Raises:
            WriteFailed: some deliveries failed, by their index; the others succeeded.
            Transient, Permanent, NotConnected: the whole batch failed.
        """
        raise NotImplementedError
