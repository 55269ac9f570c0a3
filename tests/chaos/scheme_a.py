"""The control: transactions as most people write them, with a random id and without the group's generation.

It repeats events when a worker is stopped and goes on later. The checker must see that, or it sees nothing.
"""

from __future__ import annotations

import asyncio
import sys
import uuid

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

SESSION_MS = 3_000
"""Short, so that the control is."""
TRANSACTION_MS = 10_000
"""Longer than a worker is stopped for, and much shorter than whoever compares waits for what a killed one left open."""


async def main(bootstrap: str, topic: str) -> None:
    """Copies ``topic``.in to ``topic``.out until it is killed."""
    consumer = AIOKafkaConsumer(
        f"{topic}.in",
        bootstrap_servers=bootstrap,
        group_id=f"{topic}.a",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=1_000,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=uuid.uuid4().hex,
        transaction_timeout_ms=TRANSACTION_MS,
        enable_idempotence=True,
        acks="all",
    )
    async with producer, consumer:
        sys.stdout.write("at work\n")
        sys.stdout.flush()
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=2000)
            if not batches:
                continue
            try:
                async with producer.transaction():
                    futures = [
                        await producer.send(f"{topic}.out", each.value, each.key, headers=list(each.headers))
                        for records in batches.values()
                        for each in records
                    ]
                    await asyncio.gather(*futures)
                    offsets = {at: records[-1].offset + 1 for at, records in batches.items()}
                    await producer.send_offsets_to_transaction(offsets, f"{topic}.a")
                    await asyncio.sleep(0.1)
            except KafkaError as error:
                sys.stderr.write(f"{error!r}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
