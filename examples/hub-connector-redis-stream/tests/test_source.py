"""Entries as events."""

from __future__ import annotations

import pytest
from hub.sdk import Event, InvalidPayload, NotConnected, Permanent
from redis.asyncio import Redis

from hub_connector_redis_stream.source import Position
from tests.conftest import source


async def read(
    url: str, stream: str, cursor: Position | None = None, **settings: object
) -> tuple[list[Event], Position]:
    """The events of a poll, and the cursor after them."""
    reading = source(url, stream, **settings)
    await reading.open()
    events: list[Event] = []
    cursor = cursor or Position()
    try:
        async for batch in reading.poll(cursor):
            events += batch.events
            assert isinstance(batch.cursor, Position)
            cursor = batch.cursor
    finally:
        await reading.close()
    return events, cursor


async def test_an_entry_becomes_an_event(url: str, stream: str, redis: Redis) -> None:
    """Its fields are the data; its id says when it was added."""
    name = await redis.xadd(stream, {"number": "7", "customer": "ada"}, id="1732183331000-0")
    (event,), cursor = await read(url, stream, key="customer")
    assert (event.type, event.data) == ("redis.entry", {"number": "7", "customer": "ada"})
    assert (event.id, event.subject, event.key) == (f"{stream}/{name.decode()}", name.decode(), "ada")
    assert event.time == "2024-11-21T10:02:11.000Z"
    assert cursor == Position(after=name.decode())


async def test_it_goes_on_behind_what_was_stored(url: str, stream: str, redis: Redis) -> None:
    """In batches, each with its own cursor, and nothing comes twice."""
    for number in range(7):
        await redis.xadd(stream, {"n": str(number)})
    events, cursor = await read(url, stream, count=3)
    assert [event.data["n"] for event in events] == list("0123456")
    assert (await read(url, stream, cursor))[0] == []
    await redis.xadd(stream, {"n": "7"})
    assert [event.data["n"] for event in (await read(url, stream, cursor))[0]] == ["7"]


async def test_without_a_key_all_keep_their_order(url: str, stream: str, redis: Redis) -> None:
    """The stream's own key is the partition key, also where an entry lacks the field or holds what no key can."""
    for fields in ({"a": "1"}, {"customer": ""}, {"customer": "a\nb"}):
        await redis.xadd(stream, fields)
    events, _ = await read(url, stream, key="customer")
    assert [event.key for event in events] == [stream, stream, stream]


async def test_bytes_that_are_no_text_go_to_the_dead_letters(url: str, stream: str, redis: Redis) -> None:
    """The engine keeps them there; the source goes on."""
    await redis.xadd(stream, {"raw": b"\xff\xfe"})
    await redis.xadd(stream, {"raw": b"fine"})
    events, _ = await read(url, stream)
    with pytest.raises(InvalidPayload):
        events[0].checked()
    assert events[1].data == {"raw": "fine"}


async def test_a_stream_that_isn_t_there_yet(url: str, stream: str) -> None:
    """Is one without entries."""
    assert await read(url, stream) == ([], Position())


async def test_a_key_of_another_kind_is_refused(url: str, stream: str, redis: Redis) -> None:
    """For good, in Redis's own words."""
    await redis.set(stream, "text")
    with pytest.raises(Permanent, match="WRONGTYPE"):
        await read(url, stream)


async def test_nobody_there_is_waited_for(stream: str) -> None:
    """The password isn't shown."""
    with pytest.raises(NotConnected, match=r"127\.0\.0\.1:1: ") as signal:
        await read("redis://ada:s3cret@127.0.0.1:1/0", stream)
    assert "s3cret" not in str(signal.value)


async def test_a_wrong_password_is_for_good(url: str, stream: str, redis: Redis) -> None:
    """Asking again with the same one would help nobody."""
    await redis.acl_setuser("guest", enabled=True, passwords=["+right"], categories=["+@all"], keys=["*"])
    with pytest.raises(Permanent, match="invalid username-password"):
        await read(url.replace("redis://", "redis://guest:s3cret@"), stream)
