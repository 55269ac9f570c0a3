"""A transactional producer whose offsets are refused once its consumer has been replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import CoordinationType
from aiokafka.producer.sender import Sender, TxnOffsetCommitHandler
from aiokafka.producer.transaction_manager import TransactionManager, TransactionState
from aiokafka.structs import OffsetAndMetadata

from hub.kafka.exactly_once.membership import Membership, StaleMember
from hub.kafka.exactly_once.wire import TxnOffsetCommit

FENCED_INSTANCE = 82
"""Kafka's error code FENCED_INSTANCE_ID, which aiokafka doesn't know."""
_STALE = frozenset(
    (
        kafka.IllegalGenerationError.errno,
        kafka.UnknownMemberIdError.errno,
        kafka.RebalanceInProgressError.errno,
        FENCED_INSTANCE,
    )
)


class GroupProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka is untyped
    """An aiokafka producer with KIP-447: one serves any number of input partitions.

    Takes aiokafka's own arguments; ``transactional_id`` must be given.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        manager: Any = self._txn_manager
        self._txn_manager: Any = _Transactions(manager.transactional_id, manager.transaction_timeout_ms)
        self._message_accumulator._txn_manager = self._txn_manager  # noqa: SLF001  what the base class has just made
        sender: Any = self._sender
        self._sender: Any = _GroupSender(
            self.client,
            acks=sender._acks,  # noqa: SLF001  what the base class has just made
            txn_manager=self._txn_manager,
            retry_backoff_ms=sender._retry_backoff * 1000,  # noqa: SLF001  as above
            message_accumulator=self._message_accumulator,
            request_timeout_ms=sender._request_timeout_ms,  # noqa: SLF001  as above
        )

    async def commit_offsets(self, offsets: Mapping[TopicPartition, OffsetAndMetadata], membership: Membership) -> None:
        """Has offsets committed with the transaction that is open.

        Args:
            offsets: next offsets to read.
            membership: the member that fetched what comes before them, when it did.

        Raises:
            StaleMember: the group has gone on without it; the transaction can only be aborted.
            KafkaError: the broker refuses for another reason.
        """
        self._sender.membership = membership
        await self.send_offsets_to_transaction(dict(offsets), membership.group)


class _Transactions(TransactionManager):  # type: ignore[misc]  # aiokafka is untyped
    def error_transaction(self, exc: Exception) -> None:
        """Notes an error after which the transaction can only be aborted.

        aiokafka's own forgets here what the transaction holds. Its abort then takes it for empty and tells the broker
        nothing, and the next commit makes visible what was to be aborted.
        """
        self._transition_to(TransactionState.ABORTABLE_ERROR)
        self._pending_txn_partitions.clear()
        for *_, future in self._pending_txn_offsets:
            future.set_exception(exc)
        self._pending_txn_offsets.clear()
        if not self._transaction_waiter.done():
            self._transaction_waiter.set_exception(exc)
            self._transaction_waiter.exception()  # seen: who aborts doesn't ask for it


class _GroupSender(Sender):  # type: ignore[misc]  # aiokafka is untyped
    membership: Membership | None = None

    async def _do_txn_offset_commit(self, offsets: Any, group_id: str) -> None:
        if not offsets:
            return
        try:
            node = await self._find_coordinator(CoordinationType.GROUP, group_id)
        except kafka.GroupAuthorizationFailedError as error:
            self._txn_manager.error_transaction(error)
            return
        await _GroupOffsets(self, offsets, group_id).do(node)


class _GroupOffsets(TxnOffsetCommitHandler):  # type: ignore[misc]  # aiokafka is untyped
    def create_request(self) -> TxnOffsetCommit:
        manager, membership = self._sender._txn_manager, self._sender.membership  # noqa: SLF001  the base class's way
        return TxnOffsetCommit(
            manager.transactional_id,
            self._group_id,
            (manager.producer_id, manager.producer_epoch),
            (membership.generation, membership.member, membership.instance),
            self._offsets,
        )

    def handle_response(self, response: Any) -> float | None:
        codes = {code for _, partitions, _ in response.topics for _, code, _ in partitions}
        if codes & _STALE:
            error = StaleMember(f"{self._group_id}: another member has the partitions now")
            self._sender._txn_manager.error_transaction(error)  # noqa: SLF001  the base class's way
            return None
        response.errors = [(topic, [each[:2] for each in found]) for topic, found, _ in response.topics]
        wait: float | None = super().handle_response(response)
        return wait
