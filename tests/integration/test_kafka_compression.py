"""Topics that other programs write compressed."""

from __future__ import annotations

import pytest

from hub.kafka import clients
from hub.testing.scripted import Script
from tests.integration.engine import event, records, running, settled

DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1 }}
  {name}.out: {{ partitions: 1 }}
routes:
  copy: {{ from: {name}.in, start: earliest, to: "{name}.out" }}
"""


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_compressed_topic_is_read(tmp_path, kafka, unique, codec):
    """Whatever codec Kafka knows."""
    async with running(tmp_path, kafka, DEPLOYMENT.format(name=unique), Script()) as runtime:
        async with clients.running(clients.producer(kafka, compression_type=codec)) as producer:
            for n in range(50):
                key, value, headers = event(n).to_kafka()
                await producer.send(f"{unique}.in", value, key=key, headers=headers)
            await producer.flush()
        await settled(runtime, "copy", 50)
    assert len(await records(kafka, f"{unique}.out")) == 50
