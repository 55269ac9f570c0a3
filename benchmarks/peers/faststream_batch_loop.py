"""FastStream on aiokafka, a batch at a time: subscriber and publisher of batches, at least once.

It does less than is asked: FastStream's `publish_batch` gives all records of a batch the same headers, so those of each
record are lost. Shown because it is the quickest that FastStream offers.
"""

import asyncio
import logging
from itertools import groupby
from operator import attrgetter

import tasks
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, KafkaPublishMessage

task, bootstrap, source, targets, events = tasks.arguments()
clock = tasks.Clock(events)
logging.disable(logging.WARNING)
broker = KafkaBroker(bootstrap, logger=None, acks="all", enable_idempotence=True, max_batch_size=2**20)
app = FastStream(broker, logger=None)
RECORDS = 500  # of a kilobyte: more, and a batch would be larger than a broker takes


@broker.subscriber(
    source,
    group_id=f"faststream-batch-{targets[0]}",
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.ACK,
    batch=True,
    max_records=RECORDS,
)
async def handle(message: KafkaMessage) -> None:
    """Forwards a batch; of several partitions, each by itself."""
    clock.take(len(message.raw_message))
    publishing = []
    for partition, records in groupby(message.raw_message, key=attrgetter("partition")):
        bodies = [(each.key, each.value if task != "filter_map" else tasks.filter_map(each.value)) for each in records]
        made = [KafkaPublishMessage(body, key=key) for key, body in bodies if body is not None]
        publishing += [broker.publish_batch(*made, topic=name, partition=partition) for name in targets if made]
    await asyncio.gather(*publishing)
    if clock.done:
        await message.ack()
        clock.finish()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(app.run())
