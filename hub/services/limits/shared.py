"""Declared limits that all processes keep together, in Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from hub.sdk.errors import ConfigError
from hub.sdk.policies import Limit
from hub.services.limits.gates import burst_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

ANSWER = 1.0
"""Seconds in which Redis must answer; otherwise each process keeps the limits alone."""
REST = 5.0
"""Seconds before it is asked again after it has failed."""
log = logging.getLogger("hub.services")

# Runs on the server as one step, by the server's clock: looks at all limits, and counts at all of them or at none.
# KEYS: one per limit. ARGV: for each its kind, microseconds of its interval, count, burst; then the request's name.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = 0
for i, key in ipairs(KEYS) do
  local kind, interval = ARGV[4 * i - 3], tonumber(ARGV[4 * i - 2])
  local count, burst = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local at = now
  if kind == 'token_bucket' then
    at = tonumber(redis.call('GET', key) or '0') - (interval / count) * (burst - 1) - 1
  else
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. string.format('%.0f', now - interval))
    if redis.call('ZCARD', key) >= count then
      at = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]) + interval + 1
    end
  end
  wait = math.max(wait, at - now)
end
if wait > 0 then return string.format('%.0f', math.ceil(wait)) end
for i, key in ipairs(KEYS) do
  local kind, interval, count = ARGV[4 * i - 3], tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  local life = interval
  if kind == 'token_bucket' then
    local full = math.max(tonumber(redis.call('GET', key) or '0'), now) + interval / count
    -- A burst larger than the count takes longer than the interval to come back.
    life = math.max(life, full - now)
    redis.call('SET', key, string.format('%.0f', full))
  else
    redis.call('ZADD', key, string.format('%.0f', now), ARGV[#ARGV])
  end
  redis.call('PEXPIRE', key, string.format('%.0f', life / 1000 + 1000))
end
return '0'
"""


class SharedLimits:
    """Asks Redis for each request. Where it can't be reached, the process goes on with the limits of its own.

    Args:
        url: of Redis.
        key: name of the limits; all that give the same one share them.

    Raises:
        ConfigError: the URL is none, or the client for Redis isn't installed.
    """

    def __init__(self, url: SecretStr, key: str) -> None:
        self._redis: Redis = _client(url)
        self._take: Any = self._redis.register_script(_TAKE)
        self._key = key
        self._me = f"{id(self):x}.{time.time_ns():x}"
        self._number = 0
        self._silent_until = 0.0

    async def take(self, limits: list[tuple[str, Limit]]) -> float | None:
        """Counts a request at all of these limits, or at none.

        Returns:
            Seconds to wait before asking again; 0 if the request may go; ``None`` where Redis doesn't answer.
        """
        if time.monotonic() < self._silent_until:
            return None
        from redis import exceptions  # noqa: PLC0415  an extra

        self._number += 1
        arguments: list[Any] = []
        for _, limit in limits:
            micros = int(limit.interval.total_seconds() * 1e6)
            arguments += [limit.algorithm, micros, limit.count, burst_of(limit)]
        # One hash tag, so that a Redis cluster keeps all of them on one node. The same endpoints may have several
        # limits, and algorithms keep different things.
        keys = [
            f"hub:{{{self._key}}}:limit:{limit.algorithm}:{limit.interval.total_seconds():g}:{limit.by}:{name}"
            for name, limit in limits
        ]
        try:
            async with asyncio.timeout(ANSWER):
                wait = await self._take(keys=keys, args=[*arguments, f"{self._me}.{self._number}"])
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + REST
            log.warning(
                "the shared limits of %s can't be had from Redis (%s); this process keeps them alone for %g s",
                self._key,
                type(error).__name__,
                REST,
            )
            return None
        return int(wait) / 1e6

    async def close(self) -> None:
        """Disconnects."""
        await self._redis.aclose()


def _client(url: SecretStr) -> Redis:
    try:
        from redis.asyncio import Redis  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError(
            "shared limits in Redis need the Python package redis: pip install 'integration-hub[redis]'"
        ) from error
    try:
        return Redis.from_url(url.get_secret_value())
    except ValueError:
        pass
    raise ConfigError("`rate_limit.redis` expects a URL such as redis://host:6379/0 or rediss://user:password@host")
