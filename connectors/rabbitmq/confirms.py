"""What became of messages that went out together: one thing to wait for, however many they are.

aiormq has a future for each message, kept by `Channel.confirmations` until the broker's answer comes. Here is what it
takes in their place: of a future it uses no more than `done`, `cancelled`, `set_result` and `set_exception`. That is
none of its documented ways; tests say whether a new version of it still does so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast

import aiormq
from aiormq.abc import ConfirmationFrameType


class _Unanswered:
    pass


_UNANSWERED: Final = _Unanswered()


class Confirms:
    """The broker's answers to some messages.

    Args:
        channel: on which they go out.
        ids: their message ids, each once.

    Attributes:
        complete: done with the last answer; fails with the channel.
    """

    __slots__ = ("_channel", "_first", "_ids", "_left", "_outcomes", "complete")

    def __init__(self, channel: aiormq.Channel, ids: Sequence[str]) -> None:
        self._channel = channel
        self._ids = ids
        self._first = 0
        self._left = len(ids)
        self._outcomes: list[BaseException | _Unanswered | None] = [_UNANSWERED] * len(ids)
        self.complete: asyncio.Future[Any] = channel.create_future()

    def expect(self) -> None:
        """Counts the messages as the channel's next: to be called with its lock held, right before they go out."""
        channel = self._channel
        confirmations, by_id = cast("dict[int, Any]", channel.confirmations), channel.message_id_delivery_tag
        self._first = tag = channel.delivery_tag + 1
        for index, message_id in enumerate(self._ids):
            confirmations[tag] = _Confirm(self, index)
            by_id[message_id] = tag
            tag += 1
        channel.delivery_tag = tag - 1

    def withdraw(self) -> None:
        """They didn't go out after all, and the lock is still held: the broker's count goes on without them."""
        for index in range(len(self._ids)):
            self._channel.confirmations.pop(self._first + index, None)
            self._forget(index)
        self._channel.delivery_tag = self._first - 1

    def errors(self, unanswered: BaseException | None) -> dict[int, BaseException]:
        """Why messages are not confirmed, by index.

        Args:
            unanswered: why some have no answer; None where all have one.
        """
        errors: dict[int, BaseException] = {}
        for index, outcome in enumerate(self._outcomes):
            error = unanswered if isinstance(outcome, _Unanswered) else outcome
            if error is not None:
                errors[index] = error
        return errors

    def answered(self, index: int, error: BaseException | None) -> None:
        """One has its answer."""
        self._outcomes[index] = error
        self._forget(index)
        self._left -= 1
        if not self._left and not self.complete.done():
            self.complete.set_result(None)

    def _forget(self, index: int) -> None:
        """From now on a message that comes back under this name is another one."""
        by_id, message_id = self._channel.message_id_delivery_tag, self._ids[index]
        if by_id.get(message_id) == self._first + index:
            del by_id[message_id]


class _Confirm:
    """One message's place, in the shape of a future."""

    __slots__ = ("_confirms", "_index")

    def __init__(self, confirms: Confirms, index: int) -> None:
        self._confirms = confirms
        self._index = index

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return self._confirms.complete.done()

    def cancelled(self) -> bool:
        """Whether an answer that nobody waits for is nothing to warn of."""
        return True

    def set_result(self, _frame: ConfirmationFrameType) -> None:
        """The broker has the message."""
        self._confirms.answered(self._index, None)

    def set_exception(self, error: BaseException) -> None:
        """The broker has returned it, or refuses it."""
        self._confirms.answered(self._index, error)
