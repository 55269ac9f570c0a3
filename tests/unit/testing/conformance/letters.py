"""A consuming source that keeps to everything, on a letter box; tests break one thing in it at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pydantic import Field, SecretStr

from hub.sdk import Connector, ConsumingSource, InvalidEvent, NotConnected, Received, SourceConfig, Unreadable
from hub.testing.conformance import FarSide

KEY = "canary-of-letters"


class LetterBox(FarSide):
    """Keeps letters until they are acknowledged, and lends each to one reader at a time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, bytes]] = []
        self.lent: dict[int, list[tuple[str, bytes]]] = {}
        self.known = 0
        self.away = False
        self.changed = asyncio.Event()

    @property
    def faults(self) -> frozenset[str]:
        return frozenset({"refused", "reset"})

    @asynccontextmanager
    async def fault(self, name: str, *, after: int = 0) -> AsyncIterator[None]:
        self.away, self.met = True, 1
        for reader in list(self.lent):
            self.leave(reader)
        self.changed.set()
        try:
            yield
        finally:
            self.away = False

    async def add(self, count: int) -> list[str]:
        added = [f"m{number}" for number in range(self.known, self.known + count)]
        self.known += count
        self.put([(each, b"text") for each in added])
        return added

    def put(self, letters: list[tuple[str, bytes]]) -> None:
        self.waiting += letters
        self.changed.set()

    def enter(self, reader: int) -> None:
        self.reached()
        self.lent[reader] = []

    def leave(self, reader: int) -> None:
        self.waiting = [*self.lent.pop(reader, []), *self.waiting]
        self.changed.set()

    def reached(self) -> None:
        if self.away:
            raise ConnectionRefusedError("away")

    async def take(self, reader: int, most: int) -> list[tuple[str, bytes]]:
        while True:
            self.reached()
            if reader not in self.lent:
                raise ConnectionResetError("gone")
            if self.waiting and most > 0:
                taken, self.waiting = self.waiting[:most], self.waiting[most:]
                self.lent[reader] += taken
                return taken
            self.changed.clear()
            await self.changed.wait()

    def forget(self, reader: int, names: list[str]) -> None:
        self.reached()
        if reader not in self.lent:
            raise ConnectionResetError("gone")
        self.lent[reader] = [each for each in self.lent[reader] if each[0] not in names]


BOXES: dict[str, LetterBox] = {}


class LettersConfig(SourceConfig):
    box: str
    key: SecretStr
    hold: int = Field(default=40, ge=1)


class Letters(ConsumingSource[LettersConfig]):
    """Letters of a box."""

    events = {"sample.letter": None}

    @property
    def box(self) -> LetterBox:
        return BOXES[self.config.box]

    async def open(self) -> None:
        self.held = 0
        self.guarded(lambda: self.box.enter(id(self)))

    async def close(self) -> None:
        self.box.leave(id(self))

    async def receive(self, most):
        try:
            taken = await self.box.take(id(self), min(most, self.config.hold - self.held))
        except OSError as error:
            raise NotConnected(str(error)) from None
        self.held += len(taken)
        return [self.received(*each) for each in taken]

    def received(self, name, text):
        if text == b"?":
            return Received(name, id=name, unreadable=Unreadable(InvalidEvent("no letter"), text))
        return Received(name, [self.event("sample.letter", {"text": "t"}, id=name)], id=name)

    async def acknowledge(self, handles):
        self.guarded(lambda: self.box.forget(id(self), list(handles)))
        self.held -= len(handles)

    @staticmethod
    def guarded(call):
        try:
            call()
        except OSError as error:
            raise NotConnected(str(error)) from None


def connector(source: type[Letters] = Letters) -> Connector:
    return Connector("letters", "Letters", sources={"": source})


class AcknowledgesWhenTheyCome(Letters):
    async def receive(self, most):
        received = await super().receive(most)
        await super().acknowledge([each.handle for each in received])
        return received


class NeverAcknowledges(Letters):
    async def acknowledge(self, handles):
        self.held -= len(handles)


class TakesAllThatThereIs(Letters):
    async def receive(self, most):
        self.held = -(10**6)
        return await super().receive(most)


class DropsWhatItCantRead(Letters):
    async def receive(self, most):
        received = await super().receive(most)
        bad = [each.handle for each in received if each.unreadable]
        await super().acknowledge(bad)
        return [each for each in received if not each.unreadable]


class MakesUpIds(Letters):
    made_up = 0

    def received(self, name, text):
        MakesUpIds.made_up += 1
        received = super().received(name, text)
        return Received(received.handle, received.events, id=str(self.made_up), unreadable=received.unreadable)


class LosesWhatWasPushed(Letters):
    async def receive(self, most):
        received = await super().receive(most * 5)
        await super().acknowledge([each.handle for each in received[most:]])
        return received[:most]


class LetsErrorsOut(Letters):
    @staticmethod
    def guarded(call):
        call()


class SaysNothingOfAnOutage(Letters):
    async def receive(self, most):
        try:
            return await super().receive(most)
        except NotConnected:
            await asyncio.Event().wait()

    @staticmethod
    def guarded(call):
        with suppress(OSError):
            call()


class HoldsWhatWasAcknowledged(Letters):
    history: list = []

    def received(self, name, text):
        self.history.append(bytes(2**17))
        return super().received(name, text)
