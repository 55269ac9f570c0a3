"""A connection to Redis, as the source and the sink have one each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from hub.sdk import NotConnected, Permanent
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from hub_connector_redis_stream.config import StreamConfig
from hub_connector_redis_stream.errors import signal


def shown(config: StreamConfig) -> str:
    """The stream for people: without the user and the password that the URL may hold."""
    address = urlsplit(config.url.get_secret_value())
    return f"stream {config.stream} of Redis at {address.hostname}:{address.port or 6379}"


async def connected(config: StreamConfig, *, longer: float = 0.0) -> Redis:
    """A client that has reached Redis.

    Args:
        config: where it is.
        longer: seconds that it may hold an answer back, on top of the timeout.

    Raises:
        NotConnected: it can't be reached.
        Permanent: it refuses us for good, or the settings make no sense.
    """
    seconds = config.timeout.total_seconds()
    url = config.url.get_secret_value()
    secure: dict[str, Any] = {"ssl_ca_certs": config.ca_file} if config.ca_file and url.startswith("rediss://") else {}
    try:
        client = Redis.from_url(
            url,
            socket_timeout=seconds + longer,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),  # the engine waits and tries again
            protocol=2,
            **secure,
        )
    except ValueError as error:
        # Not chained: its text may hold the URL.
        raise Permanent(
            f"expected a URL that redis-py can read in `url`; it refused it as {type(error).__name__}"
        ) from None
    try:
        await client.ping()
    except Exception as error:
        await client.aclose()
        raise signal(error, shown(config)) from error
    return client


def lost(config: StreamConfig) -> NotConnected:
    """What to raise where there is no client."""
    return NotConnected(f"{shown(config)}: it has not been opened")
