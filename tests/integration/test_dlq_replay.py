"""Dead letters replayed on the real Kafka: to the failing unit alone, once, in order, and never round for ever."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub.engine.dlq import replay as replaying
from hub.engine.dlq.deadletter import REPLAYS, read_dead_letter
from hub.engine.dlq.replay import Replay
from hub.engine.dlq.selection import Selection
from hub.kafka import clients, names
from hub.kafka.compacted import CompactedTable
from hub.kafka.errors import Fenced
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.publisher import Record
from hub.kafka.settings import KafkaSettings
from hub.sdk import ConfigError, Event, NotConnected, Permanent, Transient
from hub.testing.scripted import Script
from hub.testing.servers import kafka_server
from tests.integration.dlq import deployed, failed, ids, listed, numbered, replayed
from tests.integration.engine import event, publish, records, running, settled, until

ANNOUNCE = frozenset({"announce"})
ONE = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1 }}
sinks:
  announce: {{ use: script, from: {name}.in, start: earliest }}
"""


async def test_a_replay_goes_to_the_failing_unit_alone_with_all_that_the_event_had(tmp_path, kafka, unique):
    """Key, bytes and headers come back as they were; the count of replays and the failure travel with them."""
    deployment = await deployed(tmp_path, kafka, unique)
    original = event(1, key="k").replace(headers=[("traceparent", b"00-1"), ("x", b"\xff")])
    await failed(kafka, deployment, [original])
    replay = await replayed(kafka, deployment, "announce")
    assert replay.outcomes["announce"].resolved == 1
    (back,) = await records(kafka, names.inbox(unique, "announce"))
    assert (back.key, back.value) == (original.to_kafka().key, original.raw)
    headers = dict(back.headers)
    assert headers["traceparent"] == b"00-1"
    assert headers["x"] == b"\xff"
    assert headers[REPLAYS] == b"1"
    assert read_dead_letter(list(back.headers)).status == 403
    assert await records(kafka, names.inbox(unique, "other")) == []
    assert await records(kafka, f"{unique}.in") == []


async def test_a_replay_run_twice_has_effect_once(tmp_path, kafka, unique):
    """What was replayed is no longer listed, and the second run finds nothing to do."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(7))
    assert (await replayed(kafka, deployment, "announce")).outcomes["announce"].resolved == 7
    assert (await replayed(kafka, deployment, "announce")).outcomes["announce"].resolved == 0
    assert len(await records(kafka, names.inbox(unique, "announce"))) == 7
    assert await listed(kafka, deployment) == []
    resolved = await listed(kafka, deployment, Selection(resolved=True))
    assert {letter.resolution.kind for letter in resolved} == {"replayed"}


async def test_order_per_key_is_kept_over_partitions_and_batches(tmp_path, kafka, unique, monkeypatch):
    """Dead letters of one key that lie on several partitions go back in the order in which they failed."""
    monkeypatch.setattr(replaying, "BATCH", 5)
    deployment = await deployed(tmp_path, kafka, unique)
    for number in range(24):
        await failed(kafka, deployment, [event(number, key=f"k{number % 3}")], partition=number % 2)
    await replayed(kafka, deployment, "announce")
    by_key: dict[bytes, list[int]] = {}
    for record in await records(kafka, names.inbox(unique, "announce")):
        by_key.setdefault(record.key, []).append(Event.from_kafka(record.key, record.value, record.headers).data["n"])
    assert by_key == {f"k{key}".encode(): list(range(key, 24, 3)) for key in range(3)}


async def test_a_rehearsal_counts_and_changes_nothing(tmp_path, kafka, unique):
    """It tells how many, of how many keys, since when; and leaves a replay that is under way alone."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(11))
    before = datetime.now(UTC)
    rehearsal = Replay(kafka, deployment, Selection(units=ANNOUNCE))
    await rehearsal.rehearse()
    outcome = rehearsal.outcomes["announce"]
    assert (outcome.resolved, len(outcome.keys)) == (11, 4)
    assert before - timedelta(minutes=1) < outcome.oldest < before
    assert await records(kafka, names.inbox(unique, "announce")) == []
    assert len(await listed(kafka, deployment)) == 11


async def test_a_second_replay_fences_the_first_which_stops(tmp_path, kafka, unique, monkeypatch):
    """Two at once: each dead letter goes back once, the first one says why it stops."""
    monkeypatch.setattr(replaying, "BATCH", 2)
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(10))
    reached, go_on = asyncio.Event(), asyncio.Event()
    write = TransactionWriter.write
    batches = 0

    async def halting(self: TransactionWriter, batch: list[Record]) -> None:
        nonlocal batches
        batches += 1
        if batches == 3:
            reached.set()
            await go_on.wait()
        await write(self, batch)

    monkeypatch.setattr(TransactionWriter, "write", halting)
    first = Replay(kafka, deployment, Selection(units=ANNOUNCE))
    running_first = asyncio.create_task(first.replay())
    await reached.wait()
    second = await replayed(kafka, deployment, "announce")
    go_on.set()
    with pytest.raises(Fenced, match=f"another replay or discard of {unique}.announce.dlq"):
        await running_first
    assert first.outcomes["announce"].resolved == 4
    assert second.outcomes["announce"].resolved == 6
    assert sorted(each.value for each in await records(kafka, names.inbox(unique, "announce"))) == sorted(
        each.raw for each in numbered(10)
    )


async def test_one_that_is_fenced_with_an_open_transaction_leaves_nothing_of_it(tmp_path, kafka, unique, monkeypatch):
    """Records that were sent and not committed are aborted, and sent by the one that took over."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(6))
    reached, go_on = asyncio.Event(), asyncio.Event()
    flush = TransactionWriter.flush

    async def halting(self: TransactionWriter) -> None:
        await flush(self)
        if not reached.is_set():
            reached.set()
            await go_on.wait()

    monkeypatch.setattr(TransactionWriter, "flush", halting)
    first = asyncio.create_task(Replay(kafka, deployment, Selection(units=ANNOUNCE)).replay())
    await reached.wait()
    second = await replayed(kafka, deployment, "announce")
    assert second.outcomes["announce"].resolved == 6
    go_on.set()
    with pytest.raises(Fenced):
        await first
    assert len(await records(kafka, names.inbox(unique, "announce"))) == 6


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from hub.deployment import Registry, load
from hub.engine.dlq import replay
from hub.engine.dlq.selection import Selection
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.settings import KafkaSettings
from hub.testing.scripted import Script

replay.BATCH = 4
flush, batches = TransactionWriter.flush, 0

async def killed(self):
    global batches
    await flush(self)
    batches += 1
    if batches == 3:
        os.kill(os.getpid(), signal.SIGKILL)

TransactionWriter.flush = killed
deployment = load(Path(sys.argv[1]), registry=Registry([Script().connector]))
settings = KafkaSettings(bootstrap_servers=sys.argv[2])
asyncio.run(replay.Replay(settings, deployment, Selection(units=frozenset({"announce"}))).replay())
"""


async def test_a_kill_in_the_middle_leaves_no_half_batch(tmp_path, kafka, unique):
    """Killed between sending and committing: what was committed stays, the rest is replayed by the next run, once."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(20))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), kafka.bootstrap_servers, cwd=Path.cwd(), env={**os.environ}
    )
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL
    again = await replayed(kafka, deployment, "announce")
    assert again.outcomes["announce"].resolved == 12
    back = await records(kafka, names.inbox(unique, "announce"))
    assert sorted(each.value for each in back) == sorted(each.raw for each in numbered(20))


async def test_what_fails_again_meanwhile_is_not_taken_up_again(tmp_path, kafka, unique):
    """A unit that works and fails on everything gets each dead letter once per command."""
    script = Script()
    script.failures = lambda _: Permanent("400 no", status=400)
    deployment = await deployed(tmp_path, kafka, unique, ONE)
    await failed(kafka, deployment, numbered(6))
    async with running(tmp_path, kafka, ONE.format(name=unique), script) as runtime:
        replay = await replayed(kafka, deployment, "announce")
        assert replay.outcomes["announce"].resolved == 6
        totals = await settled(runtime, "announce", 6)
    assert (totals.replayed, totals.dead_lettered) == (6, {"Permanent": 6})
    letters = await listed(kafka, deployment)
    assert [letter.failure.replays for letter in letters] == [1] * 6
    assert {letter.failure.status for letter in letters} == {400}
    assert [earlier.status for earlier in letters[0].earlier] == [403]


async def test_a_replayed_event_is_delivered_once_it_works(tmp_path, kafka, unique):
    """The whole way: fails, is dead-lettered, is replayed, is delivered; it bears no trace of the failure."""
    script = Script()
    script.failures = lambda delivery: Permanent("403", status=403) if delivery.event.data["n"] % 2 else None
    deployment = await deployed(tmp_path, kafka, unique, ONE)
    async with running(tmp_path, kafka, ONE.format(name=unique), script) as runtime:
        await publish(kafka, f"{unique}.in", numbered(6))
        await settled(runtime, "announce", 6)
        script.failures = lambda _: None
        await replayed(kafka, deployment, "announce")
        totals = await settled(runtime, "announce", 9)
    assert (totals.delivered, totals.replayed) == (6, 3)
    assert sorted(each.id for each in script.written) == [str(n) for n in range(6)]


async def test_replayed_too_often_is_refused_but_by_force(tmp_path, kafka, unique):
    """A dead letter that came back three times stays, and says so; with force it goes."""
    deployment = await deployed(tmp_path, kafka, unique)
    weary = [event(1).replace(headers=[(REPLAYS, b"3")]), event(2).replace(headers=[(REPLAYS, b"2")])]
    await failed(kafka, deployment, weary)
    outcome = (await replayed(kafka, deployment, "announce")).outcomes["announce"]
    assert outcome.resolved == 1
    ((place, why, text),) = outcome.refusals
    assert (place.offset, why) == (0, "looping")
    assert "3 times" in text
    assert ids(await listed(kafka, deployment)) == ["1"]
    assert (await replayed(kafka, deployment, "announce", force=True)).outcomes["announce"].resolved == 1


async def test_one_too_large_for_the_inbox_is_said_and_kept(tmp_path, kafka, unique):
    """It is skipped, the others go, and it is listed still."""
    text = (
        "deployment: {name}\ntopics:\n  {name}.in: {{ max_message: 100kB }}\n  {name}.bad: {{ max_message: 1MB }}\n"
        "sinks: {{ announce: {{ use: script, from: {name}.in, on_error: {{ dlq: {name}.bad }} }} }}\n"
    )
    deployment = await deployed(tmp_path, kafka, unique, text)
    await failed(kafka, deployment, [event(1), event(2, text="x" * 400_000), event(3)])
    outcome = (await replayed(kafka, deployment, "announce")).outcomes["announce"]
    assert outcome.resolved == 2
    assert [refusal.why for refusal in outcome.refusals] == ["too_large"]
    assert names.inbox(unique, "announce") in outcome.refusals[0].text
    assert ids(await listed(kafka, deployment)) == ["2"]


async def test_a_source_s_dead_letter_is_published_again_to_its_own_topic(tmp_path, kafka, unique):
    """An event that was too large for its topic goes there once the topic takes it, without a trace of the failure."""
    text = "deployment: {name}\nsources: {{ poll: {{ use: script.poll }} }}\n"
    deployment = await deployed(tmp_path, kafka, unique, text)
    source = event(41, unique=unique)
    stranger = Event(type="unheard.of", source="/x", id="42", data={})
    await failed(kafka, deployment, [source, stranger], unit="poll")
    outcome = (await replayed(kafka, deployment, "poll")).outcomes["poll"]
    assert outcome.resolved == 1
    assert [refusal.why for refusal in outcome.refusals] == ["no_way"]
    assert "unheard.of" in outcome.refusals[0].text
    found = [each for each in await records(kafka, "script.event") if each.value and unique.encode() in each.value]
    assert [Event.from_kafka(each.key, each.value, each.headers) for each in found] == [source]


async def test_discarded_dead_letters_stay_on_kafka_and_are_listed_no_more(tmp_path, kafka, unique):
    """The reason is kept; a replay passes them over, unless they are named and forced."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(5))
    selection = Selection(units=ANNOUNCE, keys=frozenset({"k0"}))
    discard = Replay(kafka, deployment, selection)
    await discard.discard("test data")
    assert discard.outcomes["announce"].resolved == 2
    assert len(await records(kafka, names.dlq(unique, "announce"))) == 5
    assert ids(await listed(kafka, deployment)) == ["1", "2", "3"]
    gone = [each for each in await listed(kafka, deployment, Selection(resolved=True)) if each.resolution]
    assert {(each.resolution.kind, each.resolution.reason) for each in gone} == {("discarded", "test data")}
    assert (await replayed(kafka, deployment, "announce")).outcomes["announce"].resolved == 3
    named = Replay(kafka, deployment, Selection(units=ANNOUNCE, ids=frozenset({"0"})), force=True)
    await named.replay()
    assert named.outcomes["announce"].resolved == 1


async def test_units_that_share_a_dlq_topic_get_their_own_only(tmp_path, kafka, unique):
    """Whose a dead letter is, its header says, not its topic."""
    text = (
        "deployment: {name}\ntopics: {{ {name}.in: {{ partitions: 1 }} }}\nsinks:\n"
        "  announce: {{ use: script, from: {name}.in, on_error: {{ dlq: {name}.bad }} }}\n"
        "  other: {{ use: script, from: {name}.in, on_error: {{ dlq: {name}.bad }} }}\n"
    )
    deployment = await deployed(tmp_path, kafka, unique, text)
    await failed(kafka, deployment, numbered(2))
    await failed(kafka, deployment, numbered(3), unit="other")
    outcomes = (await replayed(kafka, deployment, "other")).outcomes
    assert {name: outcome.resolved for name, outcome in outcomes.items()} == {"other": 3}
    assert len(await records(kafka, names.inbox(unique, "other"))) == 3
    assert [letter.unit for letter in await listed(kafka, deployment)] == ["announce"] * 2
    everything = (await replayed(kafka, deployment)).outcomes
    assert {name: outcome.resolved for name, outcome in everything.items()} == {"announce": 2, "other": 0}


async def test_a_renamed_unit_inherits_its_dead_letters(tmp_path, kafka, unique):
    """What failed under the former name is replayed to the unit of today."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(2))
    text = (
        "deployment: {name}\ntopics: {{ {name}.in: {{ partitions: 1 }} }}\n"
        "sinks: {{ news: {{ use: script, from: {name}.in, renamed_from: announce }} }}\n"
    )
    renamed = await deployed(tmp_path, kafka, unique, text)
    assert [letter.unit for letter in await listed(kafka, renamed)] == ["news", "news"]
    assert (await replayed(kafka, renamed, "news")).outcomes["news"].resolved == 2
    assert len(await records(kafka, names.inbox(unique, "news"))) == 2


async def test_a_limit_replays_the_oldest_first(tmp_path, kafka, unique):
    """So many at most; the next run takes the next ones."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(5))
    for expected in (2, 2, 1):
        replay = Replay(kafka, deployment, Selection(units=ANNOUNCE, limit=2))
        await replay.replay()
        assert replay.outcomes["announce"].resolved == expected
    assert sorted(each.value for each in await records(kafka, names.inbox(unique, "announce"))) == sorted(
        each.raw for each in numbered(5)
    )


async def test_a_dlq_topic_made_anew_has_new_dead_letters(tmp_path, kafka, unique):
    """What was resolved on the deleted topic doesn't hide what now lies at the same offsets."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(3))
    await replayed(kafka, deployment, "announce")
    topic = names.dlq(unique, "announce")
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await until(gone, "the topic's deletion")
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(2), error=Transient("worn out"))
    assert ids(await listed(kafka, deployment)) == ["0", "1"]


async def test_an_unknown_unit_is_refused_before_anything_is_read(tmp_path, kafka, unique):
    """The error names the units that there are."""
    deployment = await deployed(tmp_path, kafka, unique)
    with pytest.raises(ConfigError, match="no unit named anounce; the deployment has announce, other"):
        Replay(kafka, deployment, Selection(units=frozenset({"anounce"})))


async def test_a_replay_survives_nothing_but_can_be_repeated_after_a_broker_s_crash(tmp_path, unique, monkeypatch):
    """The broker dies in the middle: the command ends in good time and says so; the next one does the rest, once."""
    monkeypatch.setattr(replaying, "BATCH", 5)
    monkeypatch.setattr("hub.kafka.exactly_once.writer.WAIT", 0.2)
    async with kafka_server(private=True) as server:
        kafka = KafkaSettings(bootstrap_servers=server.url)
        deployment = await deployed(tmp_path, kafka, unique)
        await failed(kafka, deployment, numbered(30))
        flush, batches = TransactionWriter.flush, 0

        async def dying(self: TransactionWriter) -> None:
            nonlocal batches
            batches += 1
            if batches == 3:
                server.kill()
            await flush(self)

        monkeypatch.setattr(TransactionWriter, "flush", dying)
        first = Replay(kafka, deployment, Selection(units=ANNOUNCE))
        with pytest.raises(NotConnected):
            await asyncio.wait_for(first.replay(), 60)
        assert first.outcomes["announce"].resolved == 10
        await server.start()
        again = await replayed(kafka, deployment, "announce")
        assert again.outcomes["announce"].resolved == 20
        back = await records(kafka, names.inbox(unique, "announce"))
    assert sorted(each.value for each in back) == sorted(each.raw for each in numbered(30))


async def test_notes_about_dead_letters_that_are_gone_are_removed(tmp_path, kafka, unique):
    """The table of resolutions doesn't outgrow the topics that it is about."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, numbered(6))
    await replayed(kafka, deployment, "announce")
    dlq = TopicPartition(names.dlq(unique, "announce"), 0)
    async with clients.running(clients.admin(kafka)) as admin:
        await admin.delete_records({dlq: RecordsToDelete(before_offset=4)})
    await replayed(kafka, deployment, "announce")
    async with CompactedTable(kafka, names.resolutions(unique)) as table:
        assert sorted(await table.items()) == [f"{dlq.topic}-0@{offset}".encode() for offset in (4, 5)]


async def test_an_event_without_key_and_data_goes_back_too(tmp_path, kafka, unique):
    """The least that an event can be."""
    deployment = await deployed(tmp_path, kafka, unique)
    await failed(kafka, deployment, [Event(type="script.event", source="/test", id="1")])
    assert (await replayed(kafka, deployment, "announce")).outcomes["announce"].resolved == 1
    (back,) = await records(kafka, names.inbox(unique, "announce"))
    assert (back.key, back.value) == (None, None)
    assert Event.from_kafka(back.key, back.value, back.headers).id == "1"
