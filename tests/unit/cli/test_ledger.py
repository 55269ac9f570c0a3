"""How `hub ledger` looks: every figure is whole, whatever else there is to say."""

from __future__ import annotations

from hub.cli import ledger
from hub.engine.ledger.accounts import Counts
from hub.engine.ledger.audit import Account


def account(unit: str, taken: int, **filtered: int) -> Account:
    counts = Counts(0)
    counts.taken = taken
    counts.filtered.update(filtered)
    counts.delivered = taken - sum(filtered.values())
    return Account(unit, "route", counts)


def test_remarks_stand_beside_their_unit_where_there_is_room(capsys):
    """One line for each unit."""
    ledger._show([account("orders", 1000, where=10), account("bills", 5)])
    heading, orders, bills, verdict = capsys.readouterr().out.splitlines()
    assert heading.split() == ["unit", "received", "delivered", "filtered", "dead", "in", "flight"]
    assert orders.split() == ["orders", "1,000", "990", "10", "0", "0", "where", "10"]
    assert bills.split() == ["bills", "5", "5", "0", "0", "0"]
    assert verdict == "everything adds up"


def test_remarks_stand_below_the_figures_where_there_is_none(capsys):
    """Else they would wrap word by word, and figures would be cut off."""
    wide = account("orders_of_all_the_shops_of_the_world", 1_234_567_890, where=1_000_000, switch=1)
    wide.problems.append("orders-0: 9 events were counted, and 10 lie there")
    ledger._show([wide, account("bills", 1_000_000, duplicate=3)])
    _, orders, bills, *rest = capsys.readouterr().out.splitlines()
    assert orders.split()[1:] == ["1,234,567,890", "1,233,567,889", "1,000,001", "0", "0"]
    assert bills.split()[1:] == ["1,000,000", "999,997", "3", "0", "0"]
    assert rest == [
        "orders_of_all_the_shops_of_the_world: does not add up",
        "bills: duplicate 3",
        "orders_of_all_the_shops_of_the_world: orders-0: 9 events were counted, and 10 lie there",
    ]
