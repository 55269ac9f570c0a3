"""Routes at work: each batch is mapped, and what comes of it is committed together with its position.

Exactly once: outputs, dead letters and positions are one transaction, see `hub.engine.routing.exchange`. Routes that
read the same topics do it together, see `hub.engine.routing.fused`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from hub.engine.lookups.desk import Desk
from hub.engine.lookups.enrichment import Enrichment
from hub.engine.lookups.figures import LookupFigures
from hub.engine.reading.reader import Reader
from hub.engine.reading.unit import ReadingUnit
from hub.engine.routing.enriched import Enriched
from hub.engine.routing.exchange import Batches, Exchange
from hub.engine.routing.fused import FusedReader
from hub.engine.routing.mapper import Mapper, Work
from hub.engine.routing.part import Part
from hub.engine.routing.tally import Tally
from hub.engine.unit import State
from hub.kafka.exactly_once import TransactionWriter
from hub.routes import Program


class RouteUnit(ReadingUnit[TransactionWriter]):
    """A route.

    Args:
        name: the route's name.
        flow: for people.
        open_reader: gives a fresh consumer for each life.
        open_outlet: gives a fresh way to Kafka for each life.
        compile: gives the compiled route; raises ConfigError.
        targets: each name that the route sends to, and the topic that it means; a sink's is its inbox.
        dlq: topic of its dead letters.
        fused: reads for all routes here that read the same topics; None where there is no other.
        open_desks: gives its look-ups afresh for each life; None where it has none. Such a route reads for itself.
    """

    kind = "route"

    def __init__(
        self,
        name: str,
        *,
        flow: str,
        open_reader: Callable[[], Reader],
        open_outlet: Callable[[], TransactionWriter],
        compile: Callable[[], Program],  # noqa: A002  the design's word
        targets: Mapping[str, str],
        dlq: str,
        fused: FusedReader | None = None,
        open_desks: Callable[[], Sequence[Desk]] | None = None,
    ) -> None:
        super().__init__(name, flow=flow, open_reader=open_reader, open_outlet=open_outlet)
        self._compile = compile
        self._targets = dict(targets)
        self._dlq = dlq
        self._next: Work
        self.fused = fused
        self._open_desks = open_desks
        self._enrichment: Enrichment | None = None

    async def run(self) -> None:
        """Reads, maps, publishes and commits until it is stopped."""
        self._next = Work(self._compile(), self._targets)
        mapper = Mapper(self.name, self._dlq, self._next)
        async with self.reading() as (reader, writer):
            reader.lean()
            self.enter(State.RUNNING)
            if self._open_desks is not None:
                await self._enriched(reader, writer, mapper, self._open_desks())
                return
            while await self.gate():
                await self._alone(reader, writer, mapper)
                if self.fused is not None and not self.stopping.is_set():
                    await self.fused.ride(Part(self, mapper, reader))
                    reader.rewind()

    async def _alone(self, reader: Reader, writer: TransactionWriter, mapper: Mapper) -> None:
        """Transactions of its own, one at least, until it is to end or one that others may read for.

        A route that can't work fails here, by itself, before it takes others along.
        """
        tally = Tally(self.ledger, reader.accounts)

        async def prepare() -> None:
            await self.renew(mapper, writer)

        async def handle(batches: Batches) -> None:
            for at, records in batches.items():
                tally.came(len(records))
                counts = reader.accounts.open(at)
                counts.taken += len(records)
                rest = iter(records)
                while not mapper.map(at, rest, writer, counts):
                    await writer.push()  # no more is held here than came of one turn
                    await asyncio.sleep(0)  # others have their turn

        exchange = Exchange(reader, writer, handle, prepare)
        while await self.gate():
            committed = False
            try:
                committed = await exchange.turn()
            finally:
                tally.settle(committed)
            if self.fused is not None and self.fused.is_near(reader):
                return

    async def _enriched(self, reader: Reader, writer: TransactionWriter, mapper: Mapper, desks: Sequence[Desk]) -> None:
        """Transactions of its own, each after what it needs was looked up."""
        former, self._enrichment = self._enrichment, Enrichment(self, desks)
        if former is not None:
            self._enrichment.follow(former)
        try:
            await Enriched(self, mapper, reader, writer, self._enrichment).run()
        finally:
            await self._enrichment.close()

    @property
    def enriches(self) -> bool:
        """Whether it looks anything up, and so reads for itself."""
        return self._open_desks is not None

    def lookups(self) -> list[LookupFigures]:
        """What its look-ups have done."""
        return self._enrichment.figures if self._enrichment is not None else []

    async def renew(self, mapper: Mapper, writer: TransactionWriter) -> None:
        """Takes over what was given by `swap`: between two transactions.

        Raises:
            HubError: a topic that it now sends to isn't there, or Kafka can't be reached.
        """
        mapper.contracts = self.contracts
        if self._next is not mapper.work:
            await writer.know(self._next.targets.values())
            mapper.work = self._next

    @property
    def read_with(self) -> list[str]:
        """Names of the routes that are read for together with this one now; none while it reads by itself."""
        riding = self.fused.riding if self.fused is not None else []
        return [name for name in riding if name != self.name] if self.name in riding else []

    @property
    def outputs(self) -> list[str]:
        """The topics that it writes to."""
        return [*self._next.targets.values(), self._dlq]

    def swap(self, program: Program, *, compile: Callable[[], Program], targets: Mapping[str, str], flow: str) -> None:  # noqa: A002  the design's word
        """Does another thing from the next transaction on: the one under way is finished as it was begun.

        Args:
            program: the route compiled anew.
            compile: gives it again, for the unit's next life.
            targets: see the class.
            flow: for people.
        """
        self._compile, self._targets, self.flow = compile, dict(targets), flow
        self._next = Work(program, self._targets)
