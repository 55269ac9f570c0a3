"""Quix Streams: exactly-once as it offers it, records as bytes, as in its documentation."""

import logging

import tasks
from quixstreams import Application

task, bootstrap, source, targets, events = tasks.arguments()
clock = tasks.Clock(events)
logging.disable(logging.WARNING)
app = Application(
    broker_address=bootstrap,
    consumer_group=f"quix-{targets[0]}",
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=0.1,
    auto_create_topics=False,
    loglevel=None,
)
frame = app.dataframe(app.topic(source, value_deserializer="bytes", key_deserializer="bytes"))


def take(value: bytes) -> bytes:
    """Counts a record."""
    clock.take()
    if clock.done:
        app.stop()  # which commits what there is
    return value


frame = frame.apply(take)
if task == "filter_map":
    frame = frame.apply(tasks.filter_map)
    frame = frame.filter(lambda made: made is not None)
for name in targets:
    serializer = "json" if task == "filter_map" else "bytes"
    frame = frame.to_topic(app.topic(name, value_serializer=serializer, key_serializer="bytes"))
app.run()
clock.finish()
