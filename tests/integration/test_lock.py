"""The lock in Redis, on a real Redis."""

from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from hub.deployment.model import LeaderSection
from hub.engine.sources.lock import RedisLock
from hub.sdk import ConfigError, NotConnected
from hub.testing.servers import redis_server
from tests.integration.engine import until


def lock(url: str, key: str, name: str, ttl: str = "10s") -> RedisLock:
    return RedisLock(LeaderSection(redis=SecretStr(url), ttl=ttl), key=key, name=name)


async def test_one_has_it_and_others_hear_who(redis, unique):
    """Each holder's token is above all before; whoever gives it back can be followed at once."""
    first, second = lock(redis, unique, "first"), lock(redis, unique, "second")
    try:
        assert await first.take() == (1, "first")
        assert await second.take() == (0, "first")
        assert await first.held()
        assert not await second.held()
        await first.release()
        assert first.lost.is_set()
        assert await second.take() == (2, "second")
        assert await first.take() == (0, "second")
    finally:
        await first.close()
        await second.close()


async def test_of_many_at_once_one_gets_it(redis, unique):
    """Taking it is one step on the server."""
    locks = [lock(redis, unique, str(number)) for number in range(20)]
    try:
        tokens = [attempt.token for attempt in await asyncio.gather(*(each.take() for each in locks))]
        assert sorted(tokens)[-2:] == [0, 1]
    finally:
        for each in locks:
            await each.close()


async def test_a_holder_keeps_it_for_longer_than_it_lasts_by_itself(redis, unique):
    """It is renewed in the background."""
    first, second = lock(redis, unique, "first", ttl="1s"), lock(redis, unique, "second", ttl="1s")
    try:
        await first.take()
        until_then = time.monotonic() + 2.5
        while time.monotonic() < until_then:
            assert (await second.take()).token == 0
            await asyncio.sleep(0.1)
        assert not first.lost.is_set()
    finally:
        await first.close()
        await second.close()


async def test_a_holder_that_is_gone_is_followed_when_its_time_is_up(redis, unique):
    """As after kill -9: nobody gives the lock back."""
    first, second = lock(redis, unique, "first", ttl="1s"), lock(redis, unique, "second", ttl="1s")
    try:
        await first.take()
        first._renewal.cancel()
        began = time.monotonic()

        async def taken() -> bool:
            return (await second.take()).token == 2

        await until(taken)
        assert 0.5 < time.monotonic() - began < 3
        # The first wakes up late: Redis tells it.
        assert not await first.held()
        assert first.lost.is_set()
    finally:
        await first.close()
        await second.close()


async def test_a_token_can_be_raised_above_one_that_redis_has_forgotten(redis, unique):
    """The holder alone can."""
    first, second = lock(redis, unique, "first"), lock(redis, unique, "second")
    try:
        assert await first.take() == (1, "first")
        assert (await second.take(least=700)).token == 0
        assert (await first.take(least=700)).token == 701
        await first.release()
        assert (await second.take()).token == 702
    finally:
        await first.close()
        await second.close()


@pytest.mark.parametrize("fault", ["kill", "suspend"])
async def test_without_redis_a_holder_counts_the_lock_as_lost_before_another_can_have_it(unique, fault):
    """By its own clock, with time to spare; and it is lost for good, though Redis comes back."""
    async with redis_server(private=True) as server:
        holder = lock(server.url, unique, "holder", ttl="2s")
        try:
            await holder.take()
            began = time.monotonic()
            getattr(server, fault)()
            await asyncio.wait_for(holder.lost.wait(), 10)
            assert 1 < time.monotonic() - began < 2
            with pytest.raises(NotConnected, match="does not answer"):
                await holder.take()
            if fault == "suspend":
                server.resume()
            await server.start()

            async def again() -> bool:
                return (await holder.take()).token > 1

            await until(again)
            assert not holder.lost.is_set()
        finally:
            await holder.close()


async def test_a_holder_that_redis_refuses_counts_the_lock_as_lost(unique):
    """As where its password was changed: it can't renew the lock, and so another may have it."""
    async with redis_server(private=True) as server:
        holder = lock(server.url, unique, "holder", ttl="1s")
        admin = Redis.from_url(server.url)
        try:
            await holder.take()
            await admin.config_set("requirepass", "another")
            await holder._redis.connection_pool.disconnect()
            await asyncio.wait_for(holder.lost.wait(), 10)
            with pytest.raises(ConfigError, match="refuses us"):
                await holder.take()
        finally:
            await admin.aclose()
            await holder.close()


async def test_a_lock_of_another_name_is_another_lock(redis, unique):
    """Names are kept apart."""
    first, second = lock(redis, unique, "first"), lock(redis, f"{unique}2", "second")
    try:
        assert (await first.take()).token == 1
        assert (await second.take()).token == 1
    finally:
        await first.close()
        await second.close()


@pytest.mark.parametrize("url", ["elsewhere:6379", "http://elsewhere", ""])
def test_a_url_of_another_kind_is_refused(url):
    """The message says the form and not the URL, which may hold a password."""
    with pytest.raises(ConfigError, match="expects a URL such as") as error:
        lock(url, "key", "me")
    assert not url or url not in str(error.value)
