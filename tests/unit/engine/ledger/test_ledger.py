"""The ledger adds up, alone and summed."""

from __future__ import annotations

from hub.engine.ledger.ledger import Ledger, Totals


def test_what_is_open_is_in_flight_and_lag_counts_as_received():
    """Received = delivered + filtered + dead_lettered + in_flight, at any moment."""
    ledger = Ledger()
    ledger.taken += 10
    ledger.delivered += 3
    ledger.filtered["where"] += 2
    ledger.dead_lettered["Permanent"] += 1
    totals = ledger.totals(lag=5)
    assert (totals.received, totals.in_flight, totals.lag) == (15, 9, 5)
    assert totals.balanced


def test_a_ledger_that_does_not_add_up_is_seen():
    """The check can fail."""
    assert not Totals(received=3, delivered=2).balanced


def test_sums_keep_reasons_apart():
    """Reasons and error classes are added one by one."""
    a = Totals(received=3, filtered={"where": 1, "duplicate": 2})
    b = Totals(received=2, filtered={"where": 1}, dead_lettered={"TooLarge": 1})
    both = Totals.sum([a, b])
    assert both.received == 5
    assert both.filtered == {"where": 2, "duplicate": 2}
    assert both.dead_lettered == {"TooLarge": 1}
    assert both.balanced
