"""What a subscriber is handed: an event, to be handled within a block that settles it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from types import TracebackType
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from hub.engine.dlq.deadletter import Origin
from hub.sdk.delivery import Delivery as SdkDelivery
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event, is_json

T = TypeVar("T")
_SHOWN = 5  # problems of a payload that a message names


class PayloadMismatch(InvalidEvent):
    """A payload that doesn't fit the subscriber's model."""


class State(Enum):
    """Where a delivery stands."""

    HANDED_OUT = "handed out"
    ENTERED = "entered"
    LEFT = "left"


class Delivery(SdkDelivery, Generic[T]):
    """An event for a subscriber.

    async with delivery as event:
        ...                             # leaving the block acknowledges the event

    An exception in the block doesn't leave it: it is logged, and the same event comes again from the iterator, with a
    higher `attempt`, after a pause; once retries are used up, or at once for `Permanent`, the event is dead-lettered.
    Cancellation, KeyboardInterrupt and SystemExit do leave the block, and the event is read again.

    Attributes:
        place: where it lies on Kafka.
        data: the payload; an instance of the subscription's model where it has one.
    """

    __slots__ = ("_data", "_leave", "place", "state", "task")

    def __init__(
        self,
        event: Event,
        idempotency_key: str,
        attempt: int,
        *,
        place: Origin,
        data: Any,
        leave: Callable[[Delivery[T], BaseException | None], Awaitable[bool]],
    ) -> None:
        super().__init__(event, idempotency_key, attempt)
        self.place = place
        self.state = State.HANDED_OUT
        self.task: asyncio.Task[Any] | None = None
        self._data = data
        self._leave = leave

    @property
    def data(self) -> T:
        """The payload.

        Raises:
            InvalidEvent: there is no model, and the bytes are not of the content type.
        """
        return self.event.data if self._data is None else self._data  # type: ignore[no-any-return]  # JSON is Any

    async def __aenter__(self) -> Event:
        """Begins to handle the event.

        Raises:
            RuntimeError: it was entered before.
        """
        if self.state is not State.HANDED_OUT:
            raise RuntimeError(f"{self.place} was {self.state.value} before; a delivery is entered once")
        self.state = State.ENTERED
        self.task = asyncio.current_task()
        return self.event

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Settles the event."""
        self.state = State.LEFT
        return await self._leave(self, error)

    def __repr__(self) -> str:
        return f"Delivery({self.place}, {self.event!r}, attempt={self.attempt})"


def payload(event: Event, model: type[BaseModel] | None) -> BaseModel | None:
    """The payload as the model has it; None without a model.

    Raises:
        PayloadMismatch: says which fields don't fit, and not what they hold.
        InvalidEvent: the bytes are not of the content type.
    """
    if model is None:
        return None
    try:
        if event.raw is not None and is_json(event.datacontenttype):
            return model.model_validate_json(event.raw)
        return model.model_validate(event.data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        texts = [f"{'.'.join(map(str, each['loc'])) or 'data'}: {each['msg']}" for each in found[:_SHOWN]]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    # Outside of the handler, so that pydantic's own error, which holds the values, isn't taken for the root cause.
    raise PayloadMismatch(f"the payload doesn't fit {model.__name__}: {'; '.join(texts)}{more}")
