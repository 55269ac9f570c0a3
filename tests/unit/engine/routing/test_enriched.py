"""How many records a route takes at once whose look-ups take their time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hub.engine.ledger.ledger import Ledger
from hub.engine.routing.enriched import FIRST, GOAL, LEAST, Enriched
from hub.engine.routing.exchange import FETCH


@pytest.fixture
def route() -> Enriched:
    anything: Any = SimpleNamespace(ledger=Ledger(), accounts=None)
    return Enriched(anything, anything, anything, anything, anything)


def after(route: Enriched, *batches: tuple[int, float]) -> int:
    for items, seconds in batches:
        route._pace(items, seconds)
    return route._exchange.limit


def test_whole_batches_grow_while_they_are_answered_in_time(route: Enriched) -> None:
    """Twice as many each time, up to what is ever handled in one go."""
    assert after(route, (FIRST, 0.1)) == 2 * FIRST
    assert after(route, *[(route._exchange.limit * 2**n, 0.1) for n in range(10)]) == FETCH


def test_few_events_change_nothing(route: Enriched) -> None:
    """How long one takes says little of many."""
    assert after(route, (1, 0.5), (3, 0.001)) == FIRST


def test_what_took_too_long_is_less_next_time(route: Enriched) -> None:
    """As many as can be answered in good time, and never too few to share calls."""
    assert after(route, (100, 10 * GOAL)) == LEAST
    assert after(route, (FETCH, 4 * GOAL)) == FETCH // 4


def test_it_does_not_grow_beyond_what_can_be_answered(route: Enriched) -> None:
    """At 60 a second, 120 in two seconds."""
    assert after(route, (FIRST, FIRST / 60)) == 120
