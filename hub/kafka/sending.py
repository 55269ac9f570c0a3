"""One call of `Publisher.send`: what has come of its records, and which may be tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import errors as kafka
from aiokafka.structs import RecordMetadata

from hub.kafka.errors import kafka_error
from hub.sdk import HubError, NotConnected, Permanent

ATTEMPTS = 4
"""How often a record is tried that certainly was not written."""

# The broker has not written these, and never will under this producer's id, so that the same again by a new producer
# is no duplicate. They follow from another batch's failure; the last from one record of the batch, or from a topic
# whose limit was lowered.
NOT_WRITTEN = (
    kafka.OutOfOrderSequenceNumber,
    kafka.UnknownProducerId,
    kafka.InvalidProducerEpoch,
    kafka.InvalidProducerIdMapping,
    kafka.ProducerFenced,
    kafka.ProducerClosed,
    kafka.MessageSizeTooLargeError,
)


class Sending:
    """One call of `send`: what has come of each record so far, and how many are under way."""

    __slots__ = ("left", "outcomes", "waiter")

    def __init__(self, records: int) -> None:
        self.outcomes: list[RecordMetadata | BaseException | None] = [None] * records
        self.left = 0
        self.waiter: asyncio.Future[None] | None = None

    def forget(self, todo: Sequence[int]) -> None:
        """Takes back what an attempt has brought for these records, before the next one."""
        for index in todo:
            self.outcomes[index] = None

    def settle(self, index: int, outcome: RecordMetadata | BaseException) -> None:
        """Notes what has come of a record, be it that somebody still waits for it or not."""
        self.outcomes[index] = outcome
        self.left -= 1
        if not self.left and self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def finish(self) -> None:
        """Waits until nothing is under way."""
        if self.left:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter


def outcome_error(outcome: BaseException | None, limit: float) -> HubError:
    """The hub's error for a record that was not written; ``None`` means that nothing is known within the limit."""
    if outcome is None:
        return NotConnected(f"Kafka has not acknowledged the record within {limit:g} s; it may still be written")
    if isinstance(outcome, AssertionError):
        return Permanent("expected a partition that the topic has")
    if isinstance(outcome, NOT_WRITTEN) and not isinstance(outcome, kafka.MessageSizeTooLargeError):
        # Not one of ours has taken over, whatever its name says: a producer without a transactional id has no rival.
        return NotConnected(f"Kafka has refused the record {ATTEMPTS} times: {kafka_error(outcome)}")
    return kafka_error(outcome, "writing")
