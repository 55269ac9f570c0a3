"""What several routes make of the same records: read once, and held against all predicates in one function."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from hub.engine.dlq.outlet import DeadLetterFailed
from hub.engine.ledger.accounts import Counts
from hub.engine.routing.mapper import TURN, Form, Forms, Work, place_of, read
from hub.engine.routing.part import Part
from hub.kafka.exactly_once import TransactionWriter
from hub.routes.fusion import Fused
from hub.sdk.errors import ConfigError, HubError
from hub.sdk.event import Event

SETTLED = 1.0
"""Seconds for which the same routes must be read for before they are compiled into one function: that takes a while for
many, and at a start they come in one by one."""
_log = logging.getLogger("hub.engine.fused")


class PartFailed(HubError):
    """One of the routes can't go on; the others can, without it.

    Attributes:
        part: the route's part.
        cause: why.
    """

    def __init__(self, part: Part, cause: HubError) -> None:
        super().__init__(str(cause))
        self.part = part
        self.cause = cause


class _Plan(NamedTuple):
    """How a company of routes is mapped.

    Attributes:
        function: those of them that are compiled into one; None where they are not.
        fused: their parts, in the order of the function's results.
        apart: all others.
    """

    function: Fused | None
    fused: tuple[Part, ...]
    apart: tuple[Part, ...]


class FusedMapper:
    """Maps batches for several routes."""

    def __init__(self) -> None:
        self._forms = Forms()
        self._compiled: dict[tuple[Work, ...], Fused | None] = {}
        self._since = time.monotonic()

    def follow(self) -> None:
        """The company has changed."""
        self._compiled.clear()
        self._since = time.monotonic()

    async def handle(
        self, batches: Mapping[TopicPartition, Sequence[Any]], parts: Sequence[Part], writer: TransactionWriter
    ) -> None:
        """Maps batches, and puts what comes of them into the transaction.

        Raises:
            PartFailed: one of the routes can't go on: abort.
        """
        for at, records in batches.items():
            together: list[Part] = []
            for part in parts:
                taken = part.take(at, records) if at in part.assigned else ()
                if len(taken) == len(records):
                    together.append(part)
                elif taken:
                    await _alone(part, at, taken, writer)
            if len(together) == 1:
                await _alone(together[0], at, records, writer)
            elif together:
                plan = await self._plan(together)
                rest = iter(records)
                while not self._map(at, rest, plan, writer):
                    await writer.push()  # no more is held here than came of one turn
                    await asyncio.sleep(0)  # others have their turn

    async def _plan(self, parts: Sequence[Part]) -> _Plan:
        """How these are mapped: in one function, but for those that hold what they read against contracts."""
        alike = tuple(each for each in parts if each.mapper.contracts is None or not each.mapper.contracts.consumes)
        apart = tuple(each for each in parts if each not in alike)
        key = tuple(each.mapper.work for each in alike)
        if key not in self._compiled:
            if len(alike) < 2 or time.monotonic() - self._since < SETTLED:  # noqa: PLR2004  one is nothing to fuse
                return _Plan(None, (), tuple(parts))
            # Beside the event loop: many routes take a while, and heartbeats must not wait.
            self._compiled[key] = await asyncio.to_thread(_fused, key)
            _log.info("%s are read for together", ", ".join(sorted(each.unit.name for each in alike)))
        function = self._compiled[key]
        return _Plan(function, alike, apart) if function else _Plan(None, (), tuple(parts))

    def _map(self, at: TopicPartition, records: Iterator[Any], plan: _Plan, writer: TransactionWriter) -> bool:
        """Maps records for as long as it is our turn; whether that were all."""
        function, fused, forms = plan.function, plan.fused, self._forms.of
        place = place_of(at)
        clock = time.monotonic
        ends = clock() + TURN
        together = [(part, part.reader.accounts.open(at)) for part in fused]
        apart = [(part, part.reader.accounts.open(at)) for part in plan.apart]
        everybody = [*together, *apart]
        seen = [0] * len(together)
        asked, finished = 0, True
        for record in records:
            form = forms(record.headers)
            event = _read(record, form)
            one_by_one = apart
            if isinstance(event, Exception):
                one_by_one = everybody
            elif function is not None:
                asked += 1
                for index, outcome in function(event):
                    seen[index] += 1
                    _settle(fused[index], at, record, outcome, form, place, writer, together[index][1])
            for part, counts in one_by_one:
                _settle(part, at, record, _outcome(part, event), form, place, writer, counts)
            if form.replayed:
                _replayed(everybody)
            if clock() > ends:
                finished = False
                break
        for (_, counts), times in zip(together, seen, strict=True):
            if times != asked:
                counts.filtered["where"] += asked - times
        return finished


def _read(record: Any, form: Form) -> Event | Exception:
    """The event of a record, or why it is none."""
    try:
        return read(record, form)
    except Exception as error:  # noqa: BLE001  it is a dead letter of each route
        return error


def _replayed(everybody: Sequence[tuple[Part, Counts]]) -> None:
    """Counts an event that came back from a dead letter queue."""
    for _, counts in everybody:
        counts.replayed += 1


def _outcome(part: Part, event: Event | Exception) -> Any:
    """What one route makes of an event, or its error."""
    if isinstance(event, Exception):
        return event
    mapper = part.mapper
    try:
        if mapper.contracts is not None:
            mapper.contracts.consumed(event)
        return mapper.work.program.function(event)
    except Exception as error:  # noqa: BLE001  told from what a route makes by `_settle`
        return error


def _settle(
    part: Part,
    at: TopicPartition,
    record: Any,
    outcome: Any,
    form: Form,
    place: bytes,
    writer: TransactionWriter,
    counts: Counts,
) -> None:
    """Puts what a route has made of a record into the transaction: events, a dead letter, or nothing."""
    mapper = part.mapper
    try:
        try:
            if isinstance(outcome, str):
                counts.filtered[outcome] += 1
            elif isinstance(outcome, Exception):
                raise outcome
            else:
                mapper.write(outcome, record, form, place, writer)
                counts.delivered += 1
        except (ConfigError, DeadLetterFailed):
            raise
        except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
            mapper.bury(at, record, error, writer, counts)
    except HubError as error:
        raise PartFailed(part, error) from error


async def _alone(part: Part, at: TopicPartition, records: Sequence[Any], writer: TransactionWriter) -> None:
    """Maps records for one route only."""
    counts = part.reader.accounts.open(at)
    rest = iter(records)
    try:
        while not part.mapper.map(at, rest, writer, counts):
            await writer.push()
            await asyncio.sleep(0)
    except HubError as error:
        raise PartFailed(part, error) from error


def _fused(works: Sequence[Work]) -> Fused | None:
    """Several routes as one function; None where names don't mean the same in all of them."""
    programs = [work.program for work in works]
    scope = programs[0].scope
    if any((each.scope.env, each.scope.tables) != (scope.env, scope.tables) for each in programs):
        return None
    try:
        return Fused([each.route for each in programs], scope)
    except Exception:  # noqa: BLE001  see below
        # Whatever it is. Each of them works by itself, so nothing is lost but time.
        _log.exception("%d routes can't be compiled into one function", len(programs))
        return None
