"""Polling sources that take turns by a lock in Redis: two deployments that know nothing of each other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hub.engine.runtime import Runtime
from hub.engine.sources.cursors import CursorStore
from hub.engine.unit import State
from hub.kafka.settings import KafkaSettings
from hub.testing.scripted import Script
from hub.testing.servers import redis_server
from tests.integration.engine import running, until

TEXT = """
deployment: {name}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
sources:
  feed:
    use: script.poll
    every: 50ms
    leader: {{ redis: "{redis}", key: {key}, ttl: {ttl} }}
"""


class Site:
    """Deployments of their own, each as if it were on a cluster of its own."""

    def __init__(self, stack: AsyncExitStack, directory: Path, kafka: KafkaSettings, redis: str, key: str) -> None:
        self.stack, self.directory, self.kafka, self.redis, self.key = stack, directory, kafka, redis, key
        self.script = Script()
        self.script.records = [{"n": n, "key": "k"} for n in range(10)]

    async def start(self, name: str, ttl: str = "10s") -> Runtime:
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        text = TEXT.format(name=f"{self.key}-{name}", redis=self.redis, key=self.key, ttl=ttl)
        return await self.stack.enter_async_context(running(directory, self.kafka, text, self.script))

    async def fence(self, name: str) -> int:
        store = CursorStore(self.kafka, f"{self.key}-{name}")
        await store.start()
        try:
            return (await store.account("feed")).fence
        finally:
            await store.stop()


def feed(runtime: Runtime):
    return runtime.supervisor.units["feed"]


def stands_by(runtime: Runtime) -> bool:
    return feed(runtime).state is State.UNASSIGNED and feed(runtime).detail.startswith("standby; ")


def polls(runtime: Runtime) -> bool:
    return feed(runtime).state is State.RUNNING and feed(runtime).cursor == '{"at":10}'


async def test_one_of_two_deployments_polls_and_the_other_follows_when_it_stops(tmp_path, kafka, redis, unique):
    """The token of each is above the one before, and stands beside its cursor."""
    async with AsyncExitStack() as stack:
        site = Site(stack, tmp_path, kafka, redis, unique)
        first = await site.start("a")
        await until(lambda: polls(first))
        second = await site.start("b")
        await until(lambda: stands_by(second) and feed(second).detail.endswith(" polls"))
        assert polls(first)
        await first.supervisor.stop("feed")
        began = asyncio.get_running_loop().time()
        await until(lambda: polls(second))
        assert asyncio.get_running_loop().time() - began < 5
        await first.supervisor.restart("feed")
        await until(lambda: stands_by(first))
        assert await site.fence("a") < await site.fence("b")


async def test_a_redis_that_has_forgotten_its_tokens_is_told_the_last_one(tmp_path, kafka, redis, unique):
    """A source goes on, with a token above the one that stands beside its cursor."""
    async with AsyncExitStack() as stack:
        site = Site(stack, tmp_path, kafka, redis, unique)
        first = await site.start("a")
        await until(lambda: polls(first))
        lock = feed(first)
        await first.supervisor.stop("feed")
        before = await site.fence("a")
        from redis.asyncio import Redis  # noqa: PLC0415  an extra

        client = Redis.from_url(redis)
        await client.delete(f"hub:{{{unique}}}:token")
        await client.aclose()
        site.script.records += [{"n": 10, "key": "k"}]
        await first.supervisor.restart("feed")
        await until(lambda: lock.cursor == '{"at":11}')
        assert await site.fence("a") == before + 1


@pytest.mark.timeout(120)
async def test_without_redis_nobody_polls_and_with_it_one_does_again(tmp_path, kafka, unique):
    """The holder stops by its own clock; its detail says why."""
    async with redis_server(private=True) as server, AsyncExitStack() as stack:
        site = Site(stack, tmp_path, kafka, server.url, unique)
        first = await site.start("a", ttl="2s")
        await until(lambda: polls(first))
        server.kill()
        await until(lambda: stands_by(first) and "Redis" in feed(first).detail)
        await server.start()
        await until(lambda: polls(first))
