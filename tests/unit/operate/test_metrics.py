"""Metrics: what a scrape shows adds up, and no counter ever falls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from hub.engine.ledger.accounts import Counts
from hub.engine.lookups.figures import LookupFigures
from hub.engine.reading.absence import Absence
from hub.engine.unit import State, Unit
from hub.operate.metrics import Metrics


class Counted(Unit):
    kind = "sink"

    def __init__(self, name: str, connector: str = "http") -> None:
        super().__init__(name, flow="", connector=connector)
        self.waiting = 0

    @property
    def lag(self) -> int:
        return self.waiting

    async def run(self) -> None:
        raise NotImplementedError


def scrape(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Samples of units by name, unit, connector and what else labels them."""
    return {
        (sample.name, labels.pop("unit"), labels.pop("connector"), *labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if "unit" in (labels := dict(sample.labels))
    }


def balance(samples: dict[tuple[str, ...], float], unit: str) -> float:
    """Received - returned - every fate; 0 where nothing is unaccounted for."""

    def total(name: str) -> float:
        return sum(value for labels, value in samples.items() if labels[:2] == (name, unit))

    fates = ("hub_delivered_events_total", "hub_filtered_events_total", "hub_dead_lettered_events_total")
    settled = sum(map(total, (*fates, "hub_in_flight_events")))
    return total("hub_received_events_total") - total("hub_returned_events_total") - settled


def test_a_scrape_adds_up():
    """Received, less what was given back, is delivered + filtered + dead-lettered + in flight; lag is in flight."""
    unit = Counted("tasks")
    unit.waiting = 30
    unit.ledger.taken = 20
    unit.ledger.delivered = 10
    unit.ledger.filtered.update(where=3, duplicate=1)
    unit.ledger.dead_lettered.update(Permanent=2)
    unit.ledger.refused.update(signature_mismatch=7)
    samples = scrape(Metrics([unit]))
    assert samples["hub_received_events_total", "tasks", "http"] == 50
    assert samples["hub_in_flight_events", "tasks", "http"] == 34
    assert samples["hub_lag_events", "tasks", "http"] == 30
    assert samples["hub_filtered_events_total", "tasks", "http", "where"] == 3
    assert samples["hub_filtered_events_total", "tasks", "http", "duplicate"] == 1
    assert samples["hub_dead_lettered_events_total", "tasks", "http", "Permanent"] == 2
    assert samples["hub_refused_requests_total", "tasks", "http", "signature_mismatch"] == 7
    assert balance(samples, "tasks") == 0


def test_counters_rise_only_though_a_ledger_gives_back():
    """What a life could not settle is counted as returned, and as received again by the next life."""
    unit = Counted("tasks")
    metrics = Metrics([unit])
    seen = []
    for taken, delivered in ((100, 60), (60, 60), (100, 90), (90, 90), (200, 200)):
        unit.ledger.taken, unit.ledger.delivered = taken, delivered
        samples = scrape(metrics)
        assert balance(samples, "tasks") == 0
        seen.append(
            (
                samples["hub_received_events_total", "tasks", "http"],
                samples["hub_returned_events_total", "tasks", "http"],
            )
        )
    assert seen == [(100, 0), (100, 40), (140, 40), (140, 50), (250, 50)]


def test_each_unit_is_in_one_state():
    """The state is 1 for one state and 0 for the others; a route has no connector."""
    unit = Counted("reviews", connector="")
    unit.enter(State.PAUSED, "by the operator")
    samples = scrape(Metrics([unit, Counted("other")]))
    states = {labels[-1]: value for labels, value in samples.items() if labels[:3] == ("hub_unit_state", "reviews", "")}
    assert states == {"UNASSIGNED": 0, "RUNNING": 0, "PAUSED": 1, "STOPPED": 0, "FAILED": 0}


def test_a_label_may_hold_anything():
    """Quotes and line breaks in a cause are escaped, not broken."""
    unit = Counted("tasks")
    unit.ledger.taken = 1
    unit.ledger.dead_lettered.update({'a"b\nc\\': 1})
    assert scrape(Metrics([unit]))["hub_dead_lettered_events_total", "tasks", "http", 'a"b\nc\\'] == 1


def test_two_hubs_in_a_process_do_not_share_metrics():
    """Each has its own registry."""
    assert not any("b" in labels[1:] for labels in scrape((Metrics([Counted("a")]), Metrics([Counted("b")]))[0]))


class Behind(Counted):
    """A unit that lags, and one whose retention is near; as a source it would have a cursor."""

    lag_seconds = 12.5
    cursor_seconds = 3.0
    retention_seconds = 86_400.0


def test_ages_are_shown_where_there_are_any():
    """Lag in seconds always; the cursor's age and what is left of the retention only of units that have them."""
    samples = scrape(Metrics([Behind("tasks"), Counted("other")]))
    assert samples["hub_lag_seconds", "tasks", "http"] == 12.5
    assert samples["hub_cursor_age_seconds", "tasks", "http"] == 3.0
    assert samples["hub_retention_seconds_left", "tasks", "http"] == 86_400.0
    assert samples["hub_lag_seconds", "other", "http"] == 0
    assert ("hub_cursor_age_seconds", "other", "http") not in samples
    assert ("hub_retention_seconds_left", "other", "http") not in samples


def test_deliveries_are_a_histogram():
    """Buckets are cumulative, a bound is in its own bucket, and what takes longer than all is in the last."""
    unit = Counted("tasks")
    unit.ledger.durations.observe(0.005, 3)
    unit.ledger.durations.observe(0.2)
    unit.ledger.durations.observe(9_000.0, 2)
    samples = scrape(Metrics([unit]))
    assert samples["hub_delivery_seconds_bucket", "tasks", "http", "0.005"] == 3
    assert samples["hub_delivery_seconds_bucket", "tasks", "http", "0.1"] == 3
    assert samples["hub_delivery_seconds_bucket", "tasks", "http", "0.25"] == 4
    assert samples["hub_delivery_seconds_bucket", "tasks", "http", "1800.0"] == 4
    assert samples["hub_delivery_seconds_bucket", "tasks", "http", "+Inf"] == 6
    assert samples["hub_delivery_seconds_count", "tasks", "http"] == 6
    assert samples["hub_delivery_seconds_sum", "tasks", "http"] == 0.015 + 0.2 + 18_000


class Kept(Counted):
    """A unit whose ledger stands with its positions on Kafka."""

    account = Counts()


def test_the_ledger_as_it_is_committed_is_shown_where_there_is_one():
    """What was taken since the first start and what became of it; nothing of units that keep none, or not here."""
    unit = Kept("tasks")
    unit.account.taken = 9
    unit.account.delivered = 4
    unit.account.filtered.update(where=2, split=1)
    unit.account.dead_lettered.update(Permanent=2)
    samples = scrape(Metrics([unit, Counted("other")]))
    settled = {key[-1]: value for key, value in samples.items() if key[0] == "hub_ledger_settled_events"}
    assert settled == {"delivered": 4, "filtered": 3, "dead_lettered": 2}
    assert samples["hub_ledger_taken_events", "tasks", "http"] == sum(settled.values())
    assert ("hub_ledger_taken_events", "other", "http") not in samples


def test_units_that_nobody_runs_are_shown_with_the_time_that_is_left():
    """Until the brokers forget where they stood."""
    absences = [Absence("out", datetime.now(UTC), timedelta(hours=2), near=True)]
    text = Metrics([], lambda: absences).text().decode()
    assert 'hub_positions_seconds_left{unit="out"} 7200.0' in text


def test_look_ups_are_counted_by_what_answered():
    """Every key is in one of the answers, so that they add up to what was asked."""

    class Looking(Counted):
        def lookups(self):
            figures = {"asked": 15, "found": 6, "missing": 1, "cached": 5, "stale": 2, "fallback": 1, "failed": 1}
            return [LookupFigures(name="issue", calls=4, seconds=0.5, retries=2, kept=3, **figures)]

    samples = scrape(Metrics([Looking("route", connector="")]))
    keys = {label[-2]: value for label, value in samples.items() if label[0] == "hub_lookup_keys_total"}
    assert keys == {"found": 5, "missing": 1, "cached": 5, "stale": 2, "fallback": 1, "failed": 1}
    assert sum(keys.values()) == 15
    assert samples["hub_lookup_calls_total", "route", "", "issue"] == 4
    assert samples["hub_lookup_call_seconds_total", "route", "", "issue"] == 0.5
    assert samples["hub_lookup_kept_answers", "route", "", "issue"] == 3
