"""Messages as bytes, held against pamqp's."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, frame, header

from connectors.rabbitmq.frames import Message, properties, published

FRAME_MAX = 4096

short = st.text(max_size=63).filter(lambda text: len(text.encode()) <= 255)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=20), inner, max_size=3),
    max_leaves=8,
)
headers = st.dictionaries(st.text(min_size=1, max_size=32), values, max_size=5)


def read(data: bytes) -> list[Any]:
    """Frames, each with its channel."""
    frames = []
    while data:
        size, channel, each = frame.unmarshal(data)
        frames.append((channel, each))
        data = data[size:]
    return frames


@given(
    headers=headers,
    message_id=short,
    app_id=st.none() | short,
    content_type=st.none() | short,
    priority=st.none() | st.integers(0, 255),
    expiration=st.none() | st.integers(0, 2**40).map(str),
    timestamp=st.none() | st.integers(0, 2**32 - 1),
    type_=st.none() | short,
)
def test_properties_are_those_that_pamqp_writes(
    headers: dict[str, Any],
    message_id: str,
    app_id: str | None,
    content_type: str | None,
    priority: int | None,
    expiration: str | None,
    timestamp: int | None,
    type_: str | None,
) -> None:
    """Byte for byte, where headers stand in pamqp's order."""
    made = properties(
        dict(sorted(headers.items())),
        message_id=message_id,
        app_id=app_id,
        content_type=content_type,
        priority=priority,
        expiration=expiration,
        timestamp=timestamp,
        type_=type_,
    )
    theirs = commands.Basic.Properties(
        headers=headers,
        delivery_mode=2,
        message_id=message_id,
        app_id=app_id,
        content_type=content_type,
        priority=priority,
        expiration=expiration,
        timestamp=None if timestamp is None else datetime.fromtimestamp(timestamp, UTC),
        message_type=type_,
    )
    back = commands.Basic.Properties()
    back.unmarshal(struct.unpack(">H", made[:2])[0], made[2:])
    assert (back.headers or {}) == headers
    assert (back.message_id, back.app_id, back.content_type) == (message_id, app_id, content_type)
    assert (back.priority, back.expiration, back.timestamp) == (priority, expiration, theirs.timestamp)
    assert (back.message_type, back.delivery_mode) == (type_, 2)
    if headers and message_id and "" not in (app_id, content_type, type_) and priority != 0:
        assert made == theirs.marshal()  # pamqp leaves out what is empty or zero, which means the same


@given(sizes=st.lists(st.integers(0, 10_000), min_size=1, max_size=4), routing_key=short)
def test_frames_are_read_back_as_they_were(sizes: list[int], routing_key: str) -> None:
    """A method, a header, and a body in pieces that the broker takes; one message after the other."""
    listed = properties({"a": "ä", "n": 1}, message_id="1", app_id="app")
    messages = [Message("1", listed, bytes(size)) for size in sizes]
    data = published(
        [(each, routing_key) for each in messages], channel=7, exchange="x", mandatory=True, frame_max=FRAME_MAX
    )
    frames = read(data)
    assert {channel for channel, _ in frames} == {7}
    rest = [each for _, each in frames]
    for size in sizes:
        method, content = rest.pop(0), rest.pop(0)
        assert isinstance(method, commands.Basic.Publish)
        assert (method.exchange, method.routing_key, method.mandatory) == ("x", routing_key, True)
        assert isinstance(content, header.ContentHeader)
        assert content.body_size == size
        assert content.properties.headers == {"a": "ä", "n": 1}
        length = 0
        while length < size:
            piece = rest.pop(0)
            assert isinstance(piece, body.ContentBody)
            assert 8 + len(piece.value) <= FRAME_MAX
            length += len(piece.value)
        assert length == size
    assert rest == []


def test_mandatory_is_a_bit_of_its_own() -> None:
    """Without it the broker drops what no queue takes."""
    message = Message("1", properties({}, message_id="1", app_id=None), b"")
    for mandatory in (True, False):
        ((_, method), _) = read(
            published([(message, "k")], channel=1, exchange="", mandatory=mandatory, frame_max=FRAME_MAX)
        )
        assert (method.mandatory, method.immediate) == (mandatory, False)
