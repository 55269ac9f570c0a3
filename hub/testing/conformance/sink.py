"""The suite of sinks."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from hub.sdk import Delivery, Event, Permanent, Sink
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import FAULTS, Fault
from hub.testing.conformance.httpfarside import HttpFarSide
from hub.testing.conformance.secrets import Overheard
from hub.testing.conformance.unit import UnitSuite, not_applicable
from hub.testing.conformance.writer import LIMIT, Writer

F = TypeVar("F", bound=FarSide)

_ENOUGH = 48 * 2**20  # bytes of an endless answer
_PAYLOAD = 64 * 1024  # bytes of an event where memory is looked at
_SPARE = 2**20
_CLOSING = 5.0  # seconds that a sink may take to close, whatever its far side does
_HOLD = 0.15  # seconds that the far side confirms nothing


class SinkSuite(UnitSuite[F], Generic[F]):
    """What a sink must keep to. `UnitSuite` says what a connector's tests give.

    Attributes:
        count: deliveries that are written in a check.
    """

    suite = "sink"
    count: ClassVar[int] = 12

    @classmethod
    def unit_class(cls) -> type[Sink[Any]]:
        """The sink."""
        return cls.connector.sinks[cls.kind]

    def event(self, number: int, data: Any) -> Event:
        """An event that the sink can write; override it where it needs another form."""
        return Event(
            type="conformance.happened",
            source="/conformance",
            id=f"e{number}",
            time="2026-11-20T10:02:11Z",
            partitionkey=f"k{number}",
            data=data,
        )

    def deliveries(self, count: int, first: int = 0) -> list[Delivery]:
        """Numbered deliveries, each of a key of its own."""
        return [Delivery(self.event(n, {"n": n}), f"unit/e{n}") for n in range(first, first + count)]

    def identity(self, delivery: Delivery) -> str:
        """What the far side knows a delivery by, as `FarSide.received` gives it."""
        return delivery.idempotency_key

    @asynccontextmanager
    async def writer(self, far_side: F) -> AsyncIterator[Writer]:
        """A sink that has not been opened."""
        async with self.connected(far_side, for_deliveries=True) as context:
            writer = Writer(lambda: self.make(far_side, context))
            try:
                yield writer
            finally:
                await writer.close()

    async def suffer(self, far_side: F, heard: Overheard) -> None:
        """Opens and writes once."""
        async with self.writer(far_side) as writer:
            try:
                await writer.open()
                if writer.is_open:
                    await writer.write(self.deliveries(2))
            except Exception as error:  # noqa: BLE001  other tests say that it must not be
                heard.hear(error)
            heard.hear(writer.sink, writer.sink.far_side, writer.sink.context, writer.opening)
            heard.hear(*writer.failed.values(), *writer.replies, *(each.raw for each in writer.replies))

    # Checks

    async def test_what_it_says_is_written_has_arrived(self, far_side: F) -> None:
        """Each delivery once, known by what stays the same at every attempt."""
        deliveries = self.deliveries(self.count)
        async with self.writer(far_side) as writer:
            await writer.open()
            await writer.write(deliveries)
            assert not writer.failed, f"nothing is wrong with the far side, and the sink says {writer.failed}"
            seen = Counter(await far_side.received())
        assert seen == Counter(map(self.identity, deliveries)), (
            f"wrote {len(deliveries)} deliveries once each; the far side received {dict(seen)}"
        )
        async with self.writer(far_side) as again:
            await again.open()
            await again.write([Delivery(each.event, each.idempotency_key, 2) for each in deliveries])
            assert set(await far_side.received()) == set(seen), (
                "the far side must know a delivery by the same key at every attempt: hand on `idempotency_key`"
            )

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
    async def test_nothing_is_lost_over_a_fault(self, far_side: F, fault: Fault) -> None:
        """From the beginning and while it writes: it never says "written" of what hasn't arrived, nor gives one up."""
        self.can(far_side, fault)
        for number, opened in enumerate((True, False)):
            deliveries = self.deliveries(self.count, first=100 * number)
            async with self.writer(far_side) as writer:
                if opened and not fault.secure:
                    await writer.open()
                calls = -(-self.count // max(1, writer.sink.batch))
                async with far_side.fault(fault.name, after=calls // 2 if opened else 0):
                    await self._write_under(writer, deliveries, fault)
                    assert far_side.met or (fault.slow and writer.failed), "the sink did not meet the fault"
                    arrived = set(await far_side.received())
                self._true(writer, deliveries, arrived, fault)
                self._fitting(writer, deliveries, fault)
                await writer.write_all(deliveries)
                self._true(writer, deliveries, set(await far_side.received()), fault)

    async def test_a_refused_delivery_fails_alone(self, far_side: F) -> None:
        """In the middle of others, for good; those are written."""
        deliveries = self.deliveries(self.count)
        bad = deliveries[self.count // 2]
        async with self.writer(far_side) as writer:
            await writer.open()
            async with far_side.refusing(self.identity(bad)):
                await writer.write_all(deliveries)
            received = set(await far_side.received())
        assert set(writer.failed) == {bad.idempotency_key}, (
            f"one delivery was refused; the sink says that {len(writer.failed)} failed: {writer.failed}"
        )
        signal = writer.failed[bad.idempotency_key]
        assert isinstance(signal, Permanent), f"refused for good: expected Permanent; got {type(signal).__name__}"
        expected = {self.identity(each) for each in deliveries if each is not bad}
        assert received == expected, f"beside the refused one, these are missing: {expected - received}"

    async def test_it_waits_until_the_far_side_has_them(self, far_side: F) -> None:
        """A call returns only once its deliveries are safe; otherwise the engine would hand over more and more."""
        deliveries = self.deliveries(self.count)
        async with self.writer(far_side) as writer:
            await writer.open()
            async with far_side.holding():
                writing = asyncio.create_task(writer.write(deliveries))
                done, _ = await asyncio.wait({writing}, timeout=_HOLD)
                early = list(writer.written)
            held = not early and not done
            assert held, (
                f"the far side has confirmed nothing, and the sink says that it has written {len(early)} deliveries"
            )
            async with asyncio.timeout(LIMIT):
                await writing
            await writer.write_all(deliveries)
            assert set(await far_side.received()) >= set(map(self.identity, deliveries))

    async def test_order_of_a_key_is_kept(self, far_side: F) -> None:
        """A sink that takes several deliveries of one key in a call hands them on in order."""
        if not self.unit_class().ordered:
            not_applicable("it is never handed two deliveries of one key at once")
        size = min(self.count, self.unit_class().batch)
        deliveries = [
            Delivery(each.event.replace(partitionkey="the same"), each.idempotency_key)
            for each in self.deliveries(size)
        ]
        async with self.writer(far_side) as writer:
            await writer.open()
            await writer.write(deliveries)
            received = list(await far_side.received())
        assert received == list(map(self.identity, deliveries)), f"the order of one key was lost: {received}"

    async def test_a_cancelled_call_leaves_it_usable(self, far_side: F) -> None:
        """As where a unit is stopped or drained: it closes soon, and writes again once it is opened."""
        async with self.writer(far_side) as writer:
            await writer.open()
            async with far_side.holding():
                writing = asyncio.create_task(writer.write(self.deliveries(self.count)))
                await asyncio.wait({writing}, timeout=_HOLD)
                writing.cancel()
                with suppress(asyncio.CancelledError):
                    await writing
                try:
                    async with asyncio.timeout(_CLOSING):
                        await writer.close()
                except TimeoutError as error:
                    raise AssertionError(
                        "the far side is slow, a call was cancelled, and the sink doesn't close"
                    ) from error
            again = self.deliveries(self.count, first=500)
            await writer.write_all(again)
            assert set(await far_side.received()) >= set(map(self.identity, again))

    async def test_memory_is_bounded(self, far_side: F) -> None:
        """It holds nothing of what it has written."""
        async with self.writer(far_side) as writer:
            await writer.open()
            await writer.write(self._large(0))
            gc.collect()
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                rounds = 8
                for number in range(1, rounds + 1):
                    await writer.write(self._large(number))
                writer.written.clear()
                gc.collect()
                kept = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
        written = rounds * self.count * _PAYLOAD
        assert kept <= written // 4 + _SPARE, (
            f"of {written / 2**20:.1f} MiB that it has written the sink still holds {kept / 2**20:.1f} MiB"
        )

    async def test_an_endless_answer_is_cut_off(self, far_side: F) -> None:
        """What the far side has to say is read to a bound."""
        if not isinstance(far_side, HttpFarSide):
            not_applicable("its protocol frames answers")
        async with self.writer(far_side) as writer:
            await writer.open()
            async with far_side.endless():
                await writer.write(self.deliveries(1))
        assert far_side.poured <= _ENOUGH, f"{far_side.poured / 2**20:.0f} MiB of an endless answer were read"

    # What they share

    def _large(self, number: int) -> list[Delivery]:
        return [
            Delivery(
                self.event(1000 * number + n, {"n": n, "text": f"{number}.{n} " + "x" * _PAYLOAD}), f"{number}/{n}"
            )
            for n in range(self.count)
        ]

    async def _write_under(self, writer: Writer, deliveries: Sequence[Delivery], fault: Fault) -> None:
        try:
            if not writer.is_open:
                await writer.open()
            if writer.is_open:
                await writer.write(deliveries)
        except TimeoutError as error:
            raise AssertionError(f"the far side {fault.words}: the sink waits for ever") from error
        except Exception as error:
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            raise AssertionError(f"the far side {fault.words}: expected a signal; got {name}: {error}") from error

    def _fitting(self, writer: Writer, deliveries: Sequence[Delivery], fault: Fault) -> None:
        """Fails where a failure is called what it isn't."""
        expected = " or ".join(each.__name__ for each in fault.signals)
        for signal in [*writer.failed.values(), *([writer.opening] if writer.opening else [])]:
            assert isinstance(signal, fault.signals), (
                f"the far side {fault.words}: expected {expected}; got {type(signal).__name__}: {signal}"
            )
            if fault.seconds is not None:
                said = signal.retry_after
                assert said is not None, f"the far side {fault.words}: expected `retry_after` in the signal"
                assert fault.seconds - 2 <= said <= fault.seconds + 1, (
                    f"the far side {fault.words}, {fault.seconds:g} s: got retry_after={said}"
                )
        if not fault.done:
            assert writer.failed or writer.opening, f"the far side {fault.words}, and the sink says that all is written"
        assert len(writer.written) + len(writer.failed) in (0, len(deliveries)), "each delivery has one outcome"

    def _true(self, writer: Writer, deliveries: Sequence[Delivery], arrived: set[str], fault: Fault) -> None:
        """Fails where the sink has said "written" of what the far side doesn't have."""
        claimed = {self.identity(each) for each in deliveries if each.idempotency_key in writer.written}
        lost = sorted(claimed - arrived)
        assert not lost, (
            f"the far side {fault.words}: {len(lost)} deliveries are said to be written and are not there: {lost[:5]}"
        )
