"""Faust (faust-streaming): an agent that forwards, as in its documentation; at least once."""

import logging
import sys
import tempfile

import faust
import tasks

task, bootstrap, source, targets, events = tasks.arguments()
clock = tasks.Clock(events)
logging.disable(logging.WARNING)
app = faust.App(
    f"faust-{targets[0]}",
    broker=f"kafka://{bootstrap}",
    datadir=tempfile.mkdtemp(),
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
    web_enabled=False,
    value_serializer="raw",
    key_serializer="raw",
)
incoming = app.topic(source, value_type=bytes, value_serializer="raw", key_serializer="raw")
serializer = "json" if task == "filter_map" else "raw"
outgoing = [app.topic(name, value_serializer=serializer, key_serializer="raw") for name in targets]


@app.agent(incoming)
async def handle(stream: faust.StreamT) -> None:
    """Forwards a partition's records."""
    async for event in stream.events():
        clock.take()
        made = event.value if task != "filter_map" else tasks.filter_map(event.value)
        if made is not None:
            for each in outgoing:
                await each.send(key=event.key, value=made, headers=event.headers)
        if clock.done:
            await app.producer.flush()
            clock.finish()


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "error", "--without-web"]
    app.main()
