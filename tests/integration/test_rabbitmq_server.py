"""The private RabbitMQ: ours alone, durable over kills, and gone when we are."""

from __future__ import annotations

import aio_pika

from hub.testing.rabbitmq import PrivateRabbitMQ


async def test_the_sessions_rabbitmq_takes_and_gives_a_message(rabbitmq: str, unique: str) -> None:
    """A message published to the session's RabbitMQ comes back from its queue."""
    async with await aio_pika.connect(rabbitmq) as connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(unique, exclusive=True)
        await channel.default_exchange.publish(aio_pika.Message(b"hello"), routing_key=unique)
        message = await queue.get(timeout=5)
        assert message is not None
        await message.ack()
        assert message.body == b"hello"
