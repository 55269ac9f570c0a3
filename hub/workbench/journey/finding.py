"""Looks for the records of an event. Kafka has no index by id, so topics are read, for a limited time back."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from aiokafka import TopicPartition

from hub.engine.dlq.backlog import Backlog
from hub.engine.dlq.deadletter import Origin
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import ConfigError
from hub.sdk.event import STRUCTURED
from hub.workbench.journey.footprint import Footprint, footprint
from hub.workbench.journey.window import Searched, Window

MOST = 1_000
"""Records that a search keeps; an id that is no id, on millions of records, must not fill the memory."""

_NAMED = 5  # ids that a message about several events names
_ABBREVIATED = re.compile(r"[0-9a-f]{8}[0-9a-f-]*\Z", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}(/|\Z)", re.IGNORECASE)


async def find(
    settings: KafkaSettings, topics: Collection[str], wanted: str, window: Window, searched: Searched
) -> list[Footprint]:
    """The records of an event.

    Args:
        settings: how to reach Kafka.
        topics: where to look; those that don't exist are empty.
        wanted: the event's id, or how it begins; or a place, ``topic-partition@offset``.
        window: when they were written; newer records are looked at first, and older ones only if none was found.
        searched: is brought up to date.

    Returns:
        Those of the event and of what was derived from it (``id/…``); those of another id only where it is the one
        that begins like this.

    Raises:
        ConfigError: the ids of several events begin like this.
        HubError: Kafka's.
    """
    place = Origin.parse(wanted)
    if place is not None:
        searched.topics.add(place.topic)
        return [footprint(record) for record in await read_at(settings, [place])]
    hits: dict[Origin, Footprint] = {}
    for part in window.slices():
        searched.since = part.since
        await _search(settings, topics, wanted.encode(), part, hits, searched)
        if any(_is(hit.id, wanted) or _is_abbreviated(hit.id, wanted) for hit in hits.values()):
            break
    return _chosen(list(hits.values()), wanted)


async def read_at(settings: KafkaSettings, places: Collection[Origin]) -> list[Any]:
    """The records at these places, as far as they are still there."""
    found: list[Any] = []
    async with Backlog(settings, {place.topic for place in places}) as backlog:
        first, last = backlog.beginnings, backlog.ends
        for topic, number, offset in places:
            partition = TopicPartition(topic, number)
            if first.get(partition, 0) <= offset < last.get(partition, 0):
                backlog.starts, backlog.ends = {partition: offset}, {partition: offset + 1}
                async for batch in backlog.batches():
                    found += batch
    return found


async def _search(
    settings: KafkaSettings,
    topics: Collection[str],
    wanted: bytes,
    window: Window,
    hits: dict[Origin, Footprint],
    searched: Searched,
) -> None:
    async with Backlog(settings, topics, since=window.since, until=window.until) as backlog:
        searched.topics |= {each.topic for each in backlog.ends}
        async for batch in backlog.batches():
            searched.records += len(batch)
            for record in batch:
                if _begins(record, wanted) and len(hits) < MOST:
                    hit = footprint(record)
                    hits[hit.place] = hit


def _begins(record: Any, wanted: bytes) -> bool:
    """Whether the id of the record's event begins like this; parses nothing where the headers say it."""
    structured = False
    for name, value in record.headers:
        if name == "ce_id":
            return value is not None and bool(value.startswith(wanted))
        if name == "content-type" and value is not None and value.startswith(STRUCTURED.encode()):
            structured = True
    if structured and wanted in (record.value or b""):
        return footprint(record).id.encode().startswith(wanted)
    return False


def _is(id_: str, wanted: str) -> bool:
    return id_ == wanted or id_.startswith(f"{wanted}/")


def _is_abbreviated(id_: str, wanted: str) -> bool:
    """Whether it is the beginning of a UUID, long enough to mean no other."""
    return bool(_ABBREVIATED.match(wanted) and _UUID.match(id_))


def _chosen(hits: list[Footprint], wanted: str) -> list[Footprint]:
    exact = [hit for hit in hits if _is(hit.id, wanted)]
    if exact or not hits:
        return exact
    ids = sorted({hit.id for hit in hits}, key=len)
    events: list[str] = []
    for each in ids:
        if not any(_is(each, known) for known in events):
            events.append(each)
    if len(events) > 1:
        named = ", ".join(sorted(events)[:_NAMED])
        more = f" and {len(events) - _NAMED:,} more" if len(events) > _NAMED else ""
        raise ConfigError(f"the ids of {len(events):,} events begin with {wanted}: {named}{more}. Give more of the id")
    return hits
