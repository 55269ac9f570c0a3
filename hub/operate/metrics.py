"""Metrics of the units in Prometheus' form, read from their ledgers when somebody asks: counting costs nothing more.

A counter must never fall, but a ledger gives back what a unit took in and could not settle; it will be taken in again.
So ``received`` counts every time that an event was taken in, ``returned`` every time that one was given back, and at
every scrape: received - returned = delivered + filtered + dead_lettered + in_flight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.engine.ledger.ledger import Totals
from hub.engine.reading.absence import Absence
from hub.engine.unit import State, Unit
from hub.operate.services import Infos, ServiceCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LABELS = ("unit", "connector")


class _Plain(NamedTuple):
    """A metric with one value per unit."""

    family: type[CounterMetricFamily | GaugeMetricFamily]
    name: str
    help: str
    value: Callable[[Unit, Totals], float | None]
    """None: there is no such figure of this unit."""


class _Split(NamedTuple):
    """A counter with a value per unit and cause."""

    name: str
    help: str
    label: str
    values: Callable[[Totals], Mapping[str, int]]


_PLAIN = (
    _Plain(
        CounterMetricFamily, "hub_delivered_events", "Events whose effect is acknowledged.", lambda _, t: t.delivered
    ),
    _Plain(
        CounterMetricFamily, "hub_replayed_events", "Received events that came from a replay.", lambda _, t: t.replayed
    ),
    _Plain(CounterMetricFamily, "hub_retries", "Attempts that failed and were made again.", lambda _, t: t.retries),
    _Plain(CounterMetricFamily, "hub_errors", "Lives of the unit that ended in an error.", lambda u, _: u.failures),
    _Plain(
        GaugeMetricFamily,
        "hub_in_flight_events",
        "Events whose fate is open, lag counted in.",
        lambda _, t: t.in_flight,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_unit_generation",
        "Which generation of the deployment the unit runs.",
        lambda u, _: u.generation,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_lag_events",
        "Events that wait on the unit's input topics; marks of transactions may be among them.",
        lambda _, t: t.lag,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_lag_seconds",
        "Age of the oldest event there that isn't settled.",
        lambda u, _: u.lag_seconds,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_cursor_age_seconds",
        "Time since a source's cursor was stored.",
        lambda u, _: u.cursor_seconds,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_poll_interval_seconds",
        "Rest between two polls of a source, as it is now.",
        lambda u, _: u.poll_interval,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_failing_streams",
        "Streams of a source that can't be read while others are.",
        lambda u, _: u.failing_streams,
    ),
    _Plain(
        GaugeMetricFamily,
        "hub_retention_seconds_left",
        "Time until retention may delete the oldest event that isn't settled; all of it where none waits.",
        lambda u, _: u.retention_seconds,
    ),
)
_SPLIT = (
    _Split("hub_filtered_events", "Events not wanted, by reason.", "reason", lambda t: t.filtered),
    _Split("hub_dead_lettered_events", "Events that went to the DLQ, by error.", "error", lambda t: t.dead_lettered),
    _Split(
        "hub_refused_requests", "Requests refused at a webhook; not received events.", "reason", lambda t: t.refused
    ),
)


def _durations(snapshot: Iterable[tuple[Unit, tuple[str, str], Totals]]) -> Metric:
    family = HistogramMetricFamily(
        "hub_delivery_seconds", "Time from taking an event in to the acknowledgement of its effect.", labels=_LABELS
    )
    for unit, labels, _ in snapshot:
        durations = unit.ledger.durations
        sums = accumulate(durations.counts)
        bounds = (*map(str, durations.BOUNDS), "+Inf")
        family.add_metric(labels, list(zip(bounds, sums, strict=True)), durations.sum)
    return family


class _Intake:
    """What a unit took in and gave back, as two counters that only rise."""

    def __init__(self) -> None:
        self.received = 0
        self.returned = 0

    def follow(self, received: int) -> None:
        """Takes over the ledger's present figure."""
        change = received - (self.received - self.returned)
        self.received += max(change, 0)
        self.returned += max(-change, 0)


class UnitCollector(Collector):
    """Collects from the ledgers of units; see https://prometheus.io/docs/instrumenting/writing_exporters/.

    Args:
        units: all units of this process; looked at anew each time.
        absences: gives the units of the deployment that no process runs.
    """

    def __init__(self, units: Iterable[Unit], absences: Callable[[], Iterable[Absence]] = tuple) -> None:
        self._units = units
        self._absences = absences
        self._intakes: defaultdict[str, _Intake] = defaultdict(_Intake)

    def collect(self) -> Iterator[Metric]:
        """One family per metric, with a sample per unit."""
        # All families come from one snapshot, so that they add up.
        snapshot = [(unit, (unit.name, unit.connector), unit.ledger.totals(unit.lag)) for unit in tuple(self._units)]
        yield from self._intake(snapshot)
        for plain in _PLAIN:
            family = plain.family(plain.name, plain.help, labels=_LABELS)
            for unit, labels, totals in snapshot:
                value = plain.value(unit, totals)
                if value is not None:
                    family.add_metric(labels, value)
            yield family
        yield _durations(snapshot)
        for split in _SPLIT:
            counter = CounterMetricFamily(split.name, split.help, labels=(*_LABELS, split.label))
            for _, labels, totals in snapshot:
                for cause, count in split.values(totals).items():
                    counter.add_metric((*labels, cause), count)
            yield counter
        yield from self._contracts()
        yield from self._lookups()
        yield from self._accounts(snapshot)
        yield self._forgetting()
        states = GaugeMetricFamily("hub_unit_state", "1 for the state that the unit is in.", labels=(*_LABELS, "state"))
        for unit, labels, _ in snapshot:
            for state in State:
                states.add_metric((*labels, state), unit.state is state)
        yield states

    def _contracts(self) -> Iterator[Metric]:
        labels = (*_LABELS, "type")
        checked = CounterMetricFamily(
            "hub_contract_checked_events", "Events held against their contract.", labels=labels
        )
        broken = CounterMetricFamily(
            "hub_contract_violations", "Events that broke their contract.", labels=(*labels, "direction")
        )
        new = GaugeMetricFamily("hub_contract_new_fields", "Fields that the contract doesn't know.", labels=labels)
        for unit in self._units:
            for status in unit.contracts.statuses() if unit.contracts else ():
                values = (unit.name, unit.connector, status.type)
                checked.add_metric(values, status.checked)
                for direction, number in status.violations.items():
                    broken.add_metric((*values, direction), number)
                new.add_metric(values, len(status.new_fields) + status.more_fields)
        yield from (checked, broken, new)

    def _lookups(self) -> Iterator[Metric]:
        labels = (*_LABELS, "lookup")
        keys = CounterMetricFamily(
            "hub_lookup_keys", "Keys that routes looked up, by what answered.", labels=(*labels, "answer")
        )
        calls = CounterMetricFamily("hub_lookup_calls", "Calls of look-ups.", labels=labels)
        seconds = CounterMetricFamily("hub_lookup_call_seconds", "Seconds that they took, all together.", labels=labels)
        retries = CounterMetricFamily("hub_lookup_retries", "Keys that were asked for again.", labels=labels)
        kept = GaugeMetricFamily("hub_lookup_kept_answers", "Answers that are kept now.", labels=labels)
        for unit in self._units:
            for each in unit.lookups():
                values = (unit.name, unit.connector, each.name)
                for answer, number in each.answers.items():
                    keys.add_metric((*values, answer), number)
                calls.add_metric(values, each.calls)
                seconds.add_metric(values, each.seconds)
                retries.add_metric(values, each.retries)
                kept.add_metric(values, each.kept)
        yield from (keys, calls, seconds, retries, kept)

    def _accounts(self, snapshot: Iterable[tuple[Unit, tuple[str, str], Totals]]) -> Iterator[Metric]:
        """The ledger as it is committed: exact over restarts, and the sum over all workers is the unit's."""
        taken = GaugeMetricFamily(
            "hub_ledger_taken_events",
            "Events read since the unit's first start, as committed with the positions that this worker has.",
            labels=_LABELS,
        )
        settled = GaugeMetricFamily(
            "hub_ledger_settled_events", "What became of them; as many as were taken.", labels=(*_LABELS, "fate")
        )
        for unit, labels, _ in snapshot:
            account = unit.account
            if account is not None:
                taken.add_metric(labels, account.taken)
                settled.add_metric((*labels, "delivered"), account.delivered)
                settled.add_metric((*labels, "filtered"), account.filtered.total())
                settled.add_metric((*labels, "dead_lettered"), account.dead_lettered.total())
        yield taken
        yield settled

    def _forgetting(self) -> Metric:
        left = GaugeMetricFamily(
            "hub_positions_seconds_left",
            "Time until the brokers forget where a unit stood that no worker runs; below 0 where they may have.",
            labels=("unit",),
        )
        for each in self._absences():
            left.add_metric((each.unit,), each.left.total_seconds())
        return left

    def _intake(self, snapshot: Iterable[tuple[Unit, tuple[str, str], Totals]]) -> Iterator[Metric]:
        received = CounterMetricFamily(
            "hub_received_events", "Times that an event was taken in, lag counted in.", labels=_LABELS
        )
        returned = CounterMetricFamily(
            "hub_returned_events", "Times that an event was given back unsettled, to be received again.", labels=_LABELS
        )
        for _, labels, totals in snapshot:
            intake = self._intakes[labels[0]]
            intake.follow(totals.received)
            received.add_metric(labels, intake.received)
            returned.add_metric(labels, intake.returned)
        yield received
        yield returned


class Metrics:
    """Everything that ``/metrics`` shows: the units, the services, and the process itself."""

    def __init__(
        self, units: Iterable[Unit], absences: Callable[[], Iterable[Absence]] = tuple, services: Infos = tuple
    ) -> None:
        # A registry of our own: the library's global one would be shared by every hub in a process.
        self._registry = CollectorRegistry()
        self._registry.register(UnitCollector(units, absences))
        self._registry.register(ServiceCollector(services))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self._registry)
