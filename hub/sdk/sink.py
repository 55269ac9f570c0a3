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
    """Writes batches of events to one far side.

    The engine calls `write` with at most one delivery per key and at most ``concurrency`` of them, retries what failed,
    and dead-letters what can't work. It closes and opens the sink again after `NotConnected`.

    Class attributes:
        events: event types that its replies have → their JSON Schema, as for sources.
    """

    events: ClassVar[Mapping[str, str | None]] = {}

    @abstractmethod
    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Writes the batch, and returns once the far side has it.

        Returns:
            Events that answer the deliveries, for the sink's ``reply:`` topic; mostly none.

        Raises:
            WriteFailed: some deliveries failed, by their index; the others succeeded.
            Transient, Permanent, NotConnected: the whole batch failed.
        """
        raise NotImplementedError
