"""aiokafka clients, set up so that nothing is lost: its own defaults commit by themselves and jump to the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any, TypeAlias
from weakref import WeakSet

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka import client as client_module
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError, KafkaTimeoutError

from hub.kafka.errors import kafka_error
from hub.kafka.partitioner import partitioner
from hub.kafka.quiet import quiet
from hub.kafka.settings import KafkaSettings
from hub.sdk import NotConnected

__all__ = ["BATCH_BYTES", "admin", "close", "consumer", "kafka_error", "producer", "running", "start"]

BATCH_BYTES = 131_072
"""Size at which a producer closes a batch. A broker refuses a whole batch that is larger than its topic takes."""

_REQUEST_BYTES = 96 * 2**20
# A little below the broker's socket.request.max.bytes (100 MiB by default): a larger request is cut off by the broker
# without an answer, and an idempotent producer would send it again for ever.

conn.READER_LIMIT = 2**20
# Bytes that may wait to be read on a connection, twice as many at most. With aiokafka's 64 KiB a fetch of a megabyte
# pauses and resumes its connection many times: a fifth fewer events a second, and a twentieth more processor time.

_opened: ContextVar[WeakSet[Any] | None] = ContextVar("_opened", default=None)


async def _open(*arguments: Any, **options: Any) -> Any:
    """Makes a connection, and notes it for `start`."""
    made = await create_conn(*arguments, **options)
    if (opened := _opened.get()) is not None:
        opened.add(made)
    return made


client_module.create_conn = _open
# aiokafka's bootstrap forgets its first connection, without closing it, when it is cancelled amidst its first request.

_REQUEST_MS = 20_000
_CLIENT_ID = "integration-hub"

Client: TypeAlias = AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient


def consumer(settings: KafkaSettings, *topics: str, group: str | None = None, **overrides: Any) -> AIOKafkaConsumer:
    """A consumer that commits only when told, sees only committed records, and never jumps over a gap.

    Args:
        settings: which cluster.
        *topics: to subscribe to; none if you assign partitions yourself.
        group: consumer group.
        **overrides: aiokafka's own parameters.
    """
    quiet()
    options: dict[str, Any] = {
        "client_id": _CLIENT_ID,
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "request_timeout_ms": _REQUEST_MS,
        "session_timeout_ms": 10_000,
        "heartbeat_interval_ms": 3_000,
    }
    return AIOKafkaConsumer(*topics, **options | settings.client_options() | overrides)


def producer(
    settings: KafkaSettings,
    *,
    transactional_id: str | None = None,
    kind: type[AIOKafkaProducer] = AIOKafkaProducer,
    **overrides: Any,
) -> Any:
    """A producer whose records are acknowledged by all in-sync replicas, once each and in order.

    A non-retriable error makes it useless (every later batch of that partition fails): close it and make another. It
    does not check sizes: a batch above its topic's ``max.message.bytes`` fails as a whole. `Publisher` sees to both.

    Args:
        settings: which cluster.
        transactional_id: of a transactional producer; starting it fences the one before.
        kind: its class.
        **overrides: aiokafka's own parameters.
    """
    quiet()
    options: dict[str, Any] = {
        "client_id": _CLIENT_ID,
        "transactional_id": transactional_id,
        "acks": "all",
        "enable_idempotence": True,
        "partitioner": partitioner,
        "max_batch_size": BATCH_BYTES,
        "max_request_size": _REQUEST_BYTES,
        "request_timeout_ms": _REQUEST_MS,
    }
    return kind(**options | settings.client_options() | overrides)


def admin(settings: KafkaSettings, **overrides: Any) -> AIOKafkaAdminClient:
    """A client for topics, configurations and groups."""
    quiet()
    options: dict[str, Any] = {"client_id": _CLIENT_ID, "request_timeout_ms": _REQUEST_MS}
    return AIOKafkaAdminClient(**options | settings.client_options() | overrides)


async def start(client: Client, timeout: float = 30.0) -> None:  # noqa: ASYNC109  a failed start must close as well
    """Starts a client within a limit of seconds; one that doesn't start is closed.

    Raises:
        HubError: `kafka_error`'s, e.g. `NotConnected` where no broker answers.
    """
    opened: WeakSet[Any] = WeakSet()
    noting = _opened.set(opened)
    try:
        async with asyncio.timeout(timeout):
            await client.start()
    except BaseException as error:
        await close(client, 0.0)
        for each in tuple(opened):
            each.close()
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
            raise
        if isinstance(error, TimeoutError):
            raise NotConnected(f"Kafka isn't ready: no client could start within {timeout:g} s") from error
        raise kafka_error(await _cause(client) or error, "connecting to Kafka") from error
    finally:
        _opened.reset(noting)


async def close(client: Client, timeout: float = 10.0) -> None:  # noqa: ASYNC109  the limit is part of the contract
    """Closes a client within about so many seconds.

    A producer first writes what it still holds; what it can't write in time fails with a timeout. (By itself an
    idempotent producer waits for ever when the cluster is away.)
    """
    if isinstance(client, AIOKafkaAdminClient):
        await _within(client.close(), timeout + 1.0)
        return
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=timeout)
    if not stopping.done() and isinstance(client, AIOKafkaProducer):
        await _abandon(client)
    elif not stopping.done():
        # It waits for an answer, e.g. to leaving its group; when a program is cancelled as a whole, so is who reads it.
        await client._client.close()  # noqa: SLF001  as above
    await _within(stopping, 5.0)


@contextlib.asynccontextmanager
async def running(client: Client, timeout: float = 30.0) -> AsyncIterator[Any]:  # noqa: ASYNC109  see start
    """Starts a client for a block, and closes it after it."""
    await start(client, timeout)
    try:
        yield client
    finally:
        await close(client)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Makes a producer give up what it can't write, from its innermost part outwards.

    aiokafka has no bounded stop, hence its private names. The order matters: failing the batches while the sender works
    on them breaks it, and a sender whose metadata are no longer refreshed may wait for ever.
    """
    sender, accumulator = producer._sender.sender_task, producer._message_accumulator  # noqa: SLF001
    if sender is not None:
        sender.cancel()
        for connection in list(producer.client._conns.values()):  # noqa: SLF001
            connection.close()
        await asyncio.wait({sender}, timeout=5.0)
    left = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
    # A batch that waits for another attempt is in the queue only, and its end expects it here.
    accumulator._pending_batches.update(left)  # noqa: SLF001
    accumulator.fail_all(KafkaTimeoutError("the producer was closed before it could write"))
    for batch in left:
        if batch._drain_waiter.done():  # noqa: SLF001
            batch._drain_waiter.exception()  # noqa: SLF001  or it would be logged as never looked at


async def _cause(client: Client) -> BaseException | None:
    """Why no bootstrap server could be used, where that can still be found out: aiokafka only logs it."""
    inner = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001
    options = {
        name: getattr(inner, f"_{name}")
        for name in (
            "client_id",
            "ssl_context",
            "security_protocol",
            "sasl_mechanism",
            "sasl_plain_username",
            "sasl_plain_password",
        )
    }
    cause: BaseException | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5.0):
            for host, port, _ in inner.hosts:
                try:
                    connection = await create_conn(host, port, **options)
                except (OSError, KafkaError) as error:
                    cause = error
                else:
                    connection.close()
    return cause


async def _within(work: Any, limit: float) -> None:
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=limit)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        logging.getLogger(__name__).debug("closing a Kafka client: %s", type(error).__name__)
