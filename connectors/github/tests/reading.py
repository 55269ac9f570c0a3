"""What the tests share: an API whose clock the test moves, readers that can be killed, and sinks.

Every request and every answer of it is judged by GitHub's OpenAPI description at the end of the test.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.github import connector
from connectors.github.config import ApiConfig
from connectors.github.tests.hosting import Hosting
from demo.githubapi import REPOSITORY
from hub.sdk import (
    Cursor,
    Delivery,
    Event,
    IncrementalSource,
    Mapped,
    PollingSource,
    Signal,
    Sink,
    UnitContext,
    WriteFailed,
)
from hub.sdk.cursor import CursorOptions
from hub.sdk.progress import StreamsCursor
from hub.services import HttpService


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, seconds: float) -> None:
        """Later by so many seconds."""
        self.time += timedelta(seconds=seconds)


class World:
    """A repository at GitHub, and what reads it."""

    def __init__(self, api: Hosting, clock: Clock, service: HttpService) -> None:
        self.api = api
        self.clock = clock
        self.service = service

    @property
    def repository(self) -> Any:
        """What can be changed."""
        return self.api.repository

    def reader(self, kind: str, **settings: Any) -> "Reader":
        """A reader of one of the lists."""
        return Reader(self.service, kind, {"repository": REPOSITORY, **settings})

    def query(self, **settings: Any) -> "Reader":
        """A reader of a query."""
        return Reader(self.service, "graphql", settings)

    def sink(self, kind: str, **settings: Any) -> Sink[Any]:
        """A sink; settings that begin with ``= data.`` are taken out of the event, as the hub's compiler does it."""
        cls = connector.sinks[kind]
        mapped = {name: _mapped(each) for name, each in {"repository": REPOSITORY, **settings}.items()}
        service = self.service.for_deliveries()
        return cls(cls.config_type().model_validate(mapped), UnitContext("writer", services={"github": service}))

    def requests(self) -> list[tuple[str, int]]:
        """The requests since the last call: path and status."""
        asked, self.api.asked = self.api.asked, []
        return asked


class Reader:
    """A polling source with its stored cursor, as the engine would run it."""

    def __init__(self, service: HttpService, kind: str, settings: dict[str, Any]) -> None:
        self._service = service
        self._kind = connector.sources[kind]
        self._settings = settings
        self.stored = self.source().cursor_type()().model_dump_json()
        self.events: list[Event] = []

    def source(self, options: CursorOptions | None = None) -> PollingSource[Any, Any]:
        """A new life of the source, with what stands under ``cursor:``."""
        config = self._kind.config_type().model_validate(self._settings)
        context = UnitContext("polled", services={"github": self._service}, cursor=options or CursorOptions())
        source = self._kind(config, context)
        assert isinstance(source, PollingSource)
        return source

    @property
    def cursor(self) -> Cursor:
        """The stored cursor."""
        return self.source().cursor_type().model_validate_json(self.stored)

    async def backfill(self, start: str, end: str) -> list[Event]:
        """The events of a range, beside the stored cursor; killed after each batch."""
        cursor = StreamsCursor()
        found: list[Event] = []
        while True:
            source = self.source()
            assert isinstance(source, IncrementalSource)
            batch = await anext(source.backfill(cursor, start, end), None)
            if batch is None:
                return found
            assert isinstance(batch.cursor, StreamsCursor)
            cursor = StreamsCursor.model_validate_json(batch.cursor.model_dump_json())
            found += batch.events

    async def poll(
        self, *, batches: int | None = None, stored: int | None = None, options: CursorOptions | None = None
    ) -> list[Event]:
        """Polls from the stored cursor in a new life of the source; the events that it gave.

        Args:
            batches: is killed after so many batches.
            stored: of these, so many were stored with their cursors; the events of the others are lost with us.
            options: what stands under ``cursor:``.
        """
        source = self.source(options)
        new: list[Event] = []
        polling = source.poll(self.cursor)
        try:
            count = 0
            async for batch in polling:
                count += 1
                if stored is None or count <= stored:
                    self.stored = batch.cursor.model_dump_json()
                    new.extend(batch.events)
                if batches is not None and count >= batches:
                    break
        finally:
            self.events.extend(new)
            await polling.aclose()  # type: ignore[attr-defined]  # poll is an async generator
        return new


def _mapped(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("= data."):
        return Mapped(value, lambda event: event.data.get(value.removeprefix("= data.")))
    return value


def delivery(key: str = "key-1", **data: Any) -> Delivery:
    """One event on its way."""
    return Delivery(Event(type="test.alert", source="/test", id=f"event of {key}", data=data, partitionkey="k"), key)


async def outcome(sink: Sink[Any], *batch: Delivery) -> Signal | None:
    """What became of a batch's first delivery; ``None`` for success."""
    try:
        await sink.write(batch)
    except WriteFailed as failed:
        return failed.failures[0]
    return None


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """An empty repository, and a service that reaches it."""
    clock = Clock()
    api = Hosting(clock=clock)
    await api.start()
    try:
        # Without the policies, whose clock isn't the test's: a limit that is used up would be one for an hour.
        config = ApiConfig(base_url=api.url, rate_limit=None, circuit_breaker=None, retry=None)
        async with HttpService("github", config) as service:
            yield World(api, clock, service)
        assert not api.wrong, "by GitHub's description of its API:\n" + "\n".join(dict.fromkeys(api.wrong))
    finally:
        await api.stop()
