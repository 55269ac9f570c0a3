"""A message that the client library can't read blocks nothing."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime

import aiormq
import pytest
from aiormq.abc import ChannelFrame
from pamqp import commands, decode

from connectors.rabbitmq import tolerance
from connectors.rabbitmq.frames import Message, published
from connectors.rabbitmq.tests.broker import Peer, SourceFactory

LIMIT = 30
# AMQP 0-9-1 § 1.8.1: flags of the properties headers, message_id and timestamp.
_HEADERS, _MESSAGE_ID, _TIMESTAMP = 1 << 13, 1 << 7, 1 << 6
STRANGE = {
    "a time of the year 57742": struct.pack(">HQ", _TIMESTAMP, 1_760_000_000_000_000),
    "an id that is no UTF-8": struct.pack(">H", _MESSAGE_ID) + b"\x03\xff\xfea",
    "a header's name that is no UTF-8": struct.pack(">HI", _HEADERS, 9)
    + b"\x02\xff\xfeS"
    + struct.pack(">I", 1)
    + b"x",
    "tables in tables": struct.pack(">HI", _HEADERS, 7 * 3_000)
    + b"".join(b"\x01tF" + struct.pack(">I", 7 * each) for each in reversed(range(3_000))),
    "a header's time": struct.pack(">HI", _HEADERS, 11) + b"\x01nT" + struct.pack(">Q", 2**62),
}


@pytest.mark.parametrize("properties", STRANGE.values(), ids=STRANGE.keys())
async def test_a_message_with_strange_properties_is_received(
    source: SourceFactory, peer: Peer, unique: str, properties: bytes
) -> None:
    """With its body and whatever can be read; what comes behind it arrives, too."""
    orders = source(queue={"name": unique, "type": "classic"})
    await orders.open()
    await orders.close()
    connection = await aiormq.connect(peer.url)
    try:
        channel = await connection.channel(publisher_confirms=False)
        messages = [
            (Message("", properties, b"strange"), unique),
            (Message("", struct.pack(">H", 0), b"plain"), unique),
        ]
        payload = published(messages, channel=channel.number, exchange="", mandatory=False, frame_max=4096)
        await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
        await channel.basic_qos(prefetch_count=1)  # answered once the broker has read what came before
    finally:
        await connection.close()
    await orders.open()
    bodies: list[bytes | None] = []
    async with asyncio.timeout(LIMIT):
        while len(bodies) < 2:
            received = await orders.receive(2)
            bodies += [each.events[0].raw for each in received]
            await orders.acknowledge([each.handle for each in received])
    assert bodies == [b"strange", b"plain"]


def test_what_can_be_read_is_read_as_before() -> None:
    """And what can't is told where it stood."""
    tolerance.apply()
    tolerance.apply()
    properties = commands.Basic.Properties(
        headers={"a": 1, "b": "x"}, message_id="m1", timestamp=datetime(2026, 11, 20, tzinfo=UTC)
    )
    again = commands.Basic.Properties()
    flags = _HEADERS | _MESSAGE_ID | _TIMESTAMP
    again.unmarshal(flags, properties.marshal()[2:])
    assert (again.headers, again.message_id) == ({"a": 1, "b": "x"}, "m1")
    assert again.timestamp == datetime(2026, 11, 20, tzinfo=UTC)
    strange = STRANGE["a header's name that is no UTF-8"]
    assert decode.by_type(strange[2:], "table") == (13, {tolerance.UNREADABLE: strange[6:]})
