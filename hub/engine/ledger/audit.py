"""The ledgers of a deployment, read from Kafka alone: whether every event that its units received is accounted for.

What became of events stands with the units' positions (see `accounts`), and what lies behind these waits. So a unit's
ledger can be read while it runs and when nothing does. Offsets are not events: transactions leave marks on the
log, and what was aborted lies there, too. So what waits is counted by reading it, up to `COUNTED` offsets of a
partition; of more, only the upper bound is told, unless all is to be counted.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from hub.deployment import Deployment, RouteSpec, SinkSpec
from hub.engine.dlq.backlog import Backlog
from hub.engine.ledger.accounts import Counts
from hub.engine.reading.absence import absent
from hub.engine.reading.frontier import Ranges, decode
from hub.engine.reading.lag import LITTLE, LOOK_LIMIT, first_of
from hub.engine.reading.retention import Kept, outlook
from hub.engine.sources.cursors import CursorStore
from hub.engine.status import Report, read_reports
from hub.kafka import clients, groups, names, topics
from hub.kafka.settings import KafkaSettings
from hub.sdk import PollingSource

COUNTED = 20_000
"""Offsets of a partition that are read to count the events that wait there."""


@dataclass
class Account:
    """A unit's ledger.

    Attributes:
        unit, kind: whose.
        counts: what became of the events that it took.
        waiting: events on its topics that it hasn't settled.
        at_most: whether ``waiting`` is an upper bound.
        oldest: when the oldest of them was made, in seconds since 1970, where that was looked at.
        recounted: events that lie on its topics and were settled, where they were counted anew.
        note: what is to be known about it, for people.
        problems: what doesn't add up.
        warnings: what will be lost if nobody does anything.
    """

    unit: str
    kind: str
    counts: Counts = field(default_factory=Counts)
    waiting: int = 0
    at_most: bool = False
    oldest: float | None = None
    recounted: int | None = None
    note: str = ""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def received(self) -> int:
        """Events that were taken, and those that wait."""
        return self.counts.taken + self.waiting

    @property
    def balanced(self) -> bool:
        """Whether everything adds up."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "unit": self.unit,
            "kind": self.kind,
            "received": self.received,
            "delivered": self.counts.delivered,
            "filtered": dict(self.counts.filtered),
            "dead_lettered": dict(self.counts.dead_lettered),
            "in_flight": self.waiting,
            "in_flight_at_most": self.at_most,
            "oldest": self.oldest,
            "replayed": self.counts.replayed,
            "recounted": self.recounted,
            "balanced": self.balanced,
            "note": self.note or None,
            "problems": self.problems,
            "warnings": self.warnings,
        }


@dataclass(frozen=True)
class _Stand:
    """Where a unit stands on a partition.

    Attributes:
        position: the lowest offset that isn't settled.
        beyond: offsets from there on that are.
        counts: the partition's account.
    """

    position: int
    beyond: Ranges
    counts: Counts

    @classmethod
    def of(cls, found: OffsetAndMetadata) -> _Stand:
        counts = Counts.of_note(found.metadata or "")
        return cls(found.offset, decode(found.metadata or "", found.offset), counts or Counts(found.offset))


async def audit(settings: KafkaSettings, deployment: Deployment, *, count: bool = False) -> list[Account]:
    """The ledger of every unit.

    Args:
        settings: how to reach Kafka.
        deployment: whose units.
        count: whether all events that lie on the topics are counted anew, those that were settled, too.

    Raises:
        HubError: Kafka's.
    """
    reading: list[RouteSpec | SinkSpec] = [*deployment.routes.values(), *deployment.sinks.values()]
    # The positions first: what is settled meanwhile is counted as waiting, and nothing is missed.
    found = await _positions(settings, deployment.name, [spec.name for spec in reading])
    books = {spec.name: {at: _Stand.of(each) for at, each in found.get(spec.name, {}).items()} for spec in reading}
    accounts = await _sources(settings, deployment)
    absences = {each.unit: each for each in await absent(settings, deployment)}
    async with Backlog(settings, {topic for spec in reading for topic in (*spec.inputs, spec.inbox)}) as backlog:
        described = await topics.describe_topics(settings, sorted({at.topic for at in backlog.ends}))
        compacted = {name for name, each in described.items() if "compact" in each.config.get("cleanup.policy", "")}
        kept = {name: Kept.of(each.config) for name, each in described.items()}
        census = _Census(backlog, books.values(), compacted, count=count)
        await census.take()
        for spec in reading:
            account = _account(spec, books[spec.name], census)
            accounts.append(account)
            await _warn(settings, account, books[spec.name], census, kept)
            if (absence := absences.get(spec.name)) and absence.near:
                account.warnings.append(str(absence))
    return accounts


class _Census:
    """Counts events between the offsets that matter, reading each partition once for all units."""

    def __init__(
        self,
        backlog: Backlog,
        books: Iterable[Mapping[TopicPartition, _Stand]],
        compacted: Collection[str],
        *,
        count: bool,
    ) -> None:
        self.backlog = backlog
        self._compacted = compacted
        self._cuts: dict[TopicPartition, list[int]] = {}
        self._numbers: dict[TopicPartition, list[int]] = {}
        self._first: dict[TopicPartition, list[float | None]] = {}
        self._beyond: dict[TopicPartition, list[tuple[Ranges, int]]] = {}
        wanted: dict[TopicPartition, set[int]] = {}
        for book in books:
            for at, stand in book.items():
                end = backlog.ends.get(at)
                if end is None:
                    continue
                cuts = wanted.setdefault(at, set())
                if end - stand.position <= COUNTED or count:
                    cuts.add(max(stand.position, backlog.beginnings[at]))
                origin = stand.counts.origin
                if count and origin is not None:
                    cuts.add(max(origin, backlog.beginnings[at]))
        for at, cuts in wanted.items():
            if cuts:
                self._cuts[at] = sorted(cuts)
                self._numbers[at] = [0] * len(cuts)
                self._first[at] = [None] * len(cuts)

    async def take(self) -> None:
        """Reads what is to be counted."""
        backlog = self.backlog
        backlog.starts = {at: self._cuts[at][0] if at in self._cuts else end for at, end in backlog.ends.items()}
        async for records in backlog.batches():
            at = TopicPartition(records[0].topic, records[0].partition)
            cuts, numbers, first = self._cuts[at], self._numbers[at], self._first[at]
            for record in records:
                index = bisect_right(cuts, record.offset) - 1
                numbers[index] += 1
                if first[index] is None:
                    first[index] = record.timestamp / 1000

    def between(self, at: TopicPartition, start: int, end: int | None = None) -> int | None:
        """Events from one cut up to another, or to the end; None where they weren't counted."""
        cuts = self._cuts.get(at, [])
        start = max(start, self.backlog.beginnings[at])
        if start not in cuts or (end is not None and end not in cuts):
            return None
        return sum(self._numbers[at][cuts.index(start) : None if end is None else cuts.index(end)])

    def counted(self, at: TopicPartition, start: int) -> bool:
        """Whether a cut was made there."""
        return max(start, self.backlog.beginnings[at]) in self._cuts.get(at, ())

    def first(self, at: TopicPartition, start: int) -> float | None:
        """When the first event from a cut on was made; None where there is none."""
        index = self._cuts[at].index(max(start, self.backlog.beginnings[at]))
        return next((each for each in self._first[at][index:] if each is not None), None)

    def settled(self, at: TopicPartition, stand: _Stand) -> int | None:
        """Events that lie on a partition and were settled; None where not all of them lie there any more."""
        origin = stand.counts.origin
        if origin is None or origin < self.backlog.beginnings[at] or at.topic in self._compacted:
            return None
        if stand.position < origin:
            return None
        number = self.between(at, origin, stand.position)
        return None if number is None else number + len(stand.beyond)


def _account(spec: RouteSpec | SinkSpec, book: Mapping[TopicPartition, _Stand], census: _Census) -> Account:
    account = Account(spec.name, spec.kind)
    backlog = census.backlog
    mine = [at for at in backlog.ends if at.topic in (*spec.inputs, spec.inbox)]
    if not book:
        account.note = "it has not run yet, or its group was forgotten"
        return account
    for at in book.keys() - set(mine):
        account.counts.add(book[at].counts)  # of a topic that it doesn't read any more
    recounted: list[int | None] = []
    for at in sorted(mine):
        stand = book.get(at)
        if stand is None:
            # A partition that was added and that no worker has seen yet: all of it waits.
            account.waiting += backlog.ends[at] - backlog.beginnings[at]
            account.at_most |= backlog.ends[at] > backlog.beginnings[at]
            continue
        account.counts.add(stand.counts)
        _wait(account, at, stand, census)
        account.problems += _problems(at, stand, census)
        if (settled := census.settled(at, stand)) is not None or stand.counts.taken:
            recounted.append(settled)
    if recounted and None not in recounted:
        account.recounted = sum(each or 0 for each in recounted)
    return account


def _wait(account: Account, at: TopicPartition, stand: _Stand, census: _Census) -> None:
    backlog = census.backlog
    waiting = census.between(at, stand.position)
    if waiting is None:
        waiting = max(0, backlog.ends[at] - max(stand.position, backlog.beginnings[at]))
        account.at_most |= waiting > 0
    account.waiting += max(0, waiting - len(stand.beyond))


async def _warn(
    settings: KafkaSettings,
    account: Account,
    book: Mapping[TopicPartition, _Stand],
    census: _Census,
    kept: Mapping[str, Kept],
) -> None:
    """Whether retention is near what waits."""
    backlog = census.backlog
    waiting = {at: stand.position for at, stand in book.items() if stand.position < backlog.ends.get(at, 0)}
    made = {at: census.first(at, position) for at, position in waiting.items() if census.counted(at, position)}
    # Of what is too much to be counted, the oldest is looked at: it is there that retention may be near.
    rest = {at: max(position, backlog.beginnings[at]) for at, position in waiting.items() if at not in made}
    if rest:
        async with clients.running(clients.consumer(settings, max_partition_fetch_bytes=LITTLE)) as looker:
            looker.assign(list(rest))
            for at, position in rest.items():
                looker.seek(at, position)
            found = await first_of(looker, {at: backlog.ends[at] for at in rest}, LOOK_LIMIT)
        made |= {at: None if each is None else each / 1000 for at, each in found.items()}
    times = {at: each for at, each in made.items() if each is not None}
    account.oldest = min(times.values(), default=None)
    ages = {at: max(0.0, time.time() - each) for at, each in times.items()}
    spans = {at: (backlog.beginnings[at], waiting[at], backlog.ends[at]) for at in ages}
    if alarm := outlook(kept, ages, spans).alarm:
        account.warnings.append(alarm)


def _problems(at: TopicPartition, stand: _Stand, census: _Census) -> list[str]:
    """What doesn't add up on a partition."""
    counts, backlog, problems = stand.counts, census.backlog, []
    where = f"{at.topic}-{at.partition}"
    if counts.taken != counts.settled:
        problems.append(f"{where}: of {counts.taken:,} events that were read, the fate of {counts.settled:,} is noted")
    if stand.position > backlog.ends[at]:
        problems.append(
            f"{where}: the position {stand.position} is past its end {backlog.ends[at]}: the topic was made anew, or "
            "has lost data"
        )
        return problems
    if stand.position < backlog.beginnings[at]:
        lost = backlog.beginnings[at] - stand.position
        problems.append(f"{where}: retention has deleted up to {lost:,} events that were not read")
    read = counts.taken - len(stand.beyond)
    if counts.origin is not None and read > stand.position - counts.origin:
        span = stand.position - counts.origin
        problems.append(f"{where}: {read:,} events were counted, and no more than {span:,} were there")
    settled = census.settled(at, stand)
    if settled is not None and settled != counts.taken:
        problems.append(f"{where}: {counts.taken:,} events were counted, and {settled:,} lie there")
    return problems


async def _sources(settings: KafkaSettings, deployment: Deployment) -> list[Account]:
    there = await topics.describe_topics(settings, [names.cursors(deployment.name), names.status(deployment.name)])
    accounts: list[Account] = []
    reports: Sequence[Report] = ()
    if names.status(deployment.name) in there:
        reports = await read_reports(settings, deployment.name)
    store = CursorStore(settings, deployment.name)
    polling = names.cursors(deployment.name) in there
    if polling:
        await store.start()
    try:
        for name, spec in deployment.sources.items():
            if issubclass(spec.cls, PollingSource):
                stored = await store.account(name) if polling else None
                accounts.append(_polled(name, None if stored is None else stored.counts, ran=stored is not None))
            else:
                accounts.append(_sent(name, reports))
    finally:
        if polling:
            await store.stop()
    return accounts


def _polled(name: str, counts: Counts | None, *, ran: bool) -> Account:
    account = Account(name, "source", counts or Counts())
    if not ran:
        account.note = "it has not run yet"
    elif counts is None:
        account.note = "its cursor was stored by a version that didn't count"
    elif counts.taken != counts.settled:
        account.problems.append(f"of {counts.taken:,} events that came, the fate of {counts.settled:,} is noted")
    return account


def _sent(name: str, reports: Iterable[Report]) -> Account:
    """What a webhook source has received; it has no transactions, so its workers' own figures are all there is."""
    account = Account(name, "source", note="as its workers tell, once a second")
    for report in reports:
        if report.status.unit == name:
            totals = report.settled
            account.counts.taken += totals.received
            account.counts.delivered += totals.delivered
            account.counts.filtered.update(totals.filtered)
            account.counts.dead_lettered.update(totals.dead_lettered)
            account.counts.replayed += totals.replayed
            account.waiting += 0 if report.stale else report.status.totals.in_flight
    return account


async def _positions(
    settings: KafkaSettings, deployment: str, units: Collection[str]
) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
    wanted = {names.group(deployment, unit): unit for unit in units}
    return {wanted[group]: found for group, found in (await groups.positions(settings, wanted)).items()}
