"""JSON that can't be read without loss, end to end on the real Kafka: from webhooks, polls and other programs."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import orjson
import pytest

from demo.deliveries import signed
from hub.deployment import load
from hub.engine.dlq.deadletter import Origin, read_dead_letter
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event
from hub.sdk.event import CHECKED, STRUCTURED, KafkaMessage
from hub.testing.scripted import Script
from tests.integration.called import called
from tests.integration.engine import event, publish, records, running, settled

SECRET = "It's a Secret to Everybody"

BAD = {
    b"": "nothing: the payload is empty",
    b'{"n": NaN}': "NaN, which JSON doesn't have, at line 1, column 7",
    b'{"n": -Infinity}': "Infinity, which JSON doesn't have, at line 1, column 8",
    b'{"n": 18446744073709551616}': "an integer beyond 64 bits at /n",
    b'{"n": -9223372036854775809}': "an integer beyond 64 bits at /n",
    b'{"n": 1e999}': "a number too large for 64 bits, at line 1, column 7",
    b'{"n":1,"n":1}': "the key 'n' twice in one object, at line 1, column 12",
    b'{"n":"\\ud83d"}': "half of a surrogate pair in a text, at line 1, column 7",
    b'{"n":"\xff"}': "bytes that are no UTF-8, at byte 6",
    b'{"n":' + b"[" * 2000 + b"]" * 2000 + b"}": "nested deeper than 254 levels",
    b'{"n": 1': "unexpected end of data, at line 1, column 8",
}
GOOD = [b'{"n": 1}', b'{"n":18446744073709551615}', b'{"n":' + b"[" * 250 + b"]" * 250 + b"}"]

WEBHOOK = """
deployment: {name}
events: {{ github.ping: {{ schema: {{}}, topic: {name}.ping }}, github.push: {{ schema: {{}}, topic: {name}.push }} }}
sources:
  deliveries: {{ use: github.webhook, with: {{ path: /github, secret: "${{env:SECRET}}" }} }}
"""

FLOW = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 1 }}, {name}.out: {{ partitions: 1 }}, {name}.as_it_is: {{ partitions: 1 }} }}
routes:
  look: {{ from: {name}.in, start: earliest, where: data.n == 1, to: [{name}.out] }}
  pass: {{ from: {name}.in, start: earliest, where: 'event.type == "script.event"', to: [{name}.as_it_is] }}
sinks:
  take: {{ use: script, from: {name}.as_it_is, start: earliest }}
"""

POLL = """
deployment: {name}
events: {{ script.event: {{ schema: {{}}, topic: {name}.in }} }}
sources:
  feed: {{ use: script.poll, every: 50ms }}
"""


def foreign(value: bytes, number: int = 1) -> KafkaMessage:
    """A record as another program writes it: a CloudEvent, whose payload the hub has not seen."""
    return KafkaMessage(b"k", value, [each for each in event(number).to_kafka().headers if each != CHECKED])


def delivery(body: bytes) -> dict[str, str]:
    """Headers of a genuine delivery."""
    made = signed("ping", body, SECRET)
    names = {"X-GitHub-Event": made.event, "X-GitHub-Delivery": made.id, "X-Hub-Signature-256": made.signature}
    return {"content-type": "application/json", **names}


async def causes(kafka: KafkaSettings, topic: str) -> dict[bytes, str]:
    """Cause by payload of a topic's dead letters."""
    return {each.value: read_dead_letter(each.headers).cause for each in await records(kafka, topic)}


async def test_a_genuine_request_is_never_lost(tmp_path, kafka, unique):
    """It is answered 202, whatever its payload: what can't be read is dead-lettered, byte for byte, with what is wrong.

    GitHub doesn't send again what was refused.
    """
    (tmp_path / "deployment.yaml").write_text(WEBHOOK.format(name=unique))
    runtime = Runtime(load(tmp_path), kafka, ingress=IngressSettings(port=0), environ={"SECRET": SECRET})
    await runtime.start()
    large = b'{"zen":"' + b"x" * 10_000_000 + b'"}'
    try:
        url = f"{runtime.server.url}/github"
        async with aiohttp.ClientSession() as session:
            for body in (*BAD, *GOOD, large):
                async with session.post(url, data=io.BytesIO(body), headers=delivery(body)) as response:
                    assert (response.status, await response.json()) == (202, {"accepted": 1}), body[:50]
            headers = {**delivery(b"{}"), "content-type": "text/plain"}
            async with session.post(url, data=b"{}", headers=headers) as response:
                assert response.status == 415
                assert (await response.json())["code"] == "content_type_unsupported"
        totals = await settled(runtime, "deliveries", len(BAD) + len(GOOD) + 1)
        assert (totals.delivered, totals.dead_lettered) == (len(GOOD) + 1, {"InvalidPayload": len(BAD)})
    finally:
        await runtime.stop()
    stored = await records(kafka, f"{unique}.ping")
    assert sorted(each.value for each in stored) == sorted([*GOOD, large])
    assert all(CHECKED in each.headers for each in stored)
    prefix = "expected JSON; got "
    assert await causes(kafka, names.dlq(unique, "deliveries")) == {body: prefix + what for body, what in BAD.items()}


async def test_a_polled_record_that_json_cant_hold_holds_up_nothing(tmp_path, kafka, unique):
    """It is dead-lettered with all that the far side gave, and those behind it come through."""
    script = Script()
    bad = [{"n": float("nan")}, {"n": 2**64}, {"n": "\ud83d"}, {"n": None, "a": [float("-inf")]}]
    script.records = [{"n": 1}, *bad, {"n": 2**64 - 1}, {"n": None}]
    async with running(tmp_path, kafka, POLL.format(name=unique), script) as runtime:
        totals = await settled(runtime, "feed", 7)
        assert (totals.delivered, totals.dead_lettered) == (3, {"InvalidPayload": 4})
        script.records.append({"n": 2})
        assert (await settled(runtime, "feed", 8)).delivered == 4
        assert runtime.supervisor.units["feed"].cursor == '{"at":8}'
    assert sorted(each.value for each in await records(kafka, f"{unique}.in")) == sorted(
        [b'{"n":1}', b'{"n":18446744073709551615}', b'{"n":null}', b'{"n":2}']
    )
    found = await causes(kafka, names.dlq(unique, "feed"))
    prefix = "expected JSON; got "
    assert found == {
        b'{"n":NaN}': prefix + "NaN, which JSON doesn't have, at line 1, column 6",
        b'{"n":18446744073709551616}': prefix + "an integer beyond 64 bits at /n",
        b'{"n":"\\ud83d"}': prefix + "half of a surrogate pair in a text, at line 1, column 7",
        b'{"n":null,"a":[-Infinity]}': prefix + "Infinity, which JSON doesn't have, at line 1, column 17",
    }


async def test_what_other_programs_wrote_is_read_strictly_where_it_is_read(tmp_path, kafka, unique):
    """A route that looks into a payload dead-letters what hides something; one that doesn't passes it on as it is."""
    script = Script()
    async with running(tmp_path, kafka, FLOW.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", [foreign(each, n) for n, each in enumerate((*BAD, *GOOD))])
        look = await settled(runtime, "look", len(BAD) + len(GOOD))
        assert (look.dead_lettered, look.delivered) == ({"EvaluationError": len(BAD)}, 1)
        assert (await settled(runtime, "pass", len(BAD) + len(GOOD))).delivered == len(BAD) + len(GOOD)
        assert (await settled(runtime, "take", len(BAD) + len(GOOD))).delivered == len(BAD) + len(GOOD)
    assert [each.value for each in await records(kafka, f"{unique}.as_it_is")] == [*BAD, *GOOD]
    assert [each.raw for each in script.written] == [*BAD, *GOOD]
    found = await causes(kafka, names.dlq(unique, "look"))
    assert found.keys() == BAD.keys()
    for value, what in BAD.items():
        assert f"got {what}" in found[value]


async def test_what_the_hub_has_checked_is_not_checked_again(tmp_path, kafka, unique):
    """The mark travels through a route; so a reader may take orjson's word."""
    async with running(tmp_path, kafka, FLOW.format(name=unique), Script()) as runtime:
        await publish(kafka, f"{unique}.in", [event(1).checked(), foreign(b'{"n": 1}', 2)])
        assert (await settled(runtime, "look", 2)).delivered == 2
    marks = [CHECKED in each.headers for each in await records(kafka, f"{unique}.out")]
    assert marks == [True, False]


async def test_a_structured_event_that_hides_something_is_dead_lettered(tmp_path, kafka, unique):
    """By every route, as the event's attributes are in the same document."""
    document = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":1,"n":2}}'
    async with running(tmp_path, kafka, FLOW.format(name=unique), Script()) as runtime:
        await publish(kafka, f"{unique}.in", [KafkaMessage(None, document, [("content-type", STRUCTURED.encode())])])
        assert (await settled(runtime, "look", 1)).dead_lettered == {"InvalidPayload": 1}
        assert (await settled(runtime, "pass", 1)).dead_lettered == {"InvalidPayload": 1}
    for unit in ("look", "pass"):
        cause = (await causes(kafka, names.dlq(unique, unit)))[document]
        assert (
            cause
            == "expected a structured CloudEvent as JSON; got the key 'n' twice in one object, at line 1, column 74"
        )


@pytest.mark.parametrize("arguments", [(), ("--full",), ("--json",)])
async def test_tap_shows_every_kind_of_payload(tmp_path, kafka, unique, arguments):
    """In a line, in full and for programs: none makes it fail."""
    (tmp_path / "deployment.yaml").write_text(FLOW.format(name=unique).partition("sinks:")[0])
    values = [*BAD, *GOOD, b"[" * 1000 + b"]" * 1000]
    runtime = Runtime(load(tmp_path), kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    await runtime.stop()
    await publish(kafka, f"{unique}.in", [foreign(each) for each in values])
    await publish(
        kafka,
        f"{unique}.in",
        [KafkaMessage(b"k", each.value, [*each.headers, CHECKED]) for each in map(foreign, values)],
    )
    count = 2 * len(values)
    shown = await called(
        kafka, tmp_path, "tap", f"{unique}.in", "--last", str(count), "--limit", str(count), *arguments
    )
    assert (shown.code, shown.err) == (0, "")
    if "--json" in arguments:
        assert len(shown.lines()) == count
    else:
        assert shown.out.count("script.event") >= count


async def test_dead_letters_of_every_kind_are_shown(tmp_path, kafka, unique):
    """List and show, for people and for programs, with the cause; and they can be replayed, which mends nothing."""
    text = FLOW.format(name=unique).partition("sinks:")[0]
    async with running(tmp_path, kafka, text, Script()) as runtime:
        await publish(kafka, f"{unique}.in", [foreign(each, n) for n, each in enumerate(BAD)])
        assert (await settled(runtime, "look", len(BAD))).dead_lettered == {"EvaluationError": len(BAD)}
        replayed = await called(kafka, tmp_path, "dlq", "replay", "look")
        assert replayed.code == 0, replayed.err
        assert (await settled(runtime, "look", 2 * len(BAD))).dead_lettered == {"EvaluationError": 2 * len(BAD)}
    listed = await called(kafka, tmp_path, "dlq", "list")
    assert (listed.code, listed.err) == (0, "")
    assert "expected JSON; got" in " ".join(listed.out.split())
    for extra in ((), ("--full",), ("--json",)):
        shown = await called(kafka, tmp_path, "dlq", "show", "look", "--limit", "99", *extra)
        assert (shown.code, shown.err) == (0, "")
        told = " ".join(shown.out.replace("\\", "").split())
        assert [what for what in BAD.values() if what.partition(",")[0] not in told] == []
    # Offsets are not counts: the marks of transactions have some, too.
    place = Origin(names.dlq(unique, "look"), 0, (await records(kafka, names.dlq(unique, "look")))[-1].offset)
    (document,) = (await called(kafka, tmp_path, "dlq", "show", "--id", str(place), "--all", "--json")).lines()
    assert document["problem"].startswith("expected JSON; got ")


def test_payloads_of_the_hub_are_its_own_kind() -> None:
    """What the tests above publish as foreign is so."""
    made: Any = Event.from_kafka(*foreign(b"{}"))
    assert CHECKED not in made.headers
    assert orjson.loads(made.raw) == {}
