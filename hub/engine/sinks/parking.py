"""Keys whose order is kept over dead letters: what follows a dead letter is parked behind it until it has its way.

A sink with ``dlq_order: key`` sends nothing of a key that has an open dead letter. Live events of such a key are
dead-lettered as `Parked`. A letter stops holding its key when it was discarded, or when its replay has been delivered;
a replay that fails again takes its letter's place. While all letters of a key are on their way back, its live events
wait for them in memory.

All of that is on Kafka: the DLQ topic, and the resolutions, where the sink notes how replays ended. Both are followed,
so that it holds over restarts and among several workers.

Two things would hold a key for ever, and are looked for now and then: a letter that retention has deleted, which nobody
can replay or discard; and one that was replayed for a sink which did not keep order then and noted no end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata
from pydantic import ValidationError

from hub.engine.dlq.deadletter import REPLY, Origin, read_dead_letter
from hub.engine.dlq.resolutions import ANNOUNCED, Resolution, announcement
from hub.engine.sinks import strays
from hub.engine.sinks.letters import Held, Letters
from hub.engine.sinks.strays import replay_of
from hub.kafka import clients, topics
from hub.kafka.compacted import CompactedTable
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import table_topic
from hub.sdk.errors import HubError, NotConnected, Permanent
from hub.sdk.event import Header

CATCH_UP = 60.0
"""Seconds that catching up with what others have written may take."""
LOOK_EVERY = 30.0
"""Seconds between two looks at what retention has left of the dead letters."""
STRAY_AFTER = 10.0
"""Seconds that a key waits for replays before it is looked for them on the sink's inbox, and between two such looks."""
_AT_ONCE = 500  # letters that are looked at before others have a turn
_log = logging.getLogger("hub.engine.sinks.parking")


class Parked(Permanent):
    """An event was set aside, not tried: an earlier one of its key is in the dead letter queue."""


class Way(Enum):
    """Where an event of a key may go."""

    OUT = "to the far side"
    WAIT = "until the replays of its key are through"
    PARK = "behind the dead letters of its key"


class _Hold(Enum):
    OPEN = "somebody must replay or discard it"
    ON_ITS_WAY = "it is being replayed"
    OVER = "it holds nothing any more"


class Parking:
    """The open dead letters of one sink, by key.

    Args:
        settings: how to reach Kafka.
        unit: name of the sink.
        former: names that it had before; their dead letters count as well.
        dlq: topics where they lie.
        resolutions: topic that says what became of dead letters.
        group: the sink's consumer group.
        inbox: topic where its replays come from.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        unit: str,
        former: Collection[str] = (),
        dlq: Collection[str],
        resolutions: str,
        group: str,
        inbox: str,
    ) -> None:
        self._settings = settings
        self._unit = unit
        self._group = group
        self._inbox = inbox
        self._units = frozenset((unit, *former))
        self._announcement = announcement(unit)
        self._topics = tuple(dlq)
        self._table = CompactedTable(settings, resolutions, follow=True)
        self._letters = Letters()
        self._waits: dict[bytes, float] = {}
        self._deleted = self._strays = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._following: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()

    async def start(self) -> None:
        """Reads what there is.

        Raises:
            HubError: Kafka can't be reached, or refuses us.
        """
        await topics.ensure_topics(self._settings, [table_topic(self._table.topic)])
        await self._table.start()
        known = await topics.describe_topics(self._settings, list(self._topics))
        partitions = [TopicPartition(name, each) for name, topic in known.items() for each in range(topic.partitions)]
        self._consumer = clients.consumer(self._settings)
        await clients.start(self._consumer)
        if not partitions:
            return
        try:
            self._consumer.assign(partitions)
            self._positions = dict(await self._consumer.beginning_offsets(partitions))
            for partition, offset in self._positions.items():
                self._consumer.seek(partition, offset)
        except KafkaError as error:
            raise kafka_error(error, "following dead letters") from error
        self._following = asyncio.create_task(self._follow(self._consumer))
        await self.catch_up()
        self._looking = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Disconnects."""
        tasks = [each for each in (self._following, self._looking) if each is not None]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._consumer is not None:
            await clients.close(self._consumer)
        await self._table.stop()

    async def catch_up(self) -> None:
        """Reads what others have written until now; others had our partitions before us.

        Raises:
            HubError: Kafka's.
        """
        if self._following is None or self._consumer is None:
            return
        self._waits.clear()
        await self._table.refresh()
        try:
            ends = await self._consumer.end_offsets(list(self._positions))
        except KafkaError as error:
            raise kafka_error(error, "following dead letters") from error

        def reached() -> bool:
            return (
                self._following is None
                or self._following.done()
                or all(self._positions[partition] >= end for partition, end in ends.items())
            )

        try:
            async with asyncio.timeout(CATCH_UP), self._moved:
                await self._moved.wait_for(reached)
        except TimeoutError as error:
            raise NotConnected(f"could not read the dead letters to their end within {CATCH_UP:g} s") from error
        self._check()

    async def way(self, key: bytes | None, headers: Sequence[Header]) -> Way:
        """Where an event may go now.

        Args:
            key: of its record.
            headers: of its record; a replay says there which letter it is.

        Raises:
            HubError: nobody can say any more.
        """
        self._check()
        if key is None or not self._letters.of(key):
            if self._waits and key is not None:
                self._waits.pop(key, None)
            return Way.OUT
        place = replay_of(headers)
        if place is not None and place not in self._letters.of(key):
            return Way.OUT  # it had its way before, and comes again after a crash
        held = await self._hold_of(key, place)
        if held is _Hold.OVER:
            return Way.OUT
        if held is _Hold.ON_ITS_WAY:
            self._waits.setdefault(key, time.monotonic())
            return Way.WAIT if place is None else Way.PARK
        # While dead letters are being replayed nothing more is parked, or a busy key would never come through.
        return Way.WAIT if place is None and await self._announced() else Way.PARK

    async def _hold_of(self, key: bytes, mine: Origin | None) -> _Hold:
        """What keeps an event of a key back: of a replay, only letters that come before its own."""
        letters = self._letters.of(key)
        order = letters[mine].order if mine is not None else None
        hold = _Hold.OVER
        for place in list(letters):
            letter = letters.get(place)
            if place == mine or letter is None or (order is not None and not letter.order.before(order)):
                continue
            found = await self._look_at(place, mine)
            if found is _Hold.OPEN:
                return found
            if found is _Hold.ON_ITS_WAY:
                hold = found
            now = letters.get(mine) if mine is not None else None
            if mine is not None and (now is None or now.order != order):
                # Its own place became known by that: what stood before it may come after it.
                return await self._hold_of(key, mine) if now is not None else _Hold.OVER
        return hold

    async def _look_at(self, place: Origin, mine: Origin | None = None) -> _Hold:
        """Whether a letter holds its key; where its replay failed again, whether that one does, which took its place.

        Args:
            place: of the letter.
            mine: of the one whose turn is asked for, which doesn't hold itself back.
        """
        while place != mine:
            resolution = await self._resolution(place)
            if resolution is None:
                return _Hold.OPEN
            if resolution.kind == "replayed" and resolution.sequenced and not resolution.ended:
                return _Hold.ON_ITS_WAY
            again = Origin.parse(resolution.again)
            if again is None:
                self._letters.drop(place)
                break
            if not self._letters.replace(place, again):
                break
            place = again
        return _Hold.OVER

    async def buried(self, key: bytes | None, headers: Sequence[Header], written: RecordMetadata) -> None:
        """An event of ours was dead-lettered; its later ones go behind it from now on."""
        place = Origin(written.topic, written.partition, written.offset)
        if key is not None:
            self._letters.add(key, place, written.timestamp, replay_of(headers))
        await self._ended(key, headers, again=str(place))

    async def delivered(self, key: bytes | None, headers: Sequence[Header]) -> None:
        """An event of ours was delivered; if it was a replay, its letter holds nothing any more.

        Raises:
            HubError: that could not be written; the event is to be delivered again.
        """
        await self._ended(key, headers, again="")

    async def _ended(self, key: bytes | None, headers: Sequence[Header], *, again: str) -> None:
        place = replay_of(headers)
        if place is None or key is None:
            return
        if await self._resolution(place) is None:
            await self._table.refresh()
        await self._note_end(place, again=again)
        self._letters.drop(place)

    async def _note_end(self, place: Origin, *, again: str) -> None:
        resolution = await self._resolution(place)
        if resolution is not None and resolution.sequenced:
            ended = resolution.model_copy(update={"ended": True, "again": again})
            await self._table.put(str(place).encode(), ended.model_dump_json().encode())

    async def _announced(self) -> bool:
        entry = await self._table.get(self._announcement)
        return entry is not None and time.time() - entry.timestamp / 1000 < ANNOUNCED

    async def _resolution(self, place: Origin) -> Resolution | None:
        entry = await self._table.get(str(place).encode())
        if entry is None:
            return None
        try:
            return Resolution.model_validate_json(entry.value)
        except ValidationError:
            return None  # as an open one: to hold a key for too long is better than to break its order

    # Following

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=500, max_records=1000)).items():
                    for record in records:
                        await self._read(record)
                    self._positions[partition] = records[-1].offset + 1
                for partition in self._positions:
                    self._positions[partition] = await consumer.position(partition)
                async with self._moved:
                    self._moved.notify_all()
        finally:
            async with self._moved:
                self._moved.notify_all()

    async def _read(self, record: Any) -> None:
        key, place = record.key, Origin(record.topic, record.partition, record.offset)
        failure = read_dead_letter(record.headers)
        if key is None or failure.unit not in self._units or failure.stage == REPLY:
            return
        self._letters.add(key, place, record.timestamp, replay_of(record.headers))
        resolution = await self._resolution(place)
        if resolution is not None and resolution.timestamp == record.timestamp:
            await self._look_at(place)

    # Looking after what would hold keys for ever

    @property
    def held(self) -> Held:
        """What is held now."""
        now = time.monotonic()
        return Held(
            keys=self._letters.keys(),
            waiting=len(self._waits),
            waiting_seconds=round(now - min(self._waits.values(), default=now), 1),
            deleted=self._deleted,
            strays=self._strays,
        )

    async def _look_after(self) -> None:
        looked = time.monotonic()
        while True:
            await asyncio.sleep(STRAY_AFTER)
            try:
                if time.monotonic() - looked >= LOOK_EVERY:
                    await self._look_for_deleted()
                    looked = time.monotonic()
                await self._look_for_strays()
            except Exception as error:  # noqa: BLE001  whatever it is, the next look may work again
                _log.warning("%s: could not look after its dead letters now: %s", self._unit, error or type(error))

    async def _look_for_deleted(self) -> None:
        """Lets go of letters that are resolved, or that retention has deleted."""
        assert self._consumer is not None  # started
        for number, place in enumerate(self._letters.places()):
            await self._look_at(place)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        deleted = self._letters.delete(await self._consumer.beginning_offsets(list(self._positions)))
        lost = [place for place in deleted if await self._resolution(place) is None]
        self._deleted += len(lost)
        if lost:
            _log.warning(
                "%s: retention deleted %d dead letters that nobody had replayed or discarded, %s among them; "
                "their keys go on without them",
                self._unit,
                len(lost),
                lost[0],
            )

    async def _look_for_strays(self) -> None:
        """Lets keys go on whose replays were consumed by somebody who noted nothing: the sink kept no order then.

        Such a replay is no longer on the inbox, and yet hasn't ended: an end is noted before the position moves on.
        """
        since = time.monotonic() - STRAY_AFTER
        keys = [key for key, at in self._waits.items() if at <= since]
        waited_for = [
            place
            for key in keys
            for place in list(self._letters.of(key))
            if await self._look_at(place) is _Hold.ON_ITS_WAY
        ]
        if waited_for:
            coming = await strays.on_their_way(self._settings, group=self._group, inbox=self._inbox)
            await self._table.refresh()
            for place in waited_for:
                if place not in coming and await self._look_at(place) is _Hold.ON_ITS_WAY:
                    await self._note_end(place, again="")
                    self._letters.drop(place)
                    self._strays += 1
                    _log.warning(
                        "%s: the replay of %s is not on %s any more, and nobody noted how it ended, as where the "
                        "sink kept no order over dead letters meanwhile; its key goes on",
                        self._unit,
                        place,
                        self._inbox,
                    )
        for key in keys:
            if not self._letters.of(key):
                self._waits.pop(key, None)

    def _check(self) -> None:
        if self._following is not None and self._following.done():
            error = self._following.exception()
            if isinstance(error, HubError):
                raise error
            raise kafka_error(error or NotConnected("nobody follows the dead letters"), "following dead letters")
