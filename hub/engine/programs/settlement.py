"""What follows when a subscriber's block has ended: acknowledged, tried again, or dead-lettered."""

from __future__ import annotations

import logging
import time

from hub.engine.backoff import backoff
from hub.engine.dlq.deadletter import Origin, error_class
from hub.engine.dlq.outlet import Outlet
from hub.engine.programs.window import Window
from hub.engine.sinks.attempts import Pending, RetryPolicy
from hub.sdk.errors import InvalidEvent, NotConnected, Permanent, Signal, Transient
from hub.sdk.event import KafkaMessage

FIRST_OUTAGE, LONGEST_OUTAGE = 0.5, 30.0
"""Bounds in seconds of the pauses after `NotConnected`."""

_log = logging.getLogger("hub.subscription")


class Settlement:
    """Settles events of a group.

    Args:
        group: for the log.
        retry: when a failed event comes again.
        outlet: way to the dead letter topic, started; None where there is none.
    """

    def __init__(self, group: str, retry: RetryPolicy, outlet: Outlet | None) -> None:
        self._group = group
        self._retry = retry
        self._outlet = outlet
        self._outages = 0
        self._quiet_until = 0.0

    @property
    def quiet(self) -> float:
        """Seconds for which nothing should be handed out: something that the program needs was down."""
        return max(0.0, self._quiet_until - time.monotonic())

    async def settle(self, window: Window, pending: Pending, error: BaseException | None) -> bool:
        """Decides by how the block ended.

        Returns:
            Whether the error is dealt with; otherwise the event isn't settled, and the error is the program's.

        Raises:
            DeadLetterFailed: the event isn't settled.
        """
        if error is None:
            self._outages = 0
            window.settle(pending)
            return True
        if not isinstance(error, Exception):
            window.hold(pending)
            return False
        error = _single(error)
        what = (self._group, place_of(pending), pending.delivery.attempt, error_class(error), error)
        if isinstance(error, NotConnected):
            wait = self._outage(error)
            _log.warning("%s: %s, attempt %d: %s: %s; all wait for %.1f s", *what, wait)
            window.hold(pending)
            return True
        wait_again = self._wait(pending, error)
        if wait_again is not None:
            _log.warning("%s: %s, attempt %d: %s: %s; again in %.1f s", *what, wait_again)
            window.again(pending, wait_again)
            return True
        if self._outlet is None:
            window.hold(pending)
            return False
        await self.bury(window, pending, error, "handle")
        return True

    async def bury(self, window: Window, pending: Pending, error: Exception, stage: str) -> None:
        """Dead-letters an event; raises its error where there is no dead letter topic.

        Raises:
            DeadLetterFailed: the event isn't settled.
        """
        if self._outlet is None:
            raise error
        record, place, attempt = pending.record, place_of(pending), pending.delivery.attempt
        message = KafkaMessage(record.key, record.value, list(record.headers))
        await self._outlet.bury(message, error, stage=stage, attempts=attempt, origin=place)
        _log.warning(
            "%s: %s dead-lettered to %s: %s: %s", self._group, place, self._outlet.dlq, error_class(error), error
        )
        window.settle(pending)

    def _outage(self, error: NotConnected) -> float:
        self._outages += 1
        wait = error.retry_after or backoff(self._outages, initial=FIRST_OUTAGE, maximum=LONGEST_OUTAGE)
        self._quiet_until = time.monotonic() + wait
        return wait

    def _wait(self, pending: Pending, error: Exception) -> float | None:
        if isinstance(error, Permanent | InvalidEvent):
            return None
        return self._retry.wait(pending, error if isinstance(error, Signal) else Transient(str(error)))


def place_of(pending: Pending) -> Origin:
    """Where an event lies."""
    return Origin(pending.record.topic, pending.record.partition, pending.record.offset)


def _single(error: Exception) -> Exception:
    """What a group of one exception holds: a task group wraps what its tasks raise."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
