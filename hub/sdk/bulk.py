"""Many records in one call: windows by count, bytes and time, and what becomes of a call that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from hub.sdk.errors import NotConnected, Permanent, Signal, Transient, WriteFailed

T = TypeVar("T")
Write = Callable[[Sequence[T]], Awaitable[object]]
"""Writes a batch as a whole. Raises a signal if none of it was written, or `WriteFailed` for some of it by index."""


async def write_halving(items: Sequence[T], write: Write[T]) -> dict[int, Signal]:
    """Writes a batch, and where it fails its halves, down to the records that are at fault.

    One bad record of n costs about 2·log2(n) calls. Halves are tried for what a record may have caused: a refusal, also
    of the batch's size, or a failure, as long as no two neighbouring parts fail so. An outage ends it at once.

    Args:
        items: the records.
        write: writes some of them.

    Returns:
        What became of the records that were not written, by index.
    """
    failures: dict[int, Signal] = {}
    waiting = [(0, len(items))]
    # A failure that may pass and hits two parts beside each other is the far side's.
    failed: set[tuple[int, int]] = set()
    outage: Signal | None = None
    while waiting:
        start, end = waiting.pop()
        if outage is None:
            outage = await _written(items, start, end, write, failures, waiting, failed)
        else:
            failures.update(dict.fromkeys(range(start, end), outage))
    return failures


async def _written(
    items: Sequence[T],
    start: int,
    end: int,
    write: Write[T],
    failures: dict[int, Signal],
    waiting: list[tuple[int, int]],
    failed: set[tuple[int, int]],
) -> Signal | None:
    """Writes a part; gives the signal that ends it all, if one does."""
    try:
        await write(items[start:end])
    except WriteFailed as partly:
        failures.update({start + index: signal for index, signal in partly.failures.items()})
    except Signal as signal:
        outage = not isinstance(signal, (Permanent, Transient)) or isinstance(signal, NotConnected)
        if isinstance(signal, Transient):
            outage = any(each[0] == end or each[1] == start for each in failed)
            failed.add((start, end))
        if outage:
            failures.update(dict.fromkeys(range(start, end), signal))
            return signal
        if end - start == 1:
            failures[start] = signal
        else:
            middle = (start + end) // 2
            waiting += [(middle, end), (start, middle)]
    return None


class Bulk(Generic[T]):
    """Gathers records that come one by one into batches.

    A batch goes when it holds `count` records or `size` bytes, or when its first record has waited for `wait` seconds.
    Whoever adds a record waits until it has been written, so that no more is held than those who wait.

    Args:
        write: writes a batch.
        count: records in a batch at most.
        size: bytes in a batch at most; a record that is larger goes alone.
        wait: seconds.
        measure: a record's bytes.
        concurrency: batches under way at once.
    """

    def __init__(
        self,
        write: Write[T],
        *,
        count: int = 500,
        size: int = 4 * 2**20,
        wait: float = 0.1,
        measure: Callable[[T], int] = lambda _: 0,
        concurrency: int = 1,
    ) -> None:
        self._write = write
        self._count = count
        self._size = size
        self._wait = wait
        self._measure = measure
        self._slots = asyncio.Semaphore(concurrency)
        self._batch: list[tuple[T, asyncio.Future[None]]] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, item: T) -> None:
        """Has a record written with others.

        Raises:
            Signal: it was not written.
        """
        loop = asyncio.get_running_loop()
        size = self._measure(item)
        if self._batch and self._bytes + size > self._size:
            self.flush()
        written: asyncio.Future[None] = loop.create_future()
        self._batch.append((item, written))
        self._bytes += size
        if len(self._batch) >= self._count or self._bytes >= self._size:
            self.flush()
        elif self._timer is None:
            self._timer = loop.call_later(self._wait, self.flush)
        await written

    def flush(self) -> None:
        """Sends what has been gathered, without waiting for more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batch:
            batch, self._batch, self._bytes = self._batch, [], 0
            task = asyncio.get_running_loop().create_task(self._send(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Sends what has been gathered, and waits for all that is under way."""
        self.flush()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _send(self, batch: list[tuple[T, asyncio.Future[None]]]) -> None:
        async with self._slots:
            # Who has given up in the meantime doesn't want it written any more.
            wanted = [each for each in batch if not each[1].done()]
            if not wanted:
                return
            try:
                failures = await write_halving([item for item, _ in wanted], self._write)
            except BaseException as error:
                for _, written in wanted:
                    if not written.done():
                        written.set_exception(error) if isinstance(error, Exception) else written.cancel()
                if not isinstance(error, Exception):
                    raise
                return
            for index, (_, written) in enumerate(wanted):
                if not written.done():
                    signal = failures.get(index)
                    written.set_result(None) if signal is None else written.set_exception(signal)
