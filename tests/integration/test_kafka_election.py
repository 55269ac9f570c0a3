"""The election of a leader on the real Kafka."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from hub.kafka.election import Election, Term
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import TopicSpec, ensure_topics
from tests.integration.engine import until


async def standing(kafka: KafkaSettings, group: str, name: str) -> Election:
    await ensure_topics(kafka, [TopicSpec(group, 1)])
    election = Election(kafka, group=group, topic=group, name=name)
    await election.start()
    return election


async def won(election: Election) -> Term:
    return await asyncio.wait_for(election.won(), 20)


async def test_one_leads_and_the_other_knows_who(kafka, unique):
    """Whoever joins second stands by, and the first goes on leading."""
    first = await standing(kafka, unique, "first")
    term = await won(first)
    joining = asyncio.create_task(standing(kafka, unique, "second"))
    await asyncio.wait_for(
        term.over.wait(), 20
    )  # every rebalance ends a term, also where it gives the next to the same
    term.end()
    second = await joining
    try:
        assert not (await won(first)).over.is_set()
        assert (first.leader, second.leader) == ("first", "first")
        assert await first.confirm()
        assert not await second.confirm()
    finally:
        await second.stop()
        await first.stop()


async def test_a_leader_that_leaves_hands_over_at_once(kafka, unique):
    """No session has to run out."""
    first = await standing(kafka, unique, "first")
    (await won(first)).end()
    second = await standing(kafka, unique, "second")
    (await won(first)).end()
    try:
        began = time.monotonic()
        await first.stop()
        assert not (await won(second)).over.is_set()
        assert time.monotonic() - began < 4
        assert second.leader == "second"
    finally:
        await second.stop()


async def test_the_next_leads_only_once_the_one_before_has_let_go(kafka, unique):
    """A leader that is told to end its term gets time to."""
    first = await standing(kafka, unique, "first")
    term = await won(first)
    second = asyncio.create_task(standing(kafka, unique, "second"))
    await asyncio.wait_for(term.over.wait(), 20)
    done, _ = await asyncio.wait({second}, timeout=1)
    assert not done
    term.end()
    other = await second
    await other.stop()
    await first.stop()


async def test_a_leader_that_was_replaced_is_told_so_when_it_asks(kafka, unique):
    """As one that was suspended: it has heard nothing, and the group has gone on; once it hears, it stands by."""
    first = await standing(kafka, unique, "first")
    joining = asyncio.create_task(standing(kafka, unique, "second"))
    term = await won(first)
    await asyncio.wait_for(term.over.wait(), 20)
    coordinator = first._consumer._coordinator
    heartbeat, coordinator._heartbeat_routine = coordinator._heartbeat_routine, silent
    term.end()
    second = await joining
    try:
        term = await won(first)
        assert not (await won(second)).over.is_set()
        assert second.leader == "second"
        assert not term.over.is_set()
        coordinator._heartbeat_routine = heartbeat
        assert not await first.confirm()
        await asyncio.wait_for(term.over.wait(), 20)
        term.end()
        await until(lambda: first.leader == "second", "the return of the first as a standby")
        assert not (await won(second)).over.is_set()
    finally:
        await second.stop()
        await first.stop()


async def silent() -> None:
    """A heartbeat that never comes."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
