"""Sends dead letters back to the unit that failed, or writes them off; each of them once.

What is sent and the note that it was sent lie in one transaction, and the transactional id is the DLQ topic's. So a
second command on the same topic fences the first, which stops; after a kill in the middle no half batch is left; and
what one command has resolved, the next one doesn't see.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from aiokafka import TopicPartition

from hub.deployment import Deployment
from hub.engine.dlq.backlog import Backlog
from hub.engine.dlq.deadletters import DeadLetters, Letter, check_units, queues_of
from hub.engine.dlq.resolutions import Kind, Resolutions
from hub.engine.dlq.selection import Selection
from hub.engine.dlq.wayback import Outcome, Refusal, way_back
from hub.engine.sinks.parking import Parked
from hub.kafka import topics
from hub.kafka.errors import Fenced
from hub.kafka.exactly_once import TransactionWriter
from hub.kafka.publisher import Record
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import table_topic

BATCH = 200
"""Dead letters in one transaction at most."""
FOLLOW_UPS = 20
"""Times at most that a replay goes back for what was parked behind it while it was at work."""
BATCH_BYTES = 8 * 2**20
"""Bytes in one transaction at most, but for one record that is larger by itself."""


class Replay:
    """Replays or discards the selected dead letters of a deployment; to be used once.

    Args:
        settings: how to reach Kafka.
        deployment: whose dead letters.
        selection: which. Those that were resolved are left out, but where they are named by their ids and forced.
        force: takes what was replayed too often, too.

    Attributes:
        outcomes: by unit; they say what was done also where an error ended it.

    Raises:
        ConfigError: the selection names a unit that there is not.
    """

    def __init__(
        self, settings: KafkaSettings, deployment: Deployment, selection: Selection, *, force: bool = False
    ) -> None:
        self._settings = settings
        self._deployment = deployment
        self._queues = queues_of(deployment)
        check_units(self._queues, selection.units)
        self._selection = replace(selection, resolved=force and bool(selection.ids))
        self._force = force
        self._by_unit = {queue.unit: queue for queue in self._queues}
        self._behind: set[tuple[str, bytes | None]] = set()
        self._sequences: set[tuple[str, bytes]] = set()
        self._resolutions = Resolutions(settings, deployment.name)
        self._letters = DeadLetters(settings, self._queues, self._resolutions)
        self.outcomes: dict[str, Outcome] = {
            queue.unit: Outcome(queue.unit, queue.kind)
            for queue in self._queues
            if not selection.units or queue.unit in selection.units
        }

    async def rehearse(self, kind: Kind = "replayed") -> None:
        """Counts what `replay` or `discard` would do, and touches nothing, not even one that is under way.

        Args:
            kind: which of the two.

        Raises:
            HubError: Kafka's.
        """
        limits = await self._limits()
        await self._resolutions.refresh()
        try:
            async for letter in self._selected(self._selection, kind):
                if kind == "discarded" or self._way_back(letter, limits) is not None:
                    self._count(letter)
        finally:
            await self._resolutions.stop()

    async def replay(self) -> None:
        """Sends the dead letters that exist now back to their units, in the order of their keys.

        One that fails again meanwhile isn't taken up again.

        Raises:
            Fenced: another replay or discard of the same DLQ topic has begun; what this one has done stays done.
            HubError: Kafka's; the same command again does only what wasn't done.
        """
        targets = self._targets()
        specs = [spec for spec in self._deployment.topic_specs() if spec.name in targets]
        await topics.ensure_topics(self._settings, specs)
        limits = await self._limits()

        def send(letter: Letter) -> list[Record] | None:
            record = self._way_back(letter, limits)
            return None if record is None else [record]

        began = datetime.now(UTC)
        try:
            await self._work(send, "replayed")
            await self._follow_up(send, began)
        finally:
            await self._resolutions.stop()

    async def _follow_up(self, send: Callable[[Letter], Sequence[Record] | None], began: datetime) -> None:
        """Replays what was parked meanwhile behind what was replayed, until nothing was: else a busy key stays parked.

        Args:
            send: as for `_work`.
            began: when the first ones were read.
        """
        chosen = self._selection
        for _ in range(FOLLOW_UPS):
            sequences, self._sequences = self._sequences, set()
            if not sequences or chosen.limit is not None:
                return
            self._selection = Selection(
                units=frozenset(unit for unit, _ in sequences),
                keys=frozenset(key.decode(errors="replace") for _, key in sequences),
                errors=frozenset({Parked.__name__}),
                since=began,
            )
            try:
                await self._work(send, "replayed")
            finally:
                self._selection = chosen

    async def discard(self, reason: str = "") -> None:
        """Writes dead letters off: they stay where they lie, and are no longer listed or replayed.

        Args:
            reason: kept with them.

        Raises:
            Fenced, HubError: as `replay`.
        """
        await topics.ensure_topics(self._settings, [table_topic(self._resolutions.topic)])
        try:
            await self._work(lambda _: [], "discarded", reason)
        finally:
            await self._resolutions.stop()

    async def _work(self, decide: Callable[[Letter], Sequence[Record] | None], kind: Kind, reason: str = "") -> None:
        """Goes through one DLQ topic after the other.

        Args:
            decide: gives what to write for a dead letter, beside the note that it is resolved; None leaves it.
            kind: what is noted.
            reason: what is noted.
        """
        left = self._selection.limit
        for topic in self._letters.topics(self._selection):
            selection = replace(self._selection, limit=left)
            writer = TransactionWriter(self._settings, self._transactional_id(topic), outputs=[self._resolutions.topic])
            sequenced = [unit for unit in self.outcomes if unit in self._by_unit and self._by_unit[unit].sequenced]
            batch = _Batch(topic, writer, self._resolutions, kind, reason, self._count, sequenced)
            # Where the order of keys is kept, what lies before the selected ones matters, too.
            since = None if sequenced else selection.since
            await writer.start()
            try:
                if kind == "replayed" and sequenced:
                    await writer.write([self._resolutions.announce(unit) for unit in sequenced])
                async with Backlog(self._settings, [topic], since=since) as backlog:
                    # Only now: whoever worked on this topic before can add nothing more, and has nothing open.
                    await self._resolutions.refresh()
                    seen = await self._go_through(selection, backlog, decide, batch)
                    await batch.tidy(backlog.beginnings)
                    if kind == "replayed" and sequenced and not self._sequences:
                        await writer.write([self._resolutions.announce(unit, over=True) for unit in sequenced])
            finally:
                await writer.stop()
            if left is not None:
                left -= seen
                if left <= 0:
                    return

    async def _go_through(
        self,
        selection: Selection,
        backlog: Backlog,
        decide: Callable[[Letter], Sequence[Record] | None],
        batch: _Batch,
    ) -> int:
        seen = 0
        async with aclosing(self._selected(selection, batch.kind, backlog)) as letters:
            async for letter in letters:
                seen += 1
                records = decide(letter)
                if records is not None:
                    await batch.add(letter, records)
        await batch.write()
        return seen

    def _way_back(self, letter: Letter, limits: Mapping[str, int]) -> Record | None:
        queue = self._by_unit.get(letter.unit)
        if self._is_held(letter):
            text = "an earlier dead letter of its key stays behind: replay or discard that first"
            found: Record | Refusal = Refusal(letter.place, "out_of_order", text)
        else:
            found = way_back(queue, letter, limits, force=self._force)
        if isinstance(found, Refusal):
            self._outcome(letter).refusals.append(found)
            self._leave_behind(letter)
            return None
        if queue is not None and queue.sequenced and letter.key is not None and not letter.is_reply:
            self._sequences.add((letter.unit, letter.key))
        return found

    def _is_held(self, letter: Letter) -> bool:
        """Whether its key's order keeps it from going back."""
        return (letter.unit, letter.key) in self._behind and not self._force and not letter.is_reply

    def _leave_behind(self, letter: Letter) -> None:
        """Notes that it stays, so that nothing of its key goes before it where the unit keeps the order."""
        queue = self._by_unit.get(letter.unit)
        waits = letter.key is not None and letter.resolution is None and not letter.is_reply
        if queue is not None and queue.sequenced and waits:
            self._behind.add((letter.unit, letter.key))

    async def _selected(
        self, selection: Selection, kind: Kind, backlog: Backlog | None = None
    ) -> AsyncGenerator[Letter]:
        """The selected dead letters; where a unit keeps the order of its keys, the others are looked at as well."""
        wide = selection
        if kind == "replayed" and any(self._by_unit[each].sequenced for each in self.outcomes if each in self._by_unit):
            wide = Selection(units=selection.units)
        left = selection.limit
        async with aclosing(self._letters.read(wide, backlog=backlog)) as letters:
            async for letter in letters:
                if wide is not selection and not selection.matches(letter):
                    self._leave_behind(letter)
                    continue
                yield letter
                if left is not None:
                    left -= 1
                    if left <= 0:
                        return

    def _outcome(self, letter: Letter) -> Outcome:
        """The one of the letter's unit; made where the deployment has no such unit any more."""
        return self.outcomes.setdefault(letter.unit, Outcome(letter.unit, "unit"))

    def _count(self, letter: Letter) -> None:
        self._outcome(letter).count(letter)

    def _transactional_id(self, topic: str) -> str:
        return f"hub.{self._deployment.name}.dlq.{topic}"

    async def _limits(self) -> dict[str, int]:
        return await topics.limits(self._settings, list(self._targets()))

    def _targets(self) -> set[str]:
        """What a replay writes to: the ways back of the selected units, and the notes."""
        chosen = [queue for queue in self._queues if queue.unit in self.outcomes]
        ways = {each for queue in chosen for each in (queue.inbox, *queue.types.values()) if each}
        return {*ways, self._resolutions.topic}


class _Batch:
    """Dead letters of one topic that are resolved in one transaction."""

    def __init__(
        self,
        topic: str,
        writer: TransactionWriter,
        resolutions: Resolutions,
        kind: Kind,
        reason: str,
        count: Callable[[Letter], None],
        sequenced: Collection[str] = (),
    ) -> None:
        self._topic = topic
        self._writer = writer
        self._resolutions = resolutions
        self._sequenced = sequenced
        self.kind = kind
        self._reason = reason
        self._count = count
        self._letters: list[Letter] = []
        self._records: list[Record] = []
        self._bytes = 0

    async def add(self, letter: Letter, records: Sequence[Record]) -> None:
        """Takes a dead letter in, with what is to be written for it; writes the batch first where it is full."""
        size = sum(record.size() for record in records)
        if len(self._letters) >= BATCH or (self._letters and self._bytes + size > BATCH_BYTES):
            await self.write()
        self._letters.append(letter)
        sequenced = letter.unit in self._sequenced and self.kind == "replayed" and letter.key is not None
        note = self._resolutions.mark(letter.place, letter.timestamp, self.kind, self._reason, sequenced=sequenced)
        self._records += [*records, note]
        self._bytes += size

    async def write(self) -> None:
        """Writes what it holds, and counts it."""
        if not self._letters:
            return
        try:
            await self._writer.write(self._records)
        except Fenced as error:
            raise Fenced(
                f"another replay or discard of {self._topic} has begun and takes over; this one stops. "
                "What it has done stays done, and the other doesn't do it again."
            ) from error
        for letter in self._letters:
            self._count(letter)
        self._letters, self._records, self._bytes = [], [], 0

    async def tidy(self, beginnings: Mapping[TopicPartition, int]) -> None:
        """Removes the notes about dead letters that retention has deleted."""
        outlived = self._resolutions.outlived(beginnings)
        for start in range(0, len(outlived), BATCH):
            await self._writer.write(outlived[start : start + BATCH])
