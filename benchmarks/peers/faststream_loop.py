"""FastStream on aiokafka: a subscriber that publishes, as its documentation begins.

Positions are committed by aiokafka as time goes by (`AckPolicy.ACK_FIRST`, FastStream's own choice), so at most once.
Committing after each record, for at least once, costs more.
"""

import asyncio
import logging

import tasks
import uvloop
from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaMessage

task, bootstrap, source, targets, events = tasks.arguments()
clock = tasks.Clock(events)
logging.disable(logging.WARNING)
broker = KafkaBroker(bootstrap, logger=None, acks="all")
app = FastStream(broker, logger=None)
publishers = [broker.publisher(name) for name in targets]


@broker.subscriber(source, group_id=f"faststream-{targets[0]}", auto_offset_reset="earliest")
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
