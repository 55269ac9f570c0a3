"""FastStream on aiokafka: a subscriber that publishes, as in its documentation; at least once."""

import asyncio
import logging

import tasks
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

task, bootstrap, source, targets, events = tasks.arguments()
clock = tasks.Clock(events)
logging.disable(logging.WARNING)
broker = KafkaBroker(bootstrap, logger=None, acks="all")
app = FastStream(broker, logger=None)
publishers = [broker.publisher(name) for name in targets]


@broker.subscriber(source, group_id=f"faststream-{targets[0]}", auto_offset_reset="earliest", ack_policy=AckPolicy.ACK)
async def handle(message: KafkaMessage) -> None:
    """Forwards a record."""
    clock.take()
    made = message.body if task != "filter_map" else tasks.filter_map(message.body)
    if made is not None:
        for each in publishers:
            await each.publish(made, key=message.raw_message.key, headers=message.headers)
    if clock.done:
        clock.finish()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(app.run())
