"""A sink that keeps to everything, on an API that takes notes; tests break one thing in it at a time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import Field, SecretStr

from hub.sdk import (
    TLS,
    Connector,
    Delivery,
    Duration,
    Event,
    NotConnected,
    Permanent,
    Signal,
    Sink,
    SinkConfig,
    Transient,
    WriteFailed,
)
from hub.testing.conformance import HttpFarSide

from .records import Records

TOKEN = "canary-0987654321"


class NotesApi(HttpFarSide):
    """Takes notes by their key."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        key = request.query["key"]
        if not self.wanted(key):
            return web.json_response({"message": "no"}, status=422)
        self.keys.append(key)
        return web.json_response({"taken": key})

    async def received(self) -> Sequence[str]:
        return list(self.keys)


class NotesConfig(SinkConfig):
    url: str = Field(pattern="^https?://")
    token: SecretStr
    timeout: Duration
    tls: TLS = TLS()


class Notes(Sink[NotesConfig]):
    """Writes events as notes."""

    batch = 4
    session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self.verified()),
            timeout=aiohttp.ClientTimeout(total=self.config.timeout.total_seconds()),
        )

    def verified(self) -> Any:
        return self.config.tls.context()

    async def close(self) -> None:
        if self.session is not None:
            await self.session.close()

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        outcomes = await asyncio.gather(*map(self.one, batch), return_exceptions=True)
        failures: dict[int, Signal] = {}
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, Signal):
                failures[index] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
        if failures:
            raise WriteFailed(failures)
        return ()

    async def one(self, delivery: Delivery) -> None:
        try:
            status, headers, body = await self.send(delivery)
        except Exception as error:  # noqa: BLE001  the client's own
            raise Records.signal(error) from None
        if status != 200:
            raise self.refused(status, headers)
        self.check(body)

    def check(self, body: bytes) -> None:
        if b'"taken"' not in body:
            raise Transient("expected to hear what was taken; got something else")

    def key(self, delivery: Delivery) -> str:
        return delivery.idempotency_key

    async def send(self, delivery: Delivery) -> tuple[int, Any, bytes]:
        assert self.session is not None
        headers = {"Authorization": f"Bearer {self.config.token.get_secret_value()}"}
        url, params = f"{self.config.url}/notes", {"key": self.key(delivery)}
        async with self.session.post(url, params=params, headers=headers, data=delivery.event.raw) as answer:
            return answer.status, answer.headers, await answer.content.read(1000)

    def refused(self, status: int, headers: Any) -> Signal:
        return Records.refused(status, headers)


def connector(sink: type[Notes] = Notes) -> Connector:
    return Connector("notes", "Notes", sinks={"": sink})


class LosesOnATimeout(Notes):
    async def send(self, delivery):
        try:
            return await super().send(delivery)
        except TimeoutError:
            return 200, {}, b'{"taken"'


class TakesAnyAnswerForItsOwn(Notes):
    def check(self, body):
        pass


class LosesOnAReset(Notes):
    async def send(self, delivery):
        try:
            return await super().send(delivery)
        except aiohttp.ServerDisconnectedError:
            return 200, {}, b'{"taken"'


class DoesntWait(Notes):
    tasks: set[Any] = set()

    async def one(self, delivery):
        task = asyncio.create_task(super().one(delivery))
        task.add_done_callback(lambda done: done.exception())
        self.tasks.add(task)


class FailsAsAWhole(Notes):
    async def write(self, batch):
        try:
            return await super().write(batch)
        except WriteFailed as error:
            raise next(iter(error.failures.values())) from None


class MakesUpKeys(Notes):
    def key(self, delivery):
        return uuid.uuid4().hex


class CountsAttemptsInItsKey(Notes):
    def key(self, delivery):
        return delivery.idempotency_key if delivery.attempt == 1 else f"{delivery.idempotency_key}#{delivery.attempt}"


class LetsItsClientsErrorsOut(Notes):
    async def one(self, delivery):
        await self.send(delivery)


class ShowsItsTokenWhenItIsRefused(Notes):
    def refused(self, status, headers):
        return (Transient if status >= 500 else Permanent)(f"{status} for {self.config.token.get_secret_value()}")


class ShowsItsTokenInItsRepr(Notes):
    def __repr__(self):
        return f"Notes({self.config.token.get_secret_value()!r})"


class HoldsWhatItHasWritten(Notes):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.history: list[bytes] = []

    async def send(self, delivery):
        self.history.append(bytes(bytearray(delivery.event.raw)))
        return await super().send(delivery)


class CallsAThrottleFinal(Notes):
    def refused(self, status, headers):
        return Permanent(f"it answered {status}")


class CallsARefusalPassing(Notes):
    def refused(self, status, headers):
        return NotConnected(str(status)) if status in (429, 503) else Transient(str(status))


class TrustsEveryCertificate(Notes):
    def verified(self):
        return False


class NeverGivesUp(Notes):
    async def open(self):
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))


class ReadsAnswersWithoutAnEnd(Notes):
    async def send(self, delivery):
        async with self.session.post(self.config.url, params={"key": self.key(delivery)}) as answer:
            return answer.status, answer.headers, await answer.read()


class NamesTheWrongOne(Notes):
    async def write(self, batch):
        try:
            return await super().write(batch)
        except WriteFailed as error:
            raise WriteFailed({(index + 1) % len(batch): each for index, each in error.failures.items()}) from None


class MixesUpAKeysOrder(Notes):
    ordered = True

    async def write(self, batch):
        for each in sorted(batch, key=lambda each: each.idempotency_key, reverse=True):
            await self.one(each)
        return ()


class CantBeClosedWhileItWrites(Notes):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.writing: set[Any] = set()

    async def one(self, delivery):
        task = asyncio.ensure_future(super().one(delivery))
        self.writing.add(task)
        await asyncio.shield(task)

    async def close(self):
        await asyncio.gather(*self.writing, return_exceptions=True)
        await super().close()
