"""Events with seeded ids, at a steady rate, on a topic."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from aiokafka.errors import KafkaError

from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.sdk import HubError

TICK = 0.02
MOST = 5000
"""Events that are written at once."""
_log = logging.getLogger("tests.chaos")

Message = tuple[bytes, bytes, list[tuple[str, bytes]]]


def plain(number: int, key: bytes) -> Message:
    """An event that carries its number and the moment at which it was made."""
    value = b'{"n":%d,"at":%d,"text":"%s"}' % (number, time.time_ns() // 1_000_000, b"x" * 100)
    return key, value, headers(number, key)


def headers(number: int, key: bytes) -> list[tuple[str, bytes]]:
    """Of a CloudEvent in binary mode."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"%d" % number),
        ("ce_source", b"/chaos"),
        ("ce_type", b"chaos.event"),
        ("ce_partitionkey", key),
        ("content-type", b"application/json"),
    ]


class Load:
    """Writes events until it is told to stop, or so many are written.

    A write that fails is repeated by a new producer, so the topic may hold an event twice: what the topic holds is the
    input, not what was meant.

    Args:
        kafka: where to.
        topic: where to.
        seed: of the keys.
        rate: events per second.
        limit: how many at most; None for no limit.
        make: makes an event of its number and key.
        keys: how many there are.
        waits: whether to wait, given how many were written: the clock of the rate stands still meanwhile.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        *,
        seed: int,
        rate: float,
        limit: int | None = None,
        make: Callable[[int, bytes], Message] = plain,
        keys: int = 60,
        waits: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._kafka, self._topic = kafka, topic
        self._random = random.Random(seed)
        self._rate, self._limit, self._make = rate, limit, make
        self._keys = [b"k%d" % n for n in range(keys)]
        self._waits = waits
        self._ending = asyncio.Event()
        self.written = 0
        self._due = 0.0
        self.repeated = 0

    def end(self) -> None:
        """Asks it to stop."""
        self._ending.set()

    @property
    def done(self) -> bool:
        return self._ending.is_set() or (self._limit is not None and self.written >= self._limit)

    async def run(self) -> None:
        """Writes; returns once everything is acknowledged."""
        unsent: list[Message] = []
        while not self.done or unsent:
            try:
                async with clients.running(clients.producer(self._kafka), 60.0) as producer:
                    last = time.monotonic()
                    while not self.done or unsent:
                        now = time.monotonic()
                        self._make_due(unsent, now - last)
                        last = now
                        await self._send(producer, unsent)
                        unsent.clear()
                        await asyncio.sleep(TICK)
            except (KafkaError, HubError, TimeoutError) as error:
                self.repeated += len(unsent)
                _log.warning("load: %d events are written again: %r", len(unsent), error)

    def _make_due(self, unsent: list[Message], seconds: float) -> None:
        """Makes what is due after so many seconds more."""
        if self.done or self._waits(self.written):
            return
        self._due += min(seconds * self._rate, MOST)
        while self.written < self._due and (self._limit is None or self.written < self._limit):
            unsent.append(self._make(self.written, self._random.choice(self._keys)))
            self.written += 1

    async def _send(self, producer, messages: list[Message]) -> None:
        futures = [await producer.send(self._topic, value, key, headers=headers) for key, value, headers in messages]
        for result in await asyncio.gather(*futures, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
