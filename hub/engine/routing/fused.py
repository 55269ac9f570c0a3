"""Routes that read the same topics, read for together: one fetch, one parse, one transaction.

Each route stays a member of a consumer group of its own, with its own positions, ledger, dead letters and pause; so it
doesn't matter to Kafka, to other workers or to the next start whether routes were read for together. Their positions
are committed in one transaction, each fenced by its own group's generation (KIP-447).

A route is read for while it is near where the others are. One that is paused, is new, or has fallen behind goes by
itself until it has caught up: the others don't wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from hub.engine.reading.reader import Reader
from hub.engine.routing.exchange import Batches, Exchange, Noted
from hub.engine.routing.fused_mapper import FusedMapper, PartFailed
from hub.engine.routing.part import Part
from hub.kafka import clients, fetching
from hub.kafka.errors import kafka_error
from hub.kafka.exactly_once import Membership, TransactionWriter
from hub.sdk.errors import HubError

NEAR = 2000
"""Offsets that a route may be away from where the others are, to be read for with them."""
_GRACE = 0.2
_LOOK = 0.05
_END_LIMIT = 3.0  # seconds; below the supervisor's `CLOSE_LIMIT`
_log = logging.getLogger("hub.engine.fused")


class _Company(NamedTuple):
    """Who is read for, at one moment: the transactions of one company are no other's."""

    number: int
    members: tuple[Membership, ...]


class FusedReader:
    """Reads topics for several routes at once.

    Args:
        open_consumer: gives a consumer without a group.
        open_writer: gives what writes the transactions.
    """

    def __init__(
        self, open_consumer: Callable[[], AIOKafkaConsumer], open_writer: Callable[[], TransactionWriter]
    ) -> None:
        self._open_consumer = open_consumer
        self._open_writer = open_writer
        self._parts: dict[str, Part] = {}
        self._waiting: list[Part] = []
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._mapper = FusedMapper()
        self._number = 0
        self._dirty = False
        self._under_way = False

    @property
    def riding(self) -> list[str]:
        """Names of the routes that are read for together now."""
        return list(self._parts)

    def is_near(self, reader: Reader) -> bool:
        """Whether a route stands where the others are, or there are no others."""
        return all(
            abs(position - part.next(at)) <= NEAR
            for at, position in reader.offsets.items()
            for part in self._parts.values()
            if at in part.assigned
        )

    async def ride(self, part: Part) -> None:
        """Has a route be read for, until it is to pause or to end, its group changes, or it has fallen behind.

        Raises:
            HubError: Kafka refuses, or doesn't answer; nothing of the transaction that was open counts.
        """
        self._waiting.append(part)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="fused reader")
        try:
            await asyncio.wait({part.left})
        except asyncio.CancelledError:
            # What is under way for it ends first, and is counted; an end that takes too long goes on without it.
            part.going = True
            await asyncio.wait({part.left}, timeout=_END_LIMIT)
            part.forget()
            raise
        # The last one to leave waits until what was open for all is closed; unless it isn't the last one after all,
        # because another was about to come in.
        while self._task is not None and not self._parts and not self._waiting:
            await asyncio.wait({self._task}, timeout=_LOOK)
        part.left.result()

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            async with AsyncExitStack() as stack:
                self._consumer = await stack.enter_async_context(clients.running(self._open_consumer()))
                fetching.lean(self._consumer)
                writer = self._open_writer()
                stack.push_async_callback(writer.stop)
                await writer.start()
                self._dirty = True
                await self._work(writer)
        except (Exception, asyncio.CancelledError) as raised:  # noqa: BLE001  whoever rides fails with it
            error = raised
        finally:
            self._consumer = None
            self._task = None
            everybody = [*self._parts.values(), *self._waiting]
            self._parts.clear()
            self._waiting.clear()
            for part in everybody:
                part.leave(error)

    async def _work(self, writer: TransactionWriter) -> None:
        async def prepare() -> None:
            for part in list(self._parts.values()):
                try:
                    await part.unit.renew(part.mapper, writer)
                except HubError as error:
                    raise PartFailed(part, error) from error

        async def handle(batches: Batches) -> None:
            await self._mapper.handle(batches, list(self._parts.values()), writer)

        exchange = Exchange(self, writer, handle, prepare)
        while await self._compose(writer):
            committed = False
            try:
                committed = await exchange.turn()
            except PartFailed as failure:
                self._drop(failure.part, failure.cause)
            finally:
                for part in self._parts.values():
                    part.tally.settle(committed)
                # What was read and not committed is read again.
                self._dirty = self._dirty or (self._under_way and not committed)
                self._under_way = False

    async def _compose(self, writer: TransactionWriter) -> bool:
        """Lets routes in and out, between two transactions; whether there are any."""
        for part in list(self._parts.values()):
            try:
                part.reader.check()
            except HubError as error:
                self._drop(part, error)
            else:
                if part.leaving:
                    self._drop(part)
        while self._waiting:
            part = self._waiting.pop(0)
            try:
                await writer.know(part.unit.outputs)
            except HubError as error:
                part.leave(error)
                continue
            if part.going or part.left.done() or not self.is_near(part.reader) or not part.enter():
                part.leave()
                continue
            self._parts[part.unit.name] = part
            self._dirty = True
        if self._dirty and self._parts:
            self._place()
        return bool(self._parts)

    def _drop(self, part: Part, error: BaseException | None = None) -> None:
        self._parts.pop(part.unit.name, None)
        part.leave(error)
        self._dirty = True

    def _place(self) -> None:
        """Reads for those who ride now, from where the first of them stands."""
        assert self._consumer is not None
        starts: dict[TopicPartition, int] = {}
        for part in self._parts.values():
            part.rewind()
            for at in part.assigned:
                starts[at] = min(part.next(at), starts.get(at, part.next(at)))
        if self._consumer.assignment() != starts.keys():
            self._consumer.assign(list(starts))
        for at, offset in starts.items():
            self._consumer.seek(at, offset)
        self._number += 1
        self._dirty = False
        self._mapper.follow()

    def _position(self, at: TopicPartition) -> int | None:
        assert self._consumer is not None
        state = self._consumer._subscription.subscription.assignment.state_value(at)  # noqa: SLF001  position() waits
        return int(state.position) if state is not None and state.has_valid_position else None

    # What an exchange asks of a reader.

    @property
    def membership(self) -> _Company | None:
        """Who rides, and who they are in their groups; None once one of these has changed."""
        members = tuple(part.current for part in self._parts.values())
        return None if None in members else _Company(self._number, members)  # type: ignore[arg-type]  # none is None

    @property
    def is_revoked(self) -> bool:
        """Whether a group takes partitions away."""
        return any(part.reader.is_revoked for part in self._parts.values())

    async def batches(self, *, limit: int, wait: float) -> dict[TopicPartition, list[Any]]:
        """Records, by partition; empty when none came in time."""
        assert self._consumer is not None
        try:
            async with asyncio.timeout(wait + _GRACE):
                found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                    timeout_ms=int(wait * 1000), max_records=limit
                )
                self._under_way = self._under_way or bool(found)
                return found
        except TimeoutError:
            return {}
        except OffsetOutOfRangeError as error:
            # Retention has overtaken somebody. Each finds out by itself what it has lost.
            for part in list(self._parts.values()):
                if part.assigned.intersection(error.args[0]):
                    self._drop(part)
            return {}
        except KafkaError as error:
            raise kafka_error(error) from error

    def settlements(
        self, offsets: Mapping[TopicPartition, int], company: _Company
    ) -> list[tuple[dict[TopicPartition, OffsetAndMetadata], Membership]]:
        """Each route's positions behind what was read, and who may commit them."""
        beyond = {at: max(offset, self._position(at) or 0) for at, offset in offsets.items()}
        return [
            (part.noted(beyond), member) for part, member in zip(self._parts.values(), company.members, strict=True)
        ]

    def committed(self, settled: Sequence[tuple[Noted, Membership]]) -> None:
        """Takes note that positions were committed, as `settlements` gave them."""
        for part, (noted, _) in zip(self._parts.values(), settled, strict=True):
            part.reader.committed([(noted, None)])

    def refuse(self, member: Membership | None) -> None:
        """What was read can't be committed.

        Args:
            member: who can't any more, because its group has gone on without it. Its route goes by itself until it is
                in the group again.
        """
        for part in list(self._parts.values()):
            if member is not None and part.member == member:
                self._drop(part)
                part.reader.refuse(member)
        self.rewind()

    def rewind(self) -> None:
        """What was read since the last commit is read again."""
        self._dirty = True

    def release(self) -> None:
        """The transaction has ended: nothing is under way."""
        for part in self._parts.values():
            part.reader.release()

    async def pass_over(self) -> None:
        """Commits positions behind the marks of transactions, where nothing else has come."""
        assert self._consumer is not None
        offsets = {at: offset for at in self._consumer.assignment() if (offset := self._position(at)) is not None}
        for part in list(self._parts.values()):
            error = await part.pass_over(offsets)
            if error is not None:
                self._drop(part, error)
