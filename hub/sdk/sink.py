"""Sinks: what carries events out."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from hub.sdk.config import SinkConfig
from hub.sdk.delivery import Delivery
from hub.sdk.errors import Signal, WriteFailed
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


async def write_each(
    batch: Sequence[Delivery], deliver: Callable[[Delivery], Awaitable[Event | None]]
) -> Sequence[Event]:
    """Writes deliveries side by side, each by itself: a `Sink.write` for far sides that take one at a time.

    Args:
        batch: the deliveries.
        deliver: writes one; gives its reply, if there is one.

    Returns:
        The replies.

    Raises:
        WriteFailed: by index, the signals of those that were not written, and the replies of all others.
    """
    if len(batch) == 1:  # as the engine mostly does it: needs no task of its own
        try:
            reply = await deliver(batch[0])
        except Signal as signal:
            raise WriteFailed({0: signal}) from None
        return [] if reply is None else [reply]
    outcomes = await asyncio.gather(*map(deliver, batch), return_exceptions=True)
    failures: dict[int, Signal] = {}
    replies: list[Event] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Signal):
            failures[index] = outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        elif outcome is not None:
            replies.append(outcome)
    if failures:
        raise WriteFailed(failures, replies)
    return replies
