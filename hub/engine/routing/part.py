"""A route's part in a fused reader."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from hub.engine.ledger.accounts import Accounts
from hub.engine.ledger.ledger import Ledger
from hub.engine.reading.reader import Reader
from hub.engine.routing.mapper import Mapper
from hub.engine.routing.tally import Tally
from hub.kafka.exactly_once import Membership
from hub.sdk.errors import HubError

if TYPE_CHECKING:
    from hub.engine.routing.route import RouteUnit

_offset = attrgetter("offset")


class Part:
    """One route among those that are read for together.

    It stays a member of its own consumer group, with its own positions and its own ledger; only its records come from
    elsewhere, and its consumer reads nothing meanwhile.

    Args:
        unit: the route.
        mapper: what it does.
        reader: its consumer.

    Attributes:
        left: done when it has left; raises what it failed with.
        assigned: its partitions, as of when it came in.
        member: who it was in its group then.
        going: whether it was told to leave.
    """

    def __init__(self, unit: RouteUnit, mapper: Mapper, reader: Reader) -> None:
        self.unit = unit
        self.mapper = mapper
        self.reader = reader
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.assigned: frozenset[TopicPartition] = frozenset()
        self.member: Membership | None = None
        self.going = False
        self.tally = Tally(unit.ledger, reader.accounts)
        self._next: dict[TopicPartition, int] = {}

    def enter(self) -> bool:
        """Comes in, with its committed positions; False where it has none now, because its group changes."""
        self.member = self.reader.membership
        self.assigned = self.reader.assigned
        positions = self.reader.offsets
        if self.member is None or not self.assigned or self.assigned != positions.keys():
            return False
        self.reader.hold(self.assigned)
        self.reader.follow(positions)  # lets go of what it has fetched ahead
        self._next = dict(positions)
        return True

    @property
    def current(self) -> Membership | None:
        """Who it is in its group; None where that has changed since it came in."""
        member = self.reader.membership
        return member if member == self.member and self.reader.assigned == self.assigned else None

    @property
    def leaving(self) -> bool:
        """Whether it is to pause, to end, or to be assigned anew."""
        unit = self.unit
        return (
            self.going
            or self.left.done()
            or unit.paused
            or unit.stopping.is_set()
            or self.reader.revoking.is_set()
            or self.current is None
        )

    def leave(self, error: BaseException | None = None) -> None:
        """Goes on by itself, or fails."""
        self.tally.settle(committed=False)
        self.reader.release()
        if not self.left.done():
            if error is None:
                self.left.set_result(None)
            else:
                self.left.set_exception(error)

    def forget(self) -> None:
        """Its unit has ended, and nobody waits for what is still under way: that is nobody's account."""
        if not self.left.done():
            self.tally = Tally(Ledger(), Accounts())
            self.left.cancel()

    def next(self, at: TopicPartition) -> int:
        """Offset of the next record that it hasn't seen."""
        return self._next[at]

    def rewind(self) -> None:
        """Stands again at its committed positions: what it has seen since counts for nothing."""
        self._next = dict(self.reader.offsets)

    def take(self, at: TopicPartition, records: Sequence[Any]) -> Sequence[Any]:
        """Takes in those of a batch that it hasn't seen; gives them."""
        position = self._next[at]
        if records[0].offset < position:
            records = records[bisect_left(records, position, key=_offset) :]
        if records:
            self._next[at] = records[-1].offset + 1
            self.reader.took({at: records})
            self.tally.came(len(records))
            self.reader.accounts.open(at).taken += len(records)
        return records

    def noted(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Its positions as they are committed: of partitions of which it has taken in something.

        Args:
            offsets: where the one who reads for it stands.
        """
        self.follow(offsets)
        done = self.reader.offsets
        return self.reader.noted({at: self._next[at] for at in offsets if self._next.get(at, 0) > done.get(at, 0)})

    def follow(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Has its own consumer stand where the one stands who reads for it, unless it is ahead of that."""
        self.reader.follow({at: offset for at, offset in offsets.items() if offset >= self._next.get(at, offset + 1)})

    async def pass_over(self, offsets: Mapping[TopicPartition, int]) -> HubError | None:
        """Commits positions behind the marks of transactions, where nothing else has come; gives what it fails with."""
        self.follow(offsets)
        try:
            await self.reader.pass_over()
        except HubError as error:
            return error
        return None
