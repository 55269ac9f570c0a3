"""The far side of a unit under test: what a connector's tests give, so that the suites can do the rest."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

from hub.testing.certificates import AUTHORITY


class FarSide(ABC):
    """A system that a unit reads from or writes to, on this machine: the real one where it can be had.

    Derive from `HttpFarSide` or `TcpFarSide`, which know how to go wrong.

    Attributes:
        secure: whether units are to reach it by TLS; set by the suites.
        patience: the timeout that units are to have, as schema files write it; set by the suites: short where they are
            to wait in vain.
        asked: how many requests it has had, where it can count them.
        met: how many of them met a fault.
    """

    secure = False
    patience = "10s"
    asked = 0
    met = 0

    async def start(self) -> None:  # noqa: B027  there may be nothing to begin
        """Begins."""

    async def stop(self) -> None:  # noqa: B027  likewise
        """Ends."""

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """Its own tasks, which go on when a unit has closed."""
        return set()

    @property
    @abstractmethod
    def faults(self) -> frozenset[str]:
        """Names of the faults that it can have; the suite's `exempt` says why it hasn't the others."""

    @abstractmethod
    def fault(self, name: str, *, after: int = 0) -> AbstractAsyncContextManager[None]:
        """Within ``async with``, it has a fault: in every request but the first ``after``."""

    @property
    def tls(self) -> Mapping[str, Any]:
        """The section ``tls`` with which a unit reaches it."""
        return {"ca_file": AUTHORITY} if self.secure else {}

    async def add(self, count: int) -> Sequence[str]:
        """Makes so many new records for a source to find; gives their identities, as `identity` reads them of events.

        Each is settled: a source that waits until changes have rested finds it at once.
        """
        raise NotImplementedError("a far side of a source has records: override `add`")

    async def received(self) -> Sequence[str]:
        """The identities of all that a sink has brought and that is safe now, in order, one for each time."""
        raise NotImplementedError("a far side of a sink knows what it received: override `received`")

    def refusing(self, identity: str) -> AbstractAsyncContextManager[None]:
        """Within ``async with``, it refuses this one delivery for good."""
        raise NotImplementedError("a far side of a sink may refuse a delivery: override `refusing`")

    def holding(self) -> AbstractAsyncContextManager[None]:
        """Within ``async with``, it confirms nothing, and afterwards what has come by then."""
        raise NotImplementedError("a far side of a sink may be slow: override `holding`")

    def echoing(self) -> AbstractAsyncContextManager[None]:
        """Within ``async with``, it refuses everything, and repeats in its refusals all that it was told."""
        return _nothing()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
