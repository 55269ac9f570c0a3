"""The suite of polling sources."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from hub.sdk import Event, PollingSource, Signal
from hub.testing.conformance.events import check_events
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import FAULTS, Fault
from hub.testing.conformance.httpfarside import HttpFarSide
from hub.testing.conformance.reader import LIMIT, Reader
from hub.testing.conformance.secrets import Overheard
from hub.testing.conformance.unit import UnitSuite, not_applicable

F = TypeVar("F", bound=FarSide)

_BATCHES = 3
"""Batches that a suite's records must make, so that there are boundaries to be killed at."""
_ENOUGH = 96 * 2**20  # bytes of an endless answer that a source may take in before it has had enough
_SPARE = 2**17  # bytes that may come and go whatever a source does


class PollingSourceSuite(UnitSuite[F], Generic[F]):
    """What a polling source must keep to. `UnitSuite` says what a connector's tests give.

    Attributes:
        records: how many records a suite's far side has; they must make three batches at least.
    """

    suite = "polling source"
    records: ClassVar[int] = 30

    @classmethod
    def unit_class(cls) -> type[PollingSource[Any, Any]]:
        """The source."""
        source = cls.connector.sources[cls.kind]
        assert issubclass(source, PollingSource), f"{cls.use()} is no PollingSource"
        return source

    def identity(self, event: Event) -> str:
        """Which record an event is of, as `FarSide.add` gave it."""
        return event.id

    @asynccontextmanager
    async def reader(self, far_side: F) -> AsyncIterator[Reader]:
        """A reader that begins at the beginning."""
        async with self.connected(far_side) as context:
            yield Reader(lambda: self.make(far_side, context))

    async def suffer(self, far_side: F, heard: Overheard) -> None:
        """Polls once."""
        await far_side.add(1)
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            heard.hear(source, source.far_side, context, *context.services.values())
            reader = Reader(lambda: source)
            try:
                signal = await reader.try_to_poll()
            except Exception as error:  # noqa: BLE001  other tests say that it must not be
                signal = error if isinstance(error, Signal) else None
                heard.hear(error)
            heard.hear(signal, reader.stored, *reader.events, *(each.raw for each in reader.events))

    # Checks

    async def test_every_record_is_read_once(self, far_side: F) -> None:
        """From the beginning to the end, in batches, and what is added later after that; twice the same way."""
        added = list(await far_side.add(self.records))
        async with self.reader(far_side) as reader:
            await reader.to_the_end()
            self.complete(reader.events, added, "read without a disturbance")
            assert len(reader.batches) >= _BATCHES, (
                f"{self.records} records came in {len(reader.batches)} batches; a source that yields all at once can't "
                f"go on in the middle: raise `records`, or make the pages smaller in `settings`"
            )
            ids = [each.id for each in reader.events]
            assert len(set(ids)) == len(ids), f"ids of events must be different; {_twice(ids)} came twice"
            added += await far_side.add(1)
            await reader.to_the_end()
            self.complete(reader.events, added, "read after one more was added")
        async with self.reader(far_side) as again:
            await again.to_the_end()
        first = {self.identity(each): each.id for each in reader.events}
        second = {self.identity(each): each.id for each in again.events}
        assert first == second, "a record must have the same event id whenever it is read"

    async def test_events_are_as_declared(self, far_side: F) -> None:
        """Of declared types, strict JSON, with a key, and by the schema that the connector publishes for them."""
        await far_side.add(self.records)
        async with self.reader(far_side) as reader:
            await reader.to_the_end()
            async with self.connected(far_side) as context:
                declared = self.make(far_side, context).declared
        check_events(reader.events, declared, self.unit_class())

    async def test_no_gap_and_no_repeat_after_a_kill_at_any_batch(self, far_side: F) -> None:
        """Killed after each batch, once when it was stored and once before, while records are added."""
        added = list(await far_side.add(self.records))
        async with self.reader(far_side) as reader:
            await reader.to_the_end()
        boundaries = len(reader.batches)
        for lost in (False, True):
            for boundary in range(1, boundaries + 1):
                async with self.reader(far_side) as reader:
                    await reader.poll(batches=boundary, lost=lost)
                    if boundary == boundaries // 2:
                        added += await far_side.add(1)
                    await reader.to_the_end()
                when = "before" if lost else "after"
                self.complete(reader.events, added, f"killed {when} batch {boundary} of {boundaries} was stored")

    async def test_no_gap_and_no_repeat_after_a_kill_in_any_life(self, far_side: F) -> None:
        """Killed after each single batch, again and again, so that every life begins in the middle."""
        added = await far_side.add(self.records)
        async with self.reader(far_side) as reader:
            for _ in range(4 * self.records):
                before = reader.stored
                await reader.poll(batches=1)
                if reader.stored == before:
                    break
        self.complete(reader.events, added, "killed after every batch")

    async def test_no_gap_and_no_repeat_after_a_kill_in_a_request(self, far_side: F) -> None:
        """Killed while it waits for each of its answers."""
        added = await far_side.add(self.records)
        for number in range(await self._requests(far_side)):
            async with self.reader(far_side) as reader:
                async with far_side.fault("timeout", after=number):
                    polling = asyncio.create_task(reader.try_to_poll())
                    async with asyncio.timeout(LIMIT):
                        while not far_side.met and not polling.done():  # noqa: ASYNC110  far sides have no event for it
                            await asyncio.sleep(0.002)
                    polling.cancel()
                    with suppress(asyncio.CancelledError):
                        await polling
                await reader.to_the_end()
            self.complete(reader.events, added, f"killed in its request {number + 1}")

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
    async def test_nothing_is_lost_or_repeated_over_a_fault(self, far_side: F, fault: Fault) -> None:
        """At the first request and in the middle; it says so by a signal that passes, and goes on by itself."""
        self.can(far_side, fault)
        self.well(far_side)
        added = await far_side.add(self.records)
        # Of a connection that is kept there is one handshake.
        moments = {0} if fault.secure else {0, await self._requests(far_side) // 2}
        for after in sorted(moments):
            self.can(far_side, fault)
            async with self.reader(far_side) as reader, far_side.fault(fault.name, after=after):
                signal = await self._signal_of(reader, fault)
                assert far_side.met or (fault.slow and signal), f"the source made no request after {after}"
            self.well(far_side)
            async with self.reader(far_side) as rest:
                rest.follow(reader)
                await rest.to_the_end()
            self.complete(rest.events, added, f"the far side {fault.words}, from request {after + 1} on")
            self.fitting(signal, fault)

    async def test_it_reads_no_further_than_it_is_asked(self, far_side: F) -> None:
        """While a batch is being stored, it goes on by a page at most."""
        await far_side.add(self.records)
        all_of_them = await self._requests(far_side)
        async with self.connected(far_side) as context:
            source = self.make(far_side, context)
            await source.open()
            polling = source.poll(source.cursor_type()())
            try:
                async with asyncio.timeout(LIMIT):
                    async for batch in polling:
                        if batch.events:
                            break
                at_once = far_side.asked
                await asyncio.sleep(0.25)  # whoever reads ahead does so in this time
                ahead = far_side.asked - at_once
            finally:
                await polling.aclose()
                await source.close()
        assert ahead <= 1, (
            f"while its first batch waited to be stored, the source made {ahead} more requests of {all_of_them}: "
            "what it holds ahead grows when Kafka is slow"
        )

    async def test_memory_is_bounded(self, far_side: F) -> None:
        """Four times the records in a poll take no more memory: it holds a page or two, never all of them."""
        await far_side.add(self.records)
        few = await self._peak(far_side)
        await far_side.add(3 * self.records)
        many = await self._peak(far_side)
        assert many <= 2 * few + _SPARE, (
            f"reading {self.records} records took {few / 2**20:.1f} MiB at most, and four times as many "
            f"{many / 2**20:.1f} MiB: the source holds what it has read"
        )

    async def test_an_endless_answer_is_cut_off(self, far_side: F) -> None:
        """It is given up after a bounded number of bytes, with a signal."""
        if not isinstance(far_side, HttpFarSide):
            not_applicable("its protocol frames answers")
        await far_side.add(1)
        async with self.reader(far_side) as reader, far_side.endless():
            signal = await reader.try_to_poll()
        assert signal is not None, "an answer without an end was taken for one"
        assert far_side.poured <= _ENOUGH, f"{far_side.poured / 2**20:.0f} MiB of an endless answer were read"

    # What they share

    def complete(self, events: Sequence[Event], added: Sequence[str], when: str) -> None:
        """Fails unless each record was read, and none twice."""
        seen = Counter(self.identity(each) for each in events)
        missing = [each for each in added if each not in seen]
        twice = [each for each, times in seen.items() if times > 1]
        foreign = seen.keys() - set(added)
        assert not missing, f"{when}: {len(missing)} of {len(added)} records are missing: {missing[:5]}"
        assert not twice, f"{when}: {len(twice)} of {len(added)} records came twice: {twice[:5]}"
        assert not foreign, f"{when}: events of no record that was added: {sorted(foreign)[:5]}; see `identity`"

    def fitting(self, signal: Signal | None, fault: Fault) -> None:
        """Fails where a signal is not what a fault may be called, or there is none."""
        if signal is None:
            pytest.fail(
                f"the far side {fault.words}, and the source says nothing of it: it would be shown as running well"
                + (", and whom it trusts" if fault.secure else "")
                + (
                    "; an answer was taken for an empty one: check that the field with the records is there at all"
                    if fault.answer
                    else ""
                )
            )
        expected = " or ".join(each.__name__ for each in fault.signals)
        assert isinstance(signal, fault.signals), (
            f"the far side {fault.words}: expected {expected}; got {type(signal).__name__}: {signal}"
        )
        if fault.seconds is not None:
            assert signal.retry_after is not None, f"the far side {fault.words}: expected `retry_after` in the signal"
            assert fault.seconds - 2 <= signal.retry_after <= fault.seconds + 1, (
                f"the far side {fault.words}, {fault.seconds:g} s: got retry_after={signal.retry_after}"
            )

    async def _signal_of(self, reader: Reader, fault: Fault) -> Signal | None:
        try:
            return await reader.try_to_poll()
        except TimeoutError as error:
            raise AssertionError(f"the far side {fault.words}: the source waits for ever") from error
        except Exception as error:
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            raise AssertionError(f"the far side {fault.words}: expected a signal; got {name}: {error}") from error

    async def _requests(self, far_side: F) -> int:
        """How many requests one reading takes."""
        before = far_side.asked
        async with self.reader(far_side) as reader:
            await reader.poll()
        return far_side.asked - before

    async def _peak(self, far_side: F) -> int:
        """Most bytes that are held while all is read, and forgotten as soon as it is stored."""
        async with self.connected(far_side) as context:
            # Once before, so that what is made only once isn't counted.
            await _forget(lambda: self.make(far_side, context), 1)
            gc.collect()
            tracemalloc.start()
            try:
                await _forget(lambda: self.make(far_side, context), None)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()


async def _forget(build: Callable[[], PollingSource[Any, Any]], batches: int | None) -> None:
    source = build()
    await source.open()
    polling = source.poll(source.cursor_type()())
    count = 0
    try:
        async for _ in polling:
            count += 1
            if count == batches:
                break
    finally:
        await polling.aclose()  # type: ignore[attr-defined]  # poll is an async generator
        await source.close()


def _twice(ids: Sequence[str]) -> list[str]:
    return [each for each, times in Counter(ids).items() if times > 1][:5]
