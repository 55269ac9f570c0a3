"""Rate limits that several processes share, on a real Redis."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from pydantic import SecretStr
from yarl import URL

from hub.sdk import RateLimit, Response
from hub.sdk.policies import Limit
from hub.services.limits import RateLimiter
from hub.services.limits.shared import SharedLimits
from hub.services.request import Request
from hub.testing.servers import redis_server


def limiters(url: str, key: str, number: int, **limit: Any) -> list[RateLimiter]:
    return [RateLimiter("far", RateLimit(**limit), SharedLimits(SecretStr(url), key)) for _ in range(number)]


async def sent(limiters: list[RateLimiter], each: int, path: str = "/x") -> list[float]:
    times: list[float] = []

    async def far(request: Request) -> Response:
        times.append(time.monotonic())
        return Response(200, {}, b"", str(request.url))

    async def go(limiter: RateLimiter) -> None:
        await asyncio.gather(*(limiter(Request("GET", URL(f"http://far{path}")), far) for _ in range(each)))

    await asyncio.gather(*map(go, limiters))
    return times


async def test_all_together_keep_a_window(redis, unique):
    """No stretch of the window holds more than the limit, whoever sends; and what may go does."""
    several = limiters(redis, unique, 3, count=20, interval="500ms", algorithm="sliding_window")
    began = time.monotonic()
    times = await sent(several, 20)
    assert len(times) == 60
    assert time.monotonic() - began < 5
    # By Redis's clock it is exact; here what a process takes to hear of it comes on top.
    assert all(later - earlier > 0.4 for earlier, later in zip(times, times[20:], strict=False))
    assert sum(each.alone for each in several) == 0
    for each in several:
        await each.close()


async def test_all_together_keep_a_buckets_pace(redis, unique):
    """A burst, then one after the other."""
    several = limiters(redis, unique, 2, count=50, interval="1s", burst=5)
    times = await sent(several, 15)
    assert times[-1] - times[0] >= 24 / 50
    for each in several:
        await each.close()


async def test_a_request_counts_at_all_of_its_limits_or_at_none(redis, unique):
    """One that must wait for one limit takes nothing from the others."""
    shared = SharedLimits(SecretStr(redis), unique)
    wide = ("wide", Limit(count=3, interval="1h", algorithm="sliding_window"))
    narrow = ("narrow", Limit(count=1, interval="1h", burst=1))
    assert await shared.take([wide, narrow]) == 0
    for _ in range(5):
        assert 3500 < (await shared.take([wide, narrow]) or 0) <= 3600.1
    assert [await shared.take([wide]) for _ in range(2)] == [0, 0]
    assert 3500 < (await shared.take([wide]) or 0) <= 3600.1
    await shared.close()


async def test_without_redis_each_process_keeps_the_limit_alone():
    """Nothing stops; it is counted, and said once."""
    async with redis_server(private=True) as server:
        [limiter] = limiters(server.url, "gone", 1, count=100, interval="1s", burst=2)
        await sent([limiter], 2)
        assert limiter.alone == 0
    times = await sent([limiter], 6)
    assert len(times) == 6
    assert times[-1] - times[0] >= 0.025
    assert limiter.alone > 0
    await limiter.close()


async def test_a_burst_comes_back_at_the_limits_pace_however_large(redis, unique):
    """Redis remembers it for as long as that takes, not for an interval only."""
    shared = SharedLimits(SecretStr(redis), unique)
    limit = ("burst", Limit(count=2, interval="500ms", burst=20))
    assert await taken(shared, limit) >= 20
    await asyncio.sleep(1.8)
    assert 6 <= await taken(shared, limit) <= 12
    await shared.close()


async def taken(shared: SharedLimits, limit: tuple[str, Limit]) -> int:
    """How many requests go at once."""
    count = 0
    while not await shared.take([limit]):
        count += 1
    return count


async def test_limits_of_the_same_endpoints_and_of_another_algorithm_are_apart(redis, unique):
    """So many in a second and so many in an hour are both kept; a new algorithm finds nothing of the old one's."""
    shared = SharedLimits(SecretStr(redis), unique)
    hour = ("/x", Limit(count=3, interval="1h", algorithm="sliding_window"))
    moment = ("/x", Limit(count=2, interval="100ms", algorithm="sliding_window"))
    went = 0
    for _ in range(12):
        went += not await shared.take([hour, moment])
        await asyncio.sleep(0.03)
    assert went == 3
    assert await shared.take([("/x", Limit(count=3, interval="1h"))]) == 0
    await shared.close()
