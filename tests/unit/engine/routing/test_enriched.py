"""How many records a route takes at once whose look-ups take their time."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from hub.engine.ledger.ledger import Ledger
from hub.engine.routing.enriched import FIRST, GOAL, LEAST, Enriched
from hub.engine.routing.exchange import FETCH
from hub.engine.routing.mapper import TURN

HEADERS = [
    (f"ce_{name}", value) for name, value in (("id", b"1"), ("source", b"/s"), ("type", b"t"), ("specversion", b"1.0"))
]


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


async def test_others_have_their_turn_while_a_batch_is_read() -> None:
    """Contracts cost time: a batch of large events must hold up no other unit."""
    contracts = SimpleNamespace(consumed=lambda _: time.sleep(TURN))

    async def nothing(*_: object) -> bool:
        return True

    unit: Any = SimpleNamespace(ledger=Ledger(), renew=nothing)
    mapper: Any = SimpleNamespace(contracts=contracts, work=SimpleNamespace(program=SimpleNamespace(function=None)))
    reader: Any = SimpleNamespace(accounts=None)
    enrichment: Any = SimpleNamespace(settle=nothing)
    route = Enriched(unit, mapper, reader, reader, enrichment)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    records = [SimpleNamespace(key=None, value=b"{}", headers=HEADERS) for _ in range(4)]
    assert await route._look_up({TopicPartition("in", 0): records})
    beside.cancel()
    assert turns >= len(records)
    assert len(route._prepared[TopicPartition("in", 0)]) == len(records)
