"""GitHub's limits, as the connector brings them: one budget for all that name the service."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from aiohttp import web

from connectors.github.config import ApiConfig
from connectors.github.tests.described import description
from connectors.github.tests.reading import World, delivery, outcome
from hub.sdk import NotConnected
from hub.services import HttpService


@pytest.fixture(autouse=True)
async def _defaults(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The service as it is where a schema file says nothing; the limit starts anew an hour from now."""
    description()  # reading it takes a second, in which nothing would be answered
    world.api.reset = world.clock.time.timestamp() + 3600
    async with HttpService("github", ApiConfig(base_url=world.api.url)) as service:
        monkeypatch.setattr(world, "service", service)
        yield


async def test_writes_of_all_sinks_are_a_second_apart(world: World) -> None:
    """GitHub asks for that; reads don't wait for it."""
    went: list[tuple[float, str]] = []

    def note(request: web.Request) -> None:
        went.append((time.monotonic(), request.method))

    world.api.interceptor = note
    issue = world.sink("issue", title="It burns")
    comment = world.sink("comment", number=1, body="It burns", key="one")
    both = issue.write([delivery("a")]), comment.write([delivery("b")])
    await asyncio.gather(*both, world.reader("releases").poll())
    await comment.write([delivery("c")])  # the same text: there is nothing to write
    await world.sink("comment", number=1, body="It is out", key="one").write([delivery("d")])
    writes = [at for at, method in went if method != "GET"]
    assert len(writes) == 3
    assert all(later - earlier >= 0.99 for earlier, later in pairwise(writes))
    began = min(at for at, _ in went)
    assert sum(at - began < 0.9 for at, method in went if method == "GET") >= 3


async def test_what_one_learns_of_the_limit_holds_for_all(world: World) -> None:
    """Used up by a source, it pauses another source and a sink, without another request."""
    world.api.remaining = 1
    await world.reader("releases").poll()
    asked = len(world.api.asked)
    with pytest.raises(NotConnected) as paused:
        await world.reader("issues").poll()
    for signal in (paused.value, await outcome(world.sink("comment", number=1, body="x"), delivery())):
        assert isinstance(signal, NotConnected)
        assert (signal.retry_after or 0) > 3000
    assert len(world.api.asked) == asked


async def test_the_last_half_of_the_limit_is_spread(world: World) -> None:
    """So that nobody waits for the whole rest of the hour."""
    world.api.remaining = 100
    await world.reader("releases").poll()
    (state,) = [each for each in world.service.limits() if each.name == "core"]
    assert state.remaining == 99
    assert state.wait == pytest.approx(3600 / 100, rel=0.1)


async def test_a_schema_file_can_take_the_limits_away() -> None:
    """Or put others in their place."""
    assert ApiConfig.model_validate({"rate_limit": None}).rate_limit is None
    own = ApiConfig.model_validate({"rate_limit": {"count": 15_000, "interval": "1h"}}).rate_limit
    assert own is not None
    assert (own.count, own.endpoints) == (15_000, [])
