"""A route that looks something up: it reads for itself, and asks before each transaction begins.

A transaction has a timeout, and far sides take their time: so a batch's answers are gathered first, and then it is
mapped and committed as any other. Nothing is committed for what was read meanwhile, and a rebalance or a stop gives the
batch back; a pause does so before a far side that is down would be asked again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from hub.engine.dlq.outlet import DeadLetterFailed
from hub.engine.ledger.accounts import Counts
from hub.engine.lookups.answers import marked
from hub.engine.lookups.enrichment import Enrichment, Item, Refused
from hub.engine.reading.reader import Reader
from hub.engine.routing.exchange import FETCH, Batches, Exchange
from hub.engine.routing.mapper import TURN, Forms, Mapper, place_of, read
from hub.engine.routing.tally import Tally
from hub.kafka.exactly_once import TransactionWriter
from hub.sdk.errors import ConfigError

if TYPE_CHECKING:
    from hub.engine.routing.route import RouteUnit

FIRST = 100
"""Records of the first batch; then as many as are answered in `GOAL`."""
GOAL = 2.0
"""Seconds that the look-ups of a batch should take: what a rebalance makes us give back, and how late an event may be
because of those behind it."""
LEAST = 10
STAGE = "enrich"
"""Stage of the dead letters of events whose look-up failed."""


class Enriched:
    """Runs a route with look-ups.

    Args:
        unit: the route.
        mapper: what it does with events.
        reader: its consumer.
        writer: of its transactions.
        enrichment: its look-ups.
    """

    def __init__(
        self, unit: RouteUnit, mapper: Mapper, reader: Reader, writer: TransactionWriter, enrichment: Enrichment
    ) -> None:
        self._unit = unit
        self._mapper = mapper
        self._reader = reader
        self._writer = writer
        self._enrichment = enrichment
        self._tally = Tally(unit.ledger, reader.accounts)
        self._forms = Forms()
        self._prepared: dict[TopicPartition, list[Item]] = {}
        self._exchange = Exchange(reader, writer, self._write, _nothing, ahead=self._look_up)
        self._exchange.limit = FIRST

    async def run(self) -> None:
        """Transactions, one after the other, until the unit is to end."""
        while await self._unit.gate():
            committed = False
            try:
                committed = await self._exchange.turn()
            finally:
                self._tally.settle(committed)
                self._enrichment.release()
                self._prepared = {}

    async def _look_up(self, batches: Batches) -> bool:
        """Finds out what is made of each record, before a transaction begins; False where that was interrupted."""
        began = time.monotonic()
        await self._unit.renew(self._mapper, self._writer)
        items: list[Item] = []
        ends = time.monotonic() + TURN
        for at, records in batches.items():
            self._tally.came(len(records))
            prepared = self._prepared[at] = []
            for record in records:
                prepared.append(self._item(record))
                if time.monotonic() > ends:
                    await asyncio.sleep(0)  # others have their turn: contracts cost time, too
                    ends = time.monotonic() + TURN
            items += prepared
        settled = await self._enrichment.settle(items, self._mapper.work.program.function, self._reader)
        if settled:
            self._pace(len(items), time.monotonic() - began)
        return settled

    def _pace(self, items: int, seconds: float) -> None:
        """Takes more next time where a whole batch was answered sooner than it might, fewer where it took longer."""
        limit = self._exchange.limit
        if seconds > GOAL:
            self._exchange.limit = max(LEAST, int(items * GOAL / seconds))
        elif items >= limit:
            possible = int(items * GOAL / max(seconds, 0.001))
            self._exchange.limit = min(FETCH, 2 * limit, max(limit, possible))

    def _item(self, record: Any) -> Item:
        item = Item(record, self._forms.of(record.headers))
        contracts = self._mapper.contracts
        try:
            item.event = read(record, item.form)
            if contracts is not None:
                contracts.consumed(item.event)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is this one event's failure
            item.outcome = error
        return item

    async def _write(self, batches: Batches) -> None:
        """Puts what came of a batch into the transaction."""
        ends = time.monotonic() + TURN
        for at, records in batches.items():
            counts = self._reader.accounts.open(at)
            counts.taken += len(records)
            for item in self._prepared[at]:
                self._settle(at, item, counts)
                if time.monotonic() > ends:
                    await self._writer.push()
                    await asyncio.sleep(0)
                    ends = time.monotonic() + TURN

    def _settle(self, at: TopicPartition, item: Item, counts: Counts) -> None:
        mapper, outcome = self._mapper, item.outcome
        try:
            if isinstance(outcome, str):
                counts.filtered[outcome] += 1
            elif isinstance(outcome, Exception):
                raise outcome
            elif outcome is not None:
                mapper.write(marked(outcome, item.marks), item.record, item.form, place_of(at), self._writer)
                counts.delivered += 1
        except (ConfigError, DeadLetterFailed):
            raise
        except Refused as refused:
            error, attempts = refused.error, max(refused.attempts, 1)
            mapper.bury(at, item.record, error, self._writer, counts, stage=STAGE, attempts=attempts)
        except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
            mapper.bury(at, item.record, error, self._writer, counts)
        counts.replayed += item.form.replayed


async def _nothing() -> None:
    """What a transaction does is settled before it begins."""
