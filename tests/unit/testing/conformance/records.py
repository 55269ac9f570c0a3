"""A source that keeps to everything, on an API of numbered records; tests break one thing in it at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from pydantic import Field, SecretStr

from hub.sdk import (
    TLS,
    Batch,
    Connector,
    Cursor,
    Duration,
    Event,
    NotConnected,
    Permanent,
    PollingSource,
    Signal,
    SourceConfig,
    Transient,
)
from hub.testing.conformance import HttpFarSide

PAGE = 5
TOKEN = "canary-1234567890"
LARGEST = 2**20


class RecordsApi(HttpFarSide):
    """Lists records after a number, a page at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def add(self, count: int) -> list[str]:
        first, self.count = self.count + 1, self.count + count
        return [str(number) for number in range(first, self.count + 1)]

    async def answer(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        records = [{"number": n, "group": n % 3, "text": "x" * 2000} for n in range(after + 1, self.count + 1)[:PAGE]]
        return web.json_response({"records": records})


class RecordsConfig(SourceConfig):
    url: str = Field(pattern="^https?://")
    token: SecretStr
    timeout: Duration
    tls: TLS = TLS()


class RecordsCursor(Cursor):
    after: int = 0


class Records(PollingSource[RecordsConfig, RecordsCursor]):
    """The records of the API."""

    events = {"sample.record": None}
    partition_key = "group"

    def __init__(self, config, context) -> None:
        super().__init__(config, context)
        self.session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.config.tls.context()),
            timeout=aiohttp.ClientTimeout(total=self.config.timeout.total_seconds()),
        )

    async def close(self) -> None:
        if self.session is not None:
            await self.session.close()

    async def poll(self, cursor: RecordsCursor) -> AsyncIterator[Batch]:
        after = cursor.after
        while records := await self.page(after):
            after = records[-1]["number"]
            yield Batch([self.made(each) for each in records], RecordsCursor(after=after))

    def made(self, record: dict[str, Any]) -> Event:
        return self.event("sample.record", record, id=str(record["number"]), time="2026-11-20T10:02:11Z")

    async def page(self, after: int) -> list[dict[str, Any]]:
        try:
            status, headers, body = await self.ask(after)
        except Exception as error:  # noqa: BLE001  the client's own
            raise self.signal(error) from None
        if status != 200:
            raise self.refused(status, headers)
        try:
            return orjson.loads(body)["records"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Transient("expected a document with records") from None

    async def ask(self, after: int) -> tuple[int, Any, bytes]:
        assert self.session is not None
        headers = {"Authorization": f"Bearer {self.config.token.get_secret_value()}"}
        async with self.session.get(f"{self.config.url}/records?after={after}", headers=headers) as answer:
            body = b""
            while chunk := await answer.content.readany():
                body += chunk
                if len(body) > LARGEST:
                    raise Permanent("an answer that is too long")
            return answer.status, answer.headers, body

    @staticmethod
    def signal(error: BaseException) -> Signal:
        if isinstance(error, Signal):
            return error
        if isinstance(error, aiohttp.ClientConnectionError):
            return NotConnected(f"no connection: {type(error).__name__}")
        if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
            return Transient(f"no answer: {type(error).__name__}")
        raise error

    @staticmethod
    def refused(status: int, headers: Any) -> Signal:
        if status in (429, 503):
            return NotConnected(f"it answered {status}", status=status, retry_after=wait(headers))
        return (Transient if status >= 500 else Permanent)(f"it answered {status}", status=status)


def wait(headers: Any) -> float | None:
    """Seconds that an answer asks for."""
    said = headers.get("Retry-After")
    if said is None:
        return None
    if said.isdigit():
        return float(said)
    return (parsedate_to_datetime(said) - parsedate_to_datetime(headers["Date"])).total_seconds()


def connector(source: type[Records] = Records) -> Connector:
    return Connector("sample", "Sample", sources={"records": source})


# Each breaks one thing.


class SkipsAtABoundary(Records):
    async def poll(self, cursor):
        after = cursor.after
        while records := await self.page(after):
            after = records[-1]["number"] + 1
            yield Batch([self.made(each) for each in records], RecordsCursor(after=after))


class StoresItsCursorTooEarly(Records):
    async def poll(self, cursor):
        async for batch in super().poll(cursor):
            yield Batch(batch.events[:2], batch.cursor)
            yield Batch(batch.events[2:], batch.cursor)


class StoresItsCursorTooLate(Records):
    async def poll(self, cursor):
        before = cursor
        async for batch in super().poll(cursor):
            yield Batch(batch.events, before)
            before = batch.cursor
        yield Batch([], before)


class RemembersBesidesItsCursor(Records):
    given: set[str] = set()

    async def poll(self, cursor):
        async for batch in super().poll(cursor):
            new = [each for each in batch.events if each.id not in self.given]
            self.given.update(each.id for each in new)
            yield Batch(new, batch.cursor)


class GoesOnOverFailures(Records):
    async def page(self, after):
        try:
            return await super().page(after)
        except Transient:
            try:
                return await super().page(after + PAGE)
            except Signal:
                return []

    async def poll(self, cursor):
        async for batch in super().poll(cursor):
            yield batch
        yield Batch([], RecordsCursor(after=10**6))


class TakesAnyObjectForAPage(Records):
    async def page(self, after):
        status, _headers, body = await self.ask(after)
        return orjson.loads(body).get("records", []) if status == 200 else []


class TakesAPageForPeopleForAnEmptyOne(Records):
    async def poll(self, cursor):
        try:
            async for batch in super().poll(cursor):
                yield batch
        except Transient:
            yield Batch([], RecordsCursor(after=RecordsApiSize.latest))


class RecordsApiSize:
    latest = 30


class LetsItsClientsErrorsOut(Records):
    @staticmethod
    def signal(error):
        raise error


class KnowsNotAllOfItsClientsErrors(Records):
    @staticmethod
    def signal(error):
        if isinstance(error, aiohttp.ClientPayloadError):
            raise error
        return Records.signal(error)


class ShowsItsToken(Records):
    @staticmethod
    def refused(status, headers):
        return Transient(f"it answered {status} to Bearer {TOKEN}")


class LogsItsToken(Records):
    async def ask(self, after):
        self.log.debug("asking with %s", self.config.token.get_secret_value())
        return await super().ask(after)


class ShowsItsTokenInACause(Records):
    @staticmethod
    def refused(status, headers):
        signal = Transient("it failed")
        signal.__cause__ = ValueError(f"the headers were Authorization: Bearer {TOKEN}")
        return signal


class ReadsAhead(Records):
    async def open(self):
        await super().open()
        self.pages: asyncio.Queue[Any] = asyncio.Queue()

    async def fetch(self, after):
        while records := await self.page(after):
            after = records[-1]["number"]
            self.pages.put_nowait(records)
        self.pages.put_nowait(None)

    async def poll(self, cursor):
        task = asyncio.create_task(self.fetch(cursor.after))
        try:
            while records := await self.pages.get():
                yield Batch([self.made(each) for each in records], RecordsCursor(after=records[-1]["number"]))
        finally:
            task.cancel()


class HoldsAllThatItReads(Records):
    async def poll(self, cursor):
        batches = [batch async for batch in super().poll(cursor)]
        for batch in batches:
            yield batch


class LeavesATaskRunning(Records):
    async def close(self):
        await super().close()
        self.task = asyncio.create_task(asyncio.sleep(30), name="left")


class CallsAFailureFinal(Records):
    @staticmethod
    def refused(status, headers):
        return Permanent(f"it answered {status}")


class DoesntHearWhenItIsThrottled(Records):
    @staticmethod
    def refused(status, headers):
        return NotConnected(f"it answered {status}")


class MakesUpIds(Records):
    made_up = 0

    def made(self, record):
        MakesUpIds.made_up += 1
        return self.event("sample.record", record, id=str(self.made_up))


class HasNoKey(Records):
    partition_key = ()


class GivesWhatIsNoStrictJson(Records):
    def made(self, record):
        return super().made({**record, "ratio": float("nan")})


class TrustsEveryCertificate(Records):
    async def open(self):
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False))


class ReadsAnswersWithoutAnEnd(Records):
    async def ask(self, after):
        headers = {"Authorization": f"Bearer {self.config.token.get_secret_value()}"}
        async with self.session.get(f"{self.config.url}/records?after={after}", headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()


class NeverGivesUp(Records):
    async def open(self):
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))


class LenientConfig(RecordsConfig, extra="ignore"):
    """Takes whatever it is given."""


class TakesAnySettings(Records, PollingSource[LenientConfig, RecordsCursor]):
    @classmethod
    def config_type(cls):
        return LenientConfig
