"""All real payloads, end to end: signed over HTTP, onto Kafka, into RabbitMQ, byte for byte, and the ledger adds up."""

from __future__ import annotations

import asyncio
from collections import Counter

import aio_pika
import pytest

from connectors.github import connector as github
from demo.deliveries import send, signed
from hub.deployment import load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.sdk import Event
from tests.integration.engine import records, settled

SECRET = "It's a Secret to Everybody"

DEPLOYMENT = """
deployment: {name}
sources:
  deliveries:
    use: github.webhook
    with: {{ path: /webhooks/github, secret: "${{env:SECRET}}" }}
sinks:
  queue:
    use: rabbitmq
    from: [{topics}]
    start: {start}
    with:
      url: "${{env:AMQP_URL}}"
      exchange: {{ name: {name}, type: topic }}
      queue: {{ name: {name}, bind: "#" }}
      routing_key: = event.type
"""


@pytest.mark.timeout(300)
async def test_all_payloads_reach_kafka_and_rabbitmq_unchanged(tmp_path, kafka, rabbitmq, payloads, unique):
    """Each payload is verified, normalized, stored and delivered once, with the same bytes throughout."""
    assert len(payloads) == 329
    assert len({event for event, _ in payloads}) == 58
    types = sorted(github.sources["webhook"].events)
    text = DEPLOYMENT.format(name=unique, topics=", ".join(types), start="latest")
    (tmp_path / "deployment.yaml").write_text(text)
    environ = {"SECRET": SECRET, "AMQP_URL": rabbitmq}
    runtime = Runtime(load(tmp_path), kafka, ingress=IngressSettings(port=0), environ=environ)
    await runtime.start()
    try:
        deliveries = [signed(event, body, SECRET) for event, body in payloads]
        answers = await send(f"{runtime.server.url}/webhooks/github", deliveries, lambda _: None)
        assert answers == {202: 329}
        source = await settled(runtime, "deliveries", 329)
        sink = await settled(runtime, "queue", 329)
        assert (source.delivered, sink.delivered) == (329, 329)
        assert runtime.totals().balanced
    finally:
        await runtime.stop()

    sent = Counter((f"github.{each.event}", each.id, each.body) for each in deliveries)
    stored: Counter[tuple[str, str, bytes]] = Counter()
    mine = {each.id for each in deliveries}
    for topic in sorted({event_type for event_type, _, _ in sent}):
        for record in await records(kafka, topic):
            event = Event.from_kafka(record.key, record.value, record.headers)
            if event.id in mine:
                stored[event.type, event.id, event.raw] += 1
    assert stored == sent
    assert Counter((routing_key, body) for routing_key, body in await drained(rabbitmq, unique, 329)) == Counter(
        (event_type, body) for event_type, _, body in sent.elements()
    )


async def drained(url: str, queue: str, count: int) -> list[tuple[str, bytes]]:
    """Routing key and body of so many messages of the queue, which must then be empty."""
    found: list[tuple[str, bytes]] = []
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(30):
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        while len(found) < count:
            message = await declared.get(fail=False, timeout=5)
            if message is None:
                continue
            await message.ack()
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            assert message.message_id
            found.append((message.routing_key or "", message.body))
        assert await declared.get(fail=False, timeout=5) is None
        await declared.delete(if_unused=False, if_empty=False)
    return found
