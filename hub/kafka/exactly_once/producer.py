"""A transactional producer whose offsets are refused once its consumer has been replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka
from aiokafka.client import CoordinationType
from aiokafka.producer.sender import (
    AddOffsetsToTxnHandler,
    AddPartitionsToTxnHandler,
    EndTxnHandler,
    InitPIDHandler,
    Sender,
    TxnOffsetCommitHandler,
)
from aiokafka.producer.transaction_manager import (
    NO_PRODUCER_EPOCH,
    NO_PRODUCER_ID,
    PidAndEpoch,
    TransactionManager,
    TransactionState,
)
from aiokafka.structs import OffsetAndMetadata
from aiokafka.util import commit_structure_validate, create_future

from hub.kafka.exactly_once.membership import Membership, StaleMember
from hub.kafka.exactly_once.wire import NextEpoch, TxnOffsetCommit

FENCED_INSTANCE = 82
"""Kafka's error code FENCED_INSTANCE_ID, which aiokafka doesn't know."""
_STALE = frozenset(
    (
        kafka.IllegalGenerationError.errno,
        kafka.UnknownMemberIdError.errno,
        FENCED_INSTANCE,
    )
)
"""Answers after which a member never commits again as who it is. "Rebalance in progress" isn't one: after
it, what follows might be committed, and what was aborted be passed over. (Brokers don't say it of transactions.)"""


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

    @property
    def failure(self) -> Exception | None:
        """Why the transaction that is open can only be aborted; what comes later only follows from it."""
        failure: Exception | None = self._txn_manager.failure
        return failure

    async def begin_transaction(self) -> None:
        """Begins a transaction; with a new epoch where a request of an earlier one may still be on its way.

        A request whose connection broke is sent again by another. If the first one arrives after all, while the next
        transaction is open, it does to that what was meant for the one before: commits a part of it, or an older
        position. Brokers refuse it once the epoch has risen.

        Raises:
            ProducerFenced: another producer has taken over: whoever was fenced gets no new epoch.
        """
        if self._sender.unanswered:
            self._txn_manager.renew_epoch()
            self._sender.unanswered = 0
        await super().begin_transaction()

    async def commit_offsets(self, *positions: tuple[Mapping[TopicPartition, OffsetAndMetadata], Membership]) -> None:
        """Has offsets committed with the transaction that is open.

        Args:
            positions: for each group its next offsets to read, and the member that fetched what comes before them,
                when it did.

        Raises:
            StaleMember: the group has gone on without it; the transaction can only be aborted.
            KafkaError: the broker refuses for another reason.
        """
        self._sender.members = {member.group: member for _, member in positions}
        if not self._txn_manager.is_in_transaction():
            raise kafka.IllegalOperation("Not in the middle of a transaction")
        pending = [
            self._txn_manager.add_offsets_to_txn(commit_structure_validate(dict(offsets)), member.group)
            for offsets, member in positions
        ]
        await asyncio.wait(pending)  # never cancels them: the sender answers them, late or not
        for each in pending:
            each.exception()  # seen: the first one is raised, and the others follow from it
        for each in pending:
            each.result()


class _Transactions(TransactionManager):  # type: ignore[misc]  # aiokafka is untyped
    state: Any
    _pid_and_epoch: Any
    failure: Exception | None = None
    former: PidAndEpoch | None = None
    """Our id and epoch, while the next epoch is asked for."""

    def __init__(self, transactional_id: str, transaction_timeout_ms: int) -> None:
        super().__init__(transactional_id, transaction_timeout_ms)
        self._added: set[str] = set()
        """Groups that the transaction holds offsets of; aiokafka knows one."""

    def begin_transaction(self) -> None:
        self.failure = None
        self._added.clear()
        super().begin_transaction()

    def consumer_group_to_add(self) -> str | None:
        return next((group for group, *_ in self._pending_txn_offsets if group not in self._added), None)

    def consumer_group_added(self, group_id: str) -> None:
        self._added.add(group_id)
        super().consumer_group_added(group_id)

    def error_transaction(self, exc: Exception) -> None:
        """Notes an error after which the transaction can only be aborted.

        aiokafka's own forgets here what the transaction holds. Its abort then takes it for empty and tells the broker
        nothing, and the next commit makes visible what was to be aborted.
        """
        self._transition_to(TransactionState.ABORTABLE_ERROR)
        self.failure = exc
        self._pending_txn_partitions.clear()
        for *_, future in self._pending_txn_offsets:
            future.set_exception(exc)
        self._pending_txn_offsets.clear()
        if not self._transaction_waiter.done():
            self._transaction_waiter.set_exception(exc)
            self._transaction_waiter.exception()  # seen: who aborts doesn't ask for it

    def renew_epoch(self) -> None:
        """Has the sender ask for a new epoch before anything else; between transactions only."""
        assert self.state == TransactionState.READY, "a transaction is open, or the producer has failed"
        self.former = self._pid_and_epoch
        self._pid_and_epoch = PidAndEpoch(NO_PRODUCER_ID, NO_PRODUCER_EPOCH)
        self._pid_waiter = create_future()
        self._sequence_numbers.clear()
        self.state = TransactionState.UNINITIALIZED
        self.notify_task_waiter()

    def fatal_error(self, exc: Exception) -> None:
        """Notes the sender's end; whoever waits for an epoch hears of it, too, which aiokafka's own leaves waiting."""
        super().fatal_error(exc)
        for waiter in (self._pid_waiter, self._transaction_waiter):
            if not waiter.done():
                waiter.set_exception(exc)
            waiter.exception()  # seen: perhaps nobody asks


class _GroupSender(Sender):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._of_groups: dict[str, Any] = {}
        """Coordinators of groups."""

    members: Mapping[str, Membership] = {}
    """Who commits, by group."""
    unanswered = 0
    """Requests of transactions that were sent, perhaps, and got no answer: they may still be on their way."""

    async def _asked(self, handler: Any, node: Any) -> Any:
        """Has a handler send its request; one that gets no answer stays counted."""
        respond = handler.handle_response

        def answered(response: Any) -> Any:
            self.unanswered -= 1
            return respond(response)

        handler.handle_response = answered
        self.unanswered += 1
        try:
            return await handler.do(node)
        finally:
            del handler.handle_response  # it holds the handler: four cycles a transaction, seen in a worker's memory

    async def _find_coordinator(self, coordinator_type: Any, coordinator_key: str) -> Any:
        """As the base class, which takes the coordinator of one group for that of all."""
        if coordinator_type != CoordinationType.GROUP:
            return await super()._find_coordinator(coordinator_type, coordinator_key)
        node = self._of_groups.get(coordinator_key)
        if node is None:
            self._coordinators.pop(coordinator_type, None)
            node = self._of_groups[coordinator_key] = await super()._find_coordinator(coordinator_type, coordinator_key)
        return node

    def _coordinator_dead(self, coordinator_type: Any) -> None:
        super()._coordinator_dead(coordinator_type)
        if coordinator_type == CoordinationType.GROUP:
            self._of_groups.clear()

    async def _transaction_coordinator(self) -> Any:
        return await self._find_coordinator(CoordinationType.TRANSACTION, self._txn_manager.transactional_id)

    async def _do_init_pid(self, node_id: Any) -> Any:
        if self._txn_manager.former is None:
            return await super()._do_init_pid(node_id)
        return await _Renewal(self).do(node_id)

    # The base class's four steps of a transaction, with their answers counted.

    async def _do_add_partitions_to_txn(self, tps: Any) -> Any:
        return await self._asked(AddPartitionsToTxnHandler(self, tps), await self._transaction_coordinator())

    async def _do_add_offsets_to_txn(self, group_id: str) -> Any:
        return await self._asked(AddOffsetsToTxnHandler(self, group_id), await self._transaction_coordinator())

    async def _do_txn_commit(self, commit_result: Any) -> None:
        await self._message_accumulator.flush_for_commit()
        if self._txn_manager.is_empty_transaction():
            self._txn_manager.complete_transaction()
            return
        await self._asked(EndTxnHandler(self, commit_result), await self._transaction_coordinator())

    async def _do_txn_offset_commit(self, offsets: Any, group_id: str) -> None:
        if not offsets:
            return
        try:
            node = await self._find_coordinator(CoordinationType.GROUP, group_id)
        except kafka.GroupAuthorizationFailedError as error:
            self._txn_manager.error_transaction(error)
            return
        await self._asked(_GroupOffsets(self, offsets, group_id), node)


class _Renewal(InitPIDHandler):  # type: ignore[misc]  # aiokafka is untyped
    """Asks for the next epoch as who we are. Without that, whoever was fenced would fence its successor in turn."""

    def create_request(self) -> NextEpoch:
        manager = self._sender._txn_manager  # noqa: SLF001  the base class's way
        return NextEpoch(manager.transactional_id, manager.transaction_timeout_ms, manager.former)

    def handle_response(self, response: Any) -> float | None:
        if response.error_code == kafka.InvalidProducerEpoch.errno:  # so brokers call it in this version
            raise kafka.ProducerFenced
        wait: float | None = super().handle_response(response)
        return wait


class _GroupOffsets(TxnOffsetCommitHandler):  # type: ignore[misc]  # aiokafka is untyped
    def create_request(self) -> TxnOffsetCommit:
        manager = self._sender._txn_manager  # noqa: SLF001  the base class's way
        membership = self._sender.members[self._group_id]
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
            error = StaleMember(
                f"{self._group_id}: another member has the partitions now", self._sender.members[self._group_id]
            )
            self._sender._txn_manager.error_transaction(error)  # noqa: SLF001  the base class's way
            return None
        response.errors = [(topic, [each[:2] for each in found]) for topic, found, _ in response.topics]
        wait: float | None = super().handle_response(response)
        return wait
