"""Events added to a stream."""

from __future__ import annotations

from collections.abc import Sequence

from hub.sdk import Delivery, Event, Signal, Sink, UnitContext, WriteFailed
from redis.asyncio import Redis

from hub_connector_redis_stream.config import AddingConfig
from hub_connector_redis_stream.connection import connected, lost, shown
from hub_connector_redis_stream.errors import signal

# Adds an entry unless one was added under the same key; gives the entry's id either way. In a script both are one.
_ADD = """
local id = redis.call('GET', KEYS[2])
if id then return id end
if ARGV[2] == '' then id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
else id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 3)) end
redis.call('SET', KEYS[2], id, 'EX', ARGV[1])
return id
"""


class Adding(Sink[AddingConfig]):
    """Adds an entry for each event: at least once, and once in effect while Redis remembers the delivery."""

    events = {"redis.written": "redis_stream/written/v1.json"}
    batch = 100  # one round trip for all of them
    concurrency = 400

    def __init__(self, config: AddingConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._client: Redis | None = None

    @property
    def far_side(self) -> str:
        """The stream, and where it is."""
        return shown(self.config)

    async def open(self) -> None:
        """Connects."""
        await self.close()
        self._client = await connected(self.config)

    async def close(self) -> None:
        """Ends the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Adds all entries in one round trip.

        Returns:
            The ids of the entries, as events.

        Raises:
            WriteFailed: by index, which were not added.
            NotConnected: Redis is away; some may have been added, and are known when they come again.
        """
        if self._client is None:
            raise lost(self.config)
        failures: dict[int, Signal] = {}
        sent: list[int] = []
        pipeline = self._client.pipeline(transaction=False)
        for index, delivery in enumerate(batch):
            try:
                arguments = self._arguments(delivery)
            except Signal as refused:
                failures[index] = refused
                continue
            pipeline.eval(_ADD, 2, self.config.stream, f"{self.config.stream}:{delivery.idempotency_key}", *arguments)
            sent.append(index)
        try:
            answers = await pipeline.execute(raise_on_error=False) if sent else []
        except Exception as error:
            raise signal(error, self.far_side) from error
        replies = []
        for index, answer in zip(sent, answers, strict=True):
            if isinstance(answer, Exception):
                failures[index] = signal(answer, self.far_side)
            else:
                said = {"stream": self.config.stream, "id": answer.decode()}
                replies.append(batch[index].reply("redis.written", said))
        if failures:
            raise WriteFailed(failures, replies)
        return replies

    def _arguments(self, delivery: Delivery) -> list[str]:
        seconds, most = round(self.config.remember.total_seconds()), self.config.max_length
        fields = self.config.fields(delivery.event)
        return [str(seconds), "" if most is None else str(most), *(part for pair in fields.items() for part in pair)]
