"""What a real broker takes in one commit, and with one position."""

from __future__ import annotations

import base64
import os

from aiokafka import TopicPartition

from hub.engine.reading.frontier import Frontier, decode
from hub.engine.reading.positions import COMMIT_BYTES, LONGEST_NOTE
from hub.engine.reading.reader import Reader
from hub.kafka import clients
from hub.kafka.specs import event_topic
from hub.kafka.topics import ensure_topics

PARTITIONS = 400
"""With full notes more than ``message.max.bytes`` by default."""


def _gaps(room: int) -> str:
    """A note of that size which compression makes little smaller."""
    return f"done=b{base64.urlsafe_b64encode(os.urandom(room)).decode()}"[: room - room % 4 - 2]


async def test_full_notes_of_hundreds_of_partitions_are_committed(kafka, unique):
    """In pieces, for together they are larger than what many brokers append at once."""
    await ensure_topics(kafka, [event_topic(unique, partitions=PARTITIONS)])
    reader = Reader(kafka, group=unique, starts={unique: "earliest"})
    await reader.start()
    try:
        positions = {(at.topic, at.partition): 0 for at in reader.assigned}
        assert len(positions) == PARTITIONS
        notes = dict.fromkeys(reader.assigned, _gaps)
        assert await reader.commit(positions, notes)
        assert reader._commit_bytes == COMMIT_BYTES
    finally:
        await reader.stop()
    async with clients.running(clients.admin(kafka)) as admin:
        found = await admin.list_consumer_group_offsets(unique)
    assert {at.partition for at, each in found.items() if len(each.metadata) > 3_000} == set(range(PARTITIONS))
    assert sum(len(each.metadata) for each in found.values()) > 1_048_588


async def test_more_gaps_than_a_note_holds_are_noted_as_far_as_it_goes(kafka, unique):
    """The broker takes the longest note that there is; who reads on passes over what it says, and repeats the rest."""
    await ensure_topics(kafka, [event_topic(unique, partitions=1)])
    at = TopicPartition(unique, 0)
    frontier = Frontier()
    count = 30_000
    for offset in range(count):
        frontier.take(offset)
    for offset in range(1, count, 2):
        frontier.settle(offset)
    first = Reader(kafka, group=unique, starts={unique: "earliest"})
    await first.start()
    try:
        # As many words as an account may have, so that all of the note is used.
        for offset in range(1, count, 2):
            first.accounts.settle(at, offset, "dead_lettered", f"AnErrorWithARatherLongName{offset % 40}")
        assert await first.commit({(unique, 0): 0}, {at: frontier.note})
    finally:
        await first.stop()
    assert not frontier.whole
    second = Reader(kafka, group=unique, starts={unique: "earliest"})
    await second.start()
    try:
        position, note = second.found[at]
    finally:
        await second.stop()
    assert position == 0
    assert LONGEST_NOTE - 400 < len(note) <= LONGEST_NOTE
    settled = set(decode(note, position))
    assert len(settled) > 8_000
    assert settled <= set(range(1, count, 2))
