"""Sources on the real Kafka: cursors, duplicates, refusals, Kafka away."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from hub.engine.sources.cursors import CursorStore
from hub.engine.unit import State
from hub.kafka import names
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event, NotConnected, Transient
from hub.testing.scripted import Script
from hub.testing.servers import kafka_server
from tests.integration.engine import records, running, settled, until

POLLING = """
deployment: {name}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 1, max_message: 20kB }}
sources:
  feed:
    use: script.poll
    every: 50ms
"""

WEBHOOK = """
deployment: {name}
events:
  script.event: {{ schema: {{}}, topic: {name}.in }}
topics:
  {name}.in: {{ partitions: 1, max_message: 20kB }}
sources:
  hook:
    use: script.hook
    with: {{ path: /hook, max_body: 50000 }}
"""


async def numbers(kafka: KafkaSettings, topic: str) -> list[int]:
    return [Event.from_kafka(each.key, each.value, each.headers).data["n"] for each in await records(kafka, topic)]


async def test_a_polling_source_publishes_in_order_and_stores_its_cursor(tmp_path, kafka, unique):
    """What was read stays read: a second life goes on from the cursor, and what comes later is found."""
    script = Script()
    script.records = [{"n": n, "key": "k"} for n in range(25)]
    text = POLLING.format(name=unique)
    async with running(tmp_path, kafka, text, script) as runtime:
        await settled(runtime, "feed", 25)
        # The cursor is stored after the events that lead up to it.
        await until(lambda: runtime.supervisor.units["feed"].cursor == '{"at":25}')
    script.records += [{"n": n, "key": "k"} for n in range(25, 30)]
    async with running(tmp_path, kafka, text, script) as runtime:
        totals = await settled(runtime, "feed", 5)
    assert totals.delivered == 5
    assert await numbers(kafka, f"{unique}.in") == list(range(30))


async def test_a_far_side_that_throttles_is_waited_out(tmp_path, kafka, unique):
    """The source shows why it waits, and goes on by itself."""
    script = Script()
    script.polls = [NotConnected("rate limit used up", retry_after=0.3), Transient("hiccup", retry_after=0.01)]
    script.records = [{"n": 1, "key": "k"}]
    async with running(tmp_path, kafka, POLLING.format(name=unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.state is State.PAUSED and "rate limit" in unit.detail)
        await settled(runtime, "feed", 1)
        await until(lambda: unit.state is State.RUNNING)


async def test_a_source_is_paused_amidst_a_poll(tmp_path, kafka, unique):
    """One that reads all there ever was takes hours: no more than the batch under way comes after the pause."""
    script = Script()
    script.records = [{"n": n, "key": "k"} for n in range(2_000)]
    async with running(tmp_path, kafka, POLLING.format(name=unique), script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.ledger.delivered > 0)
        unit.pause()
        before = unit.ledger.delivered
        await until(lambda: unit.state is State.PAUSED)
        assert unit.ledger.delivered <= before + 10
        unit.resume()
        await settled(runtime, "feed", 2_000)
    assert await numbers(kafka, f"{unique}.in") == list(range(2_000))


async def test_an_event_over_the_limit_goes_to_the_sources_dlq(tmp_path, kafka, unique):
    """With its size and the limit; the cursor goes on."""
    script = Script()
    script.records = [{"n": 1, "key": "k"}, {"n": 2, "key": "k", "text": "x" * 30_000}, {"n": 3, "key": "k"}]
    async with running(tmp_path, kafka, POLLING.format(name=unique), script) as runtime:
        totals = await settled(runtime, "feed", 3)
    assert totals.dead_lettered == {"TooLarge": 1}
    assert await numbers(kafka, f"{unique}.in") == [1, 3]
    assert await numbers(kafka, names.dlq(unique, "feed")) == [2]


async def test_a_poll_that_kafka_did_not_take_leaves_nothing_in_flight(tmp_path, kafka, unique, monkeypatch):
    """What was not stored was not received; the next life begins at the stored cursor and the ledger adds up."""
    script = Script()
    script.records = [{"n": n, "key": "k"} for n in range(5)]
    failures = 2
    commit = TransactionWriter.commit

    async def failing(self, *positions):
        nonlocal failures
        if failures:
            failures -= 1
            raise NotConnected("Kafka is away")
        await commit(self, *positions)

    monkeypatch.setattr(TransactionWriter, "commit", failing)
    async with running(tmp_path, kafka, POLLING.format(name=unique), script) as runtime:
        totals = await settled(runtime, "feed", 5)
    assert (totals.received, totals.delivered) == (5, 5)
    assert await numbers(kafka, f"{unique}.in") == list(range(5))


async def test_a_stored_cursor_of_another_form_stops_the_source(tmp_path, kafka, unique):
    """It is never read as a beginning; the error says what doesn't fit and which command mends it."""
    script = Script()
    text = POLLING.format(name=unique)
    async with running(tmp_path, kafka, text, script):
        pass
    store = CursorStore(kafka, unique)
    await store.start()
    await store.put("feed", '{"page": 3}')
    await store.stop()
    async with running(tmp_path, kafka, text, script) as runtime:
        unit = runtime.supervisor.units["feed"]
        await until(lambda: unit.state is State.FAILED)
        assert "hub cursors show feed" in unit.detail


async def post(url: str, body: bytes, *, id: str = "1", signature: str = "right", **headers: str):  # noqa: A002
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers={"X-Id": id, "X-Signature": signature, **headers}) as response,
    ):
        return response.status, await response.json(content_type=None), response.headers


async def test_a_delivery_is_published_once_also_over_a_restart(tmp_path, kafka, unique):
    """Both are answered 2xx; the second is filtered as a duplicate. Another body under the same id is no duplicate."""
    text = WEBHOOK.format(name=unique)
    async with running(tmp_path, kafka, text, Script()) as runtime:
        url = runtime.server.url + "/hook"
        answers = await asyncio.gather(*(post(url, b'{"n":1}') for _ in range(5)))
        assert {status for status, _, _ in answers} == {202}
        assert (await post(url, b'{"n":2}'))[0] == 202
        totals = runtime.supervisor.units["hook"].status().totals
        assert (totals.received, totals.delivered, totals.filtered) == (6, 2, {"duplicate": 4})
    async with running(tmp_path, kafka, text, Script()) as runtime:
        assert (await post(runtime.server.url + "/hook", b'{"n":1}'))[0] == 202
        totals = runtime.supervisor.units["hook"].status().totals
        assert (totals.received, totals.delivered, totals.filtered) == (1, 0, {"duplicate": 1})
    assert sorted(await numbers(kafka, f"{unique}.in")) == [1, 2]


async def test_a_source_that_does_not_listen_now_asks_to_come_again(tmp_path, kafka, unique):
    """503 with `Retry-After` while it is stopped and until it is started again; 404 would make senders give up."""
    async with running(tmp_path, kafka, WEBHOOK.format(name=unique), Script()) as runtime:
        url = runtime.server.url + "/hook"
        await runtime.supervisor.stop("hook")
        status, document, headers = await post(url, b'{"n":1}')
        assert (status, document["code"]) == (503, "not_accepting")
        assert int(headers["Retry-After"]) > 0
        await runtime.supervisor.restart("hook")
        await runtime.supervisor.ready("hook")
        assert (await post(url, b'{"n":1}'))[0] == 202
    assert await numbers(kafka, f"{unique}.in") == [1]


async def test_a_paused_webhook_asks_to_come_again_and_does_not_blame_kafka(tmp_path, kafka, unique):
    """The operator's pause is told apart from an outage, in the answer and in the counts."""
    async with running(tmp_path, kafka, WEBHOOK.format(name=unique), Script()) as runtime:
        unit = runtime.supervisor.units["hook"]
        unit.pause()
        status, document, _ = await post(runtime.server.url + "/hook", b'{"n":1}')
        assert (status, document["code"]) == (503, "not_accepting")
        assert unit.status().totals.refused == {"not_accepting": 1}
        unit.resume()
        assert (await post(runtime.server.url + "/hook", b'{"n":1}'))[0] == 202


async def test_refused_requests_publish_nothing_and_are_counted_apart(tmp_path, kafka, unique):
    """A wrong signature, a body over the limit, an event over the topic's limit: each its status, code and count."""
    async with running(tmp_path, kafka, WEBHOOK.format(name=unique), Script()) as runtime:
        url = runtime.server.url + "/hook"
        answers = [
            await post(url, b'{"n":1}', signature="wrong"),
            await post(url, b"x" * 60_000),
            await post(url, b'{"n":1,"text":"' + b"x" * 30_000 + b'"}'),
        ]
        totals = runtime.supervisor.units["hook"].status().totals
    assert [(status, document["code"]) for status, document, _ in answers] == [
        (401, "signature_mismatch"),
        (413, "body_too_large"),
        (413, "event_too_large"),
    ]
    assert "takes 20,000" in answers[2][1]["detail"]
    assert totals.received == 0
    assert totals.refused == {"signature_mismatch": 1, "body_too_large": 1, "event_too_large": 1}
    assert await records(kafka, f"{unique}.in") == []


async def test_a_trace_context_travels_with_the_event(tmp_path, kafka, unique):
    """W3C traceparent and tracestate become Kafka headers."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with running(tmp_path, kafka, WEBHOOK.format(name=unique), Script()) as runtime:
        await post(runtime.server.url + "/hook", b'{"n":1}', traceparent=trace, tracestate="a=b")
    (record,) = await records(kafka, f"{unique}.in")
    assert dict(record.headers)["traceparent"] == trace.encode()
    assert dict(record.headers)["tracestate"] == b"a=b"


@pytest.mark.timeout(150)
async def test_without_kafka_a_webhook_answers_503_and_later_takes_the_redelivery(tmp_path, unique):
    """Never 2xx before Kafka acknowledged; 503 within the sender's patience; on its return one event, not two."""
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        async with running(tmp_path, kafka, WEBHOOK.format(name=unique), Script()) as runtime:
            url = runtime.server.url + "/hook"
            assert (await post(url, b'{"n":1}', id="1"))[0] == 202
            server.kill()
            began = asyncio.get_running_loop().time()
            status, document, headers = await post(url, b'{"n":2}', id="2")
            assert (status, document["code"], headers["Retry-After"]) == (503, "kafka_unavailable", "30")
            assert asyncio.get_running_loop().time() - began < 10
            await server.start()

            async def taken() -> bool:
                return (await post(url, b'{"n":2}', id="2"))[0] == 202

            await until(taken, "Kafka's return")
            totals = await settled(runtime, "hook", 2)
            assert totals.delivered == 2
        assert sorted(await numbers(kafka, f"{unique}.in")) == [1, 2]
