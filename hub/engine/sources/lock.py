"""A lock in Redis, for far sides that must be polled by one worker alone although the workers share no Kafka cluster.

It is a lease: it ends by itself when it is not renewed. So it keeps two workers from polling at once as long as clocks
run and Redis keeps what it has confirmed; neither is certain (see Martin Kleppmann, "How to do distributed locking",
2016). Each holder therefore has a token, which is greater than all before it, and which is stored with the source's
cursor: on one Kafka cluster an earlier holder that believes to be the holder still is found out before it polls.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.deployment.model import LeaderSection
from hub.sdk import ConfigError, HubError, NotConnected

if TYPE_CHECKING:
    from redis.asyncio import Redis

RENEWALS = 4
"""Renewals within the time that the lock lasts."""
SAFETY = 0.75
"""Part of the time that the lock lasts, after which a holder that could not renew it counts it as lost."""
RETRY = 0.5
"""Seconds between two attempts to get it."""
ANSWER = 5.0
"""Seconds in which Redis must answer at most; a worker that ends waits for no longer either."""

# What follows runs on the server as one step. KEYS: the lock, the last token. ARGV: holder, milliseconds, least token.
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0, holder} end
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[3])) + 1
redis.call('SET', KEYS[2], string.format('%.0f', token))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {token, ARGV[1]}
"""
_RENEW = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end"
)
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"


class Attempt(NamedTuple):
    """What came of asking for the lock.

    Attributes:
        token: ours, if we have it; 0 if not.
        holder: who has it, for people.
    """

    token: int
    holder: str


class RedisLock:
    """One worker's hand on a lock.

    Args:
        config: where it is.
        key: its name.
        name: of this worker, for people.

    Raises:
        ConfigError: the URL is none, or the client for Redis isn't installed.
    """

    def __init__(self, config: LeaderSection, *, key: str, name: str) -> None:
        self._redis: Redis = _client(config)
        # One hash tag, so that a Redis cluster keeps both on one node.
        self._keys = [f"hub:{{{key}}}:leader", f"hub:{{{key}}}:token"]
        self._me = f"{name} {secrets.token_hex(8)}"
        self._ttl = config.ttl.total_seconds()
        self._until = 0.0
        self._renewal: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()
        """Set when we don't have it any more."""

    async def take(self, least: int = 0) -> Attempt:
        """Asks for the lock; where we have it already, for a higher token.

        Args:
            least: the token will be greater than this.

        Raises:
            NotConnected: Redis doesn't answer.
        """
        asked = time.monotonic()
        token, holder = await self._ask(_TAKE, self._keys, self._me, self._milliseconds, least)
        if token:
            self._until = asked + self._ttl * SAFETY
            self.lost.clear()
            if self._renewal is None or self._renewal.done():
                self._renewal = asyncio.create_task(self._renew(), name=f"lock {self._keys[0]}")
        return Attempt(int(token), holder.decode(errors="replace").rpartition(" ")[0])

    async def held(self) -> bool:
        """Whether we have it now, by Redis's own word; then also for as long again.

        Raises:
            NotConnected: Redis doesn't answer.
        """
        asked = time.monotonic()
        if not await self._ask(_RENEW, self._keys[:1], self._me, self._milliseconds):
            self.lost.set()
            return False
        self._until = asked + self._ttl * SAFETY
        return not self.lost.is_set()

    async def release(self) -> None:
        """Gives it back, if we have it; where Redis doesn't answer it ends by itself."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
            self._renewal = None
        self.lost.set()
        try:
            await self._ask(_RELEASE, self._keys[:1], self._me)
        except HubError:
            return

    async def close(self) -> None:
        """Gives it back, and disconnects."""
        await self.release()
        await self._redis.aclose()

    @property
    def _milliseconds(self) -> int:
        return int(self._ttl * 1000)

    async def _renew(self) -> None:
        while not self.lost.is_set():
            left = self._until - time.monotonic()
            if left <= 0:
                self.lost.set()
                return
            try:
                async with asyncio.timeout(left):
                    await asyncio.sleep(self._ttl / RENEWALS)
                    await self.held()
            except (HubError, TimeoutError):  # also where Redis refuses us now: it ends by itself then, and so do we
                await asyncio.sleep(min(RETRY, max(0.0, self._until - time.monotonic())))

    async def _ask(self, script: str, keys: list[str], *arguments: Any) -> Any:
        from redis import exceptions  # noqa: PLC0415  an extra

        try:
            async with asyncio.timeout(min(self._ttl / 2, ANSWER)):
                return await self._redis.eval(script, len(keys), *keys, *arguments)
        except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
            raise ConfigError(f"Redis refuses us: {error}") from error
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            raise NotConnected(f"Redis, which holds the lock, does not answer: {str(error) or 'timeout'}") from error


def _client(config: LeaderSection) -> Redis:
    try:
        from redis.asyncio import Redis  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError(
            "a lock in Redis needs the Python package redis: pip install 'integration-hub[redis]'"
        ) from error
    try:
        return Redis.from_url(config.redis.get_secret_value())
    except ValueError:
        pass
    raise ConfigError("`leader.redis` expects a URL such as redis://host:6379/0 or rediss://user:password@host")
