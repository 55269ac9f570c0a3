"""The suite of consuming sources."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from hub.sdk import ConsumingSource, Event, Received, Signal
from hub.testing.conformance.events import check_events
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import FAULTS, Fault
from hub.testing.conformance.secrets import Overheard
from hub.testing.conformance.unit import UnitSuite
from hub.testing.conformance.writer import RECOVERY

F = TypeVar("F", bound=FarSide)

LIMIT = 20.0
"""Seconds that anything may take in a suite."""
_QUIET = 0.3  # seconds without a message after which there is none
_SPARE = 2**20
_PAUSE = 0.05


class Taker:
    """Takes messages as the engine does, but with Kafka left out: what was stored is acknowledged.

    Attributes:
        stored: what was received and kept, in order; a message that comes again under its id is kept once.
        deliveries: how many messages came, with those that came again.
    """

    def __init__(self, build: Callable[[], ConsumingSource[Any]], most: int) -> None:
        self._build = build
        self._most = most
        self._ids: set[str] = set()
        self.stored: list[Received] = []
        self.deliveries = 0

    async def once(self, *, until: int | None = None, acknowledge: bool = True) -> Signal | None:
        """One life: takes until there is nothing more, or so many are stored; gives the signal that it failed with."""
        source = self._build()
        try:
            async with asyncio.timeout(LIMIT):
                await source.open()
                while until is None or len(self.stored) < until:
                    received = await self._receive(source)
                    if not received:
                        break
                    self.store(received)
                    if acknowledge:
                        await source.acknowledge([each.handle for each in received])
                if acknowledge and (left := await source.halt()):
                    self.store(left)
                    await source.acknowledge([each.handle for each in left])
        except Signal as signal:
            return signal
        finally:
            await source.close()
        return None

    async def to_the_end(self, count: int) -> None:
        """Lives until so many are stored and nothing more comes, over failures that pass."""
        signal: Signal | None = None
        end = time.monotonic() + RECOVERY
        while time.monotonic() < end:
            signal = await self.once()
            if signal is None and len(self.stored) >= count:
                return
            await asyncio.sleep(_PAUSE)
        raise AssertionError(
            f"the far side is well again, and {len(self.stored)} of {count} messages have come"
            + (f"; the source fails: {signal}" if signal else "")
        )

    async def _receive(self, source: ConsumingSource[Any]) -> Sequence[Received]:
        try:
            async with asyncio.timeout(_QUIET):
                return await source.receive(self._most)
        except TimeoutError:
            return ()

    def store(self, received: Sequence[Received]) -> None:
        """Keeps messages, each once."""
        for each in received:
            self.deliveries += 1
            if each.id is None or each.id not in self._ids:
                self.stored.append(each)
            if each.id is not None:
                self._ids.add(each.id)


class ConsumingSourceSuite(UnitSuite[F], Generic[F]):
    """What a consuming source must keep to. `UnitSuite` says what a connector's tests give.

    Attributes:
        count: messages that are sent in a check; fewer than the source may hold.
        most: how many the source may hold with `settings`; set its bound to this there.
        identified: whether messages have ids, so that one that comes again is stored once.
    """

    suite = "consuming source"
    count: ClassVar[int] = 20
    most: ClassVar[int] = 40
    identified: ClassVar[bool] = True

    @classmethod
    def unit_class(cls) -> type[ConsumingSource[Any]]:
        """The source."""
        source = cls.connector.sources[cls.kind]
        assert issubclass(source, ConsumingSource), f"{cls.use()} is no ConsumingSource"
        return source

    def identity(self, event: Event) -> str:
        """Which message an event is of, as `FarSide.add` gave it."""
        return event.id

    async def send_unreadable(self, far_side: F) -> bytes:
        """Sends a message that holds no event; gives its bytes."""
        raise NotImplementedError("override `send_unreadable`: a message that the source can't read")

    @asynccontextmanager
    async def taker(self, far_side: F) -> AsyncIterator[Taker]:
        """Who takes messages."""
        async with self.connected(far_side) as context:
            yield Taker(lambda: self.make(far_side, context), self.most)

    async def suffer(self, far_side: F, heard: Overheard) -> None:
        """Takes what is there."""
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            heard.hear(source, source.far_side, source.context)
            taker = Taker(lambda: source, self.most)
            try:
                heard.hear(await taker.once())
            except Exception as error:  # noqa: BLE001  other tests say that it must not be
                heard.hear(error)
            heard.hear(*taker.stored)

    # Checks

    async def test_every_message_is_received_once(self, far_side: F) -> None:
        """In order, as events of declared types; each has an id of its own, where messages have any."""
        async with self.taker(far_side) as taker:
            await taker.once()
            added = list(await far_side.add(self.count))
            await taker.to_the_end(self.count)
            events = [event for each in taker.stored for event in each.events]
            assert [self.identity(each) for each in events] == added, "messages must come in order, each once"
            async with self.connected(far_side) as context:
                check_events(events, self.make(far_side, context).declared, self.unit_class(), keyed=False)
        ids = [each.id for each in taker.stored]
        if self.identified:
            assert None not in ids, "expected an id of every message; say `identified = False` where there are none"
            assert len(set(ids)) == len(ids), "two messages have the same id: the second would be dropped"

    async def test_what_is_acknowledged_is_gone(self, far_side: F) -> None:
        """And isn't received again by the next life."""
        async with self.taker(far_side) as taker:
            await taker.once()
            await far_side.add(self.count)
            await taker.to_the_end(self.count)
        async with self.taker(far_side) as again:
            await again.once()
        assert not again.deliveries, f"{again.deliveries} messages that were acknowledged came again"

    async def test_what_isn_t_acknowledged_comes_again(self, far_side: F) -> None:
        """Killed before it acknowledged anything, and in the middle; nothing is lost, and ids stay what they are."""
        async with self.taker(far_side) as first:
            await first.once()
            added = await far_side.add(self.count)
            await first.once(until=1, acknowledge=False)
        assert first.stored, "no message came"
        async with self.taker(far_side) as taker:
            await taker.once(until=self.count // 2, acknowledge=False)
            await taker.to_the_end(self.count)
        self._complete(taker, added, "killed before it acknowledged")
        if self.identified:
            known = {each.id for each in taker.stored}
            assert {each.id for each in first.stored} <= known, "a message that comes again must have the same id"

    async def test_halting_gives_what_was_pushed(self, far_side: F) -> None:
        """Told to halt, it asks for nothing more, and gives what it has; nothing comes afterwards."""
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            await source.open()
            try:
                added = list(await far_side.add(self.count))
                async with asyncio.timeout(LIMIT):
                    taken = list(await source.receive(1))
                    taken += await source.halt()
                    await source.acknowledge([each.handle for each in taken])
            finally:
                await source.close()
        async with self.taker(far_side) as rest:
            rest.store(taken)
            await rest.to_the_end(self.count)
        self._complete(rest, added, "halted")
        assert rest.deliveries == self.count, "what was given when it halted and was acknowledged came again"

    async def test_it_takes_no_more_than_it_may_hold(self, far_side: F) -> None:
        """While nothing is acknowledged, as where Kafka is away, the far side keeps the rest."""
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            await source.open()
            try:
                await far_side.add(3 * self.most)
                held = 0
                async with asyncio.timeout(LIMIT):
                    while True:
                        try:
                            async with asyncio.timeout(_QUIET):
                                held += len(await source.receive(3 * self.most))
                        except TimeoutError:
                            break
                assert 0 < held <= self.most, f"the source may hold {self.most} messages, and took {held} of them"
            finally:
                await source.close()

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
    async def test_nothing_is_lost_over_a_fault(self, far_side: F, fault: Fault) -> None:
        """While it waits and while it acknowledges: it says so by a signal that passes, and goes on by itself."""
        self.can(far_side, fault)
        async with self.taker(far_side) as taker:
            await taker.once()
            added = await far_side.add(self.count)
            signals = [await self._under(far_side, fault, taker, waiting=waiting) for waiting in (False, True)]
            self.well(far_side)
            await taker.to_the_end(self.count)
        self._complete(taker, added, f"the far side {fault.words}")
        for signal in signals:
            assert signal is None or isinstance(signal, fault.signals), (
                f"the far side {fault.words}: expected {' or '.join(each.__name__ for each in fault.signals)}; "
                f"got {type(signal).__name__}: {signal}"
            )
        assert fault.slow or any(signals), f"the far side {fault.words}, and the source says nothing of it"

    async def test_an_unreadable_message_is_not_lost(self, far_side: F) -> None:
        """It is given as what it is, for the dead letters, and those behind it come."""
        async with self.taker(far_side) as taker:
            await taker.once()
            sent = await self.send_unreadable(far_side)
            added = await far_side.add(2)
            await taker.to_the_end(3)
        unreadable = [each.unreadable for each in taker.stored if each.unreadable is not None]
        assert [each.value for each in unreadable] == [sent], "expected the message's bytes among the unreadable ones"
        events = [self.identity(event) for each in taker.stored for event in each.events]
        assert events == list(added), "what came behind an unreadable message is missing"

    async def test_memory_is_bounded(self, far_side: F) -> None:
        """It holds nothing of what was acknowledged."""
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            await source.open()
            try:
                await self._forget(far_side, source, self.count)
                gc.collect()
                tracemalloc.start()
                try:
                    before = tracemalloc.get_traced_memory()[0]
                    for _ in range(5):
                        await self._forget(far_side, source, self.most)
                    gc.collect()
                    kept = tracemalloc.get_traced_memory()[0] - before
                finally:
                    tracemalloc.stop()
            finally:
                await source.close()
        assert kept <= _SPARE, f"of {5 * self.most} acknowledged messages {kept / 2**20:.1f} MiB are still held"

    # What they share

    async def _under(self, far_side: F, fault: Fault, taker: Taker, *, waiting: bool) -> Signal | None:
        """What a source says of a fault that was there before it, or strikes it while it waits."""
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            try:
                if waiting:
                    await source.open()
                async with far_side.fault(fault.name), asyncio.timeout(LIMIT):
                    if not waiting:
                        await source.open()
                    async with asyncio.timeout(2 * _QUIET):
                        received = await source.receive(self.most)
                        taker.store(received)
                        await source.acknowledge([each.handle for each in received])
                        await source.receive(self.most)
            except Signal as signal:
                return signal
            except TimeoutError:
                return None
            except Exception as error:
                name = f"{type(error).__module__}.{type(error).__qualname__}"
                raise AssertionError(f"the far side {fault.words}: expected a signal; got {name}: {error}") from error
            finally:
                async with asyncio.timeout(LIMIT):
                    await source.close()
        return None

    async def _forget(self, far_side: F, source: ConsumingSource[Any], count: int) -> None:
        await far_side.add(count)
        taken = 0
        async with asyncio.timeout(LIMIT):
            while taken < count:
                received = await source.receive(self.most)
                taken += len(received)
                await source.acknowledge([each.handle for each in received])

    def _complete(self, taker: Taker, added: Sequence[str], when: str) -> None:
        seen = Counter(self.identity(event) for each in taker.stored for event in each.events)
        missing = [each for each in added if each not in seen]
        twice = [each for each, times in seen.items() if times > 1]
        assert not missing, f"{when}: {len(missing)} of {len(added)} messages are lost: {missing[:5]}"
        if self.identified:
            assert not twice, f"{when}: {len(twice)} messages were stored twice, though they have ids: {twice[:5]}"
