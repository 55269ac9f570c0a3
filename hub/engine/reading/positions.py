"""Where a consumer group starts: at its committed position, or where the unit was told to; never by a jump."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetMetadataTooLargeError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from hub.engine.ledger.accounts import LIMIT, Accounts
from hub.engine.reading.frontier import decode
from hub.engine.reading.retention import Seen, positions_kept, span
from hub.kafka import clients
from hub.kafka.exactly_once import stable_positions
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import ConfigError, HubError

LONGEST_NOTE = 4096
"""Bytes of metadata that a broker takes with a position by default (``offset.metadata.max.bytes``)."""
LONGEST_ACCOUNT = LIMIT + len(" ledger=")
COMMIT_BYTES = 512 * 2**10
"""Bytes of one commit. Brokers before Kafka 4 append all of it as one batch to ``__consumer_offsets``, and refuse what
is larger than ``message.max.bytes`` (1,048,588 by default) with INVALID_COMMIT_OFFSET_SIZE; 4.1 took 1.2 MB."""
LEAST_BYTES = 8 * 2**10
_SHORTEST = 32
_ENTRY = 64  # bytes of a position beside topic, group and note: its lengths, versions and times
_log = logging.getLogger("hub.engine.reading.positions")
_NOTE = re.compile(r"partitions=(\d+)")
_START = re.compile(r"\bstart=(\d+)")


class EventsExpired(ConfigError):
    """The group's position is no longer on the topic: retention deleted events that were not read."""


_CHOSEN = timedelta(hours=1)
"""How much earlier than what was suggested a unit may be told to start, where its positions were forgotten."""


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def pieces(
    noted: Mapping[TopicPartition, tuple[int, str]], group: str, limit: int = COMMIT_BYTES
) -> Iterator[dict[TopicPartition, tuple[int, str]]]:
    """Positions in so many commits that none is too large for a broker; one position at least in each.

    Args:
        noted: by partition the offset, and what is noted with it.
        group: whose.
        limit: bytes of a commit.
    """
    piece: dict[TopicPartition, tuple[int, str]] = {}
    size = 0
    for at, each in noted.items():
        takes = len(at.topic) + len(group) + len(each[1]) + _ENTRY
        if piece and size + takes > limit:
            yield piece
            piece, size = {}, 0
        piece[at] = each
        size += takes
    if piece:
        yield piece


def start_of(note: str) -> int | None:
    """Where a group began to read a partition, by what it notes with its position; None where it didn't note that."""
    found = _START.search(note)
    return int(found[1]) if found else None


class Positions:
    """The positions of one consumer in its group.

    With each commit the group notes at which offset it began on the partition: what lies before it has never read. It
    also notes how many partitions the topic had when the group was new to it. A partition without
    a position that was there then belongs to a start that is going on in several workers, and begins where the unit was
    told to; one that was added later was empty then, so all of it is unread. Last, the note holds the partition's
    account, see `hub.engine.ledger.accounts`.

    Args:
        settings: how to reach Kafka.
        consumer: of the group.
        group: its name.
        starts: topic → where a group that is new to it begins: ``latest``, ``earliest`` or an RFC 3339 time.
        former_group: group whose positions a renamed unit takes over, where it has none of its own.
        seen: gives when a worker of the group was last at work, if that is known.

    Attributes:
        accounts: what became of the events of our partitions.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        consumer: AIOKafkaConsumer,
        group: str,
        starts: Mapping[str, str],
        former_group: str | None,
        seen: Callable[[], Seen | None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._group = group
        self._starts = starts
        self._former_group = former_group
        self._seen = seen
        self._counts: dict[str, int] = {}
        self._began: dict[TopicPartition, int] = {}
        self.found: dict[TopicPartition, tuple[int, str]] = {}
        """Position and metadata of each partition that had them when it was assigned last."""
        self.accounts = Accounts()
        self._longest = LONGEST_NOTE

    async def take(self, assigned: Sequence[TopicPartition]) -> None:
        """Seeks each partition to where it goes on; what is new to the group is committed at once.

        Else a crash before the first commit would move the start to a later "latest".

        Raises:
            EventsExpired: retention deleted what the group had not read.
        """
        committed = await self._committed(assigned)
        self.found = {at: (each.offset, each.metadata) for at, each in committed.items() if at in assigned}
        missing = [partition for partition in assigned if partition not in committed]
        kept = {partition: committed[partition] for partition in assigned if partition in committed}
        found = {partition: each.offset for partition, each in kept.items()}
        fresh: dict[TopicPartition, int] = {}
        if missing and self._former_group:
            kept |= await self._former(missing)
            fresh |= {partition: kept[partition].offset for partition in missing if partition in kept}
        if assigned and not committed and not fresh:
            await self._check_expiry()
        for partition in missing:
            if partition not in fresh:
                fresh[partition] = self._began[partition] = await self._offset_at(partition, self._start(partition))
        await self._check_retention(found | fresh)
        notes = {partition: each.metadata for partition, each in kept.items()}
        self.accounts.restore({at: (offset, notes.get(at, "")) for at, offset in (found | fresh).items()})
        for partition, offset in (found | fresh).items():
            self._consumer.seek(partition, offset)
        await self._begin(fresh)

    async def _begin(self, fresh: Mapping[TopicPartition, int]) -> None:
        while True:
            try:
                for piece in pieces(self.noted(fresh), self._group):
                    await self._consumer.commit(piece)
            except OffsetMetadataTooLargeError:
                if not self.shorten():
                    raise
            else:
                return

    def shorten(self) -> bool:
        """The broker takes no notes as long as these (its ``offset.metadata.max.bytes`` is lower): makes them shorter.

        What is settled beyond a position is noted less far then; with very few bytes the ledger isn't kept over
        restarts, nor where the group began.

        Returns:
            False where they are empty already.
        """
        if not self._longest:
            return False
        self._longest = self._longest // 2 if self._longest > _SHORTEST else 0
        _log.warning(
            "group %s: the broker refuses notes as long as usual with a position (offset.metadata.max.bytes); they are "
            "%d bytes at most from now on. Less is remembered over a restart; 4096 is what is wanted.",
            self._group,
            self._longest,
        )
        return True

    def noted(
        self,
        offsets: Mapping[TopicPartition, int],
        notes: Mapping[TopicPartition, Callable[[int], str]] = MappingProxyType({}),
    ) -> dict[TopicPartition, tuple[int, str]]:
        """Offsets as they are committed, with what the group notes.

        Args:
            offsets: of the next record to read.
            notes: by partition what gives the offsets settled beyond it, as `frontier` writes them, in so many
                bytes at most.
        """
        return {partition: (offset, self._note(partition, offset, notes)) for partition, offset in offsets.items()}

    def _note(
        self, partition: TopicPartition, offset: int, notes: Mapping[TopicPartition, Callable[[int], str]]
    ) -> str:
        began = self._began.get(partition)
        start = "" if began is None else f"start={began} "
        note = f"partitions={self._counts.get(partition.topic, 0)} {start}"
        longest = self._longest
        reserved = LONGEST_ACCOUNT if longest == LONGEST_NOTE else longest // 2
        settled = notes[partition](max(0, longest - reserved - len(note))) if partition in notes else ""
        account = self.accounts.note(
            partition, offset, decode(settled, offset), max(0, reserved - LONGEST_ACCOUNT + LIMIT)
        )
        for text in (f"{note}{settled} {account}" if settled else f"{note}{account}", f"{note}{settled}"):
            if len(text) <= longest:
                return text
        return ""

    def committed(self, noted: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """What `noted` gave is committed."""
        for partition, (offset, note) in noted.items():
            self.accounts.committed(partition, offset, decode(note, offset))

    async def expired(self, error: OffsetOutOfRangeError) -> HubError:
        """What it means that a position is not on its partition."""
        (partition, position), *_ = error.args[0].items()
        beginning = int((await self._consumer.beginning_offsets([partition]))[partition])
        if beginning <= position:
            return ConfigError(
                f"group {self._group} stands at offset {position} of {partition.topic}-{partition.partition}, which is "
                "past its end: the topic was deleted and made anew, or lost data. Set the group's position by hand."
            )
        return self._lost(partition, position, beginning)

    async def _committed(self, assigned: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """All positions of the group on the topics of these partitions; learns how many partitions they had."""
        current = {each.topic: self._consumer.partitions_for_topic(each.topic) or set() for each in assigned}
        wanted = [TopicPartition(topic, number) for topic, numbers in current.items() for number in numbers]
        # Stable ones: a worker that had them before us may have a transaction open that is about to commit.
        committed = await stable_positions(self._consumer, wanted)
        for topic, numbers in current.items():
            notes = [_NOTE.match(each.metadata) for at, each in committed.items() if at.topic == topic]
            counts = [int(note[1]) for note in notes if note]
            # A group of another program, or of an older version, noted nothing: what it has no position on is new.
            known = max(counts, default=0) or sum(1 for each in committed if each.topic == topic) or len(numbers)
            self._counts.setdefault(topic, known)
        noted = {at: start for at, each in committed.items() if (start := start_of(each.metadata)) is not None}
        self._began |= noted
        return committed

    def _start(self, partition: TopicPartition) -> str:
        added = partition.partition >= self._counts[partition.topic]
        return "earliest" if added else self._starts[partition.topic]

    async def _former(self, missing: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        async with clients.running(clients.consumer(self._settings, group=self._former_group)) as former:
            return await stable_positions(former, missing)

    async def _offset_at(self, partition: TopicPartition, start: str) -> int:
        if start == "earliest":
            return int((await self._consumer.beginning_offsets([partition]))[partition])
        if start != "latest":
            moment = int(datetime.fromisoformat(start).timestamp() * 1000)
            found = (await self._consumer.offsets_for_times({partition: moment}))[partition]
            if found is not None:
                return int(found.offset)
        return int((await self._consumer.end_offsets([partition]))[partition])

    async def _check_expiry(self) -> None:
        """Tells a group whose positions the brokers have forgotten from one that is new.

        Raises:
            EventsExpired: it has been down for longer than they keep positions: it would pass over events, or repeat
                all that there are.
        """
        seen = self._seen()
        kept = await positions_kept(self._settings) if seen is not None else None
        if seen is None or kept is None or datetime.now(UTC) - seen.at < kept:
            return  # in the last case somebody has deleted them, and wants it to begin anew
        times = {start for start in self._starts.values() if start not in ("earliest", "latest")}
        chosen = [start for start in times if timedelta() <= seen.safe - datetime.fromisoformat(start) <= _CHOSEN]
        if chosen:
            self._starts = dict.fromkeys(self._starts, chosen[0])
            return
        raise EventsExpired(
            f"the brokers have forgotten where group {self._group} stood: it was last at work at {_moment(seen.at)}, "
            f"and they keep the positions of a group without members for {span(kept.total_seconds())} "
            f"(offsets.retention.minutes). Write `start: {_moment(seen.safe)}` to go on there: nothing is passed over, "
            "and what it had read after that comes again. Or set the group's position by hand."
        )

    async def _check_retention(self, positions: Mapping[TopicPartition, int]) -> None:
        if not positions:
            return
        for partition, beginning in (await self._consumer.beginning_offsets(list(positions))).items():
            if positions[partition] < beginning:
                raise self._lost(partition, positions[partition], beginning)

    def _lost(self, partition: TopicPartition, position: int, beginning: int) -> EventsExpired:
        return EventsExpired(
            f"retention deleted {beginning - position} events of {partition.topic}-{partition.partition} that group "
            f"{self._group} had not read, marks of transactions counted in: offsets {position} to {beginning - 1}. "
            "Raise the topic's retention; to go on without them, set the group's position by hand."
        )
