"""Events as entries."""

from __future__ import annotations

import pytest
from hub.sdk import Mapped, NotConnected, Permanent, WriteFailed
from redis.asyncio import Redis

from tests.conftest import deliveries, sink


async def test_events_become_entries(url: str, stream: str, redis: Redis) -> None:
    """In one round trip; where each was written is an event."""
    adding = sink(url, stream)
    await adding.open()
    replies = await adding.write(deliveries(3))
    await adding.close()
    entries = await redis.xrange(stream)
    assert [fields for _, fields in entries] == [{b"text": b"hello"}] * 3
    assert [reply.data for reply in replies] == [{"stream": stream, "id": name.decode()} for name, _ in entries]


async def test_a_delivery_that_comes_again_adds_nothing(url: str, stream: str, redis: Redis) -> None:
    """And is answered as the first time, also by another life of the sink."""
    answers = []
    for _ in range(2):
        adding = sink(url, stream)
        await adding.open()
        answers.append([reply.data for reply in await adding.write(deliveries(2))])
        await adding.close()
    assert await redis.xlen(stream) == 2
    assert answers[0] == answers[1]
    ttl = await redis.ttl(f"{stream}:shipments/e0")
    assert 86_000 < ttl <= 86_400


async def test_the_stream_is_kept_short(url: str, stream: str, redis: Redis) -> None:
    """About as short as the settings say: Redis trims whole nodes."""
    adding = sink(url, stream, max_length=10)
    await adding.open()
    for first in range(0, 1000, 100):
        await adding.write(deliveries(1000)[first : first + 100])
    await adding.close()
    assert 10 <= await redis.xlen(stream) < 300


async def test_what_can_t_be_written_fails_alone(url: str, stream: str, redis: Redis) -> None:
    """An expression without a value is that event's own fault."""

    def fields(event: object) -> dict[str, str]:
        if event is batch[1].event:
            raise Permanent("no such field")
        return {"text": "hello"}

    batch = deliveries(3)
    adding = sink(url, stream, fields=Mapped({"text": "= data.text"}, fields))
    await adding.open()
    with pytest.raises(WriteFailed) as failed:
        await adding.write(batch)
    await adding.close()
    assert set(failed.value.failures) == {1}
    assert len(failed.value.replies) == await redis.xlen(stream) == 2


async def test_redis_s_own_refusals_are_told_one_by_one(url: str, stream: str, redis: Redis) -> None:
    """Here all of them: the key holds something else."""
    await redis.set(stream, "text")
    adding = sink(url, stream)
    await adding.open()
    with pytest.raises(WriteFailed) as failed:
        await adding.write(deliveries(2))
    await adding.close()
    assert [type(each) for each in failed.value.failures.values()] == [Permanent, Permanent]


async def test_nobody_there_is_waited_for(stream: str) -> None:
    """Also where it was never opened."""
    adding = sink("redis://127.0.0.1:1/0", stream)
    with pytest.raises(NotConnected):
        await adding.open()
    with pytest.raises(NotConnected):
        await adding.write(deliveries(1))
