"""All look-ups of a route: how an outage is waited out."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hub.engine.lookups.enrichment import Enrichment, Item
from hub.engine.unit import State
from hub.routes.enriching import Ask
from hub.sdk import Event, NotConnected


class Desk:
    """Of a far side that is down."""

    name = "thing"

    def __init__(self, outage: NotConnected) -> None:
        self.outage = outage

    def answer(self, key: bytes) -> None:
        """None yet."""

    async def find(self, keys: Any) -> None:
        raise self.outage


class Unit:
    """Stops as soon as it is said what is waited for."""

    paused = False

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.told = ""

    def enter(self, state: State, detail: str = "") -> None:
        self.told = f"{state}: {detail}"
        self.stopping.set()

    async def either(self, awaitable: Any) -> None:
        awaitable.close()


@pytest.mark.parametrize(("asked", "seconds"), [(None, 5.0), (0.0, 5.0), (7.0, 7.0)])
async def test_a_far_side_that_is_down_is_never_asked_without_pause(monkeypatch, asked, seconds):
    """Also where it says that it may be asked again in 0 s, as by a date that is past: that would be a busy loop."""
    monkeypatch.setattr("hub.engine.lookups.enrichment.backoff", lambda *_, **__: 5.0)
    unit: Any = Unit()
    desk: Any = Desk(NotConnected("down", retry_after=asked))
    item = Item(None, None)
    item.event = Event(type="t", source="/s", id="1", data={})

    def program(_event: Event, ask: Ask) -> str:
        ask([("thing", b"1")])
        return "where"

    reader: Any = SimpleNamespace(revoking=asyncio.Event())
    assert not await Enrichment(unit, [desk]).settle([item], program, reader)
    assert unit.told == f"PAUSED: look-up `thing`: down; trying again in {seconds} s"
