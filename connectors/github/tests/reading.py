"""What the tests of the polled lists share: an API whose clock the test moves, and a reader that can be killed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.github import connector
from connectors.github.config import ApiConfig
from demo.githubapi import REPOSITORY, GitHubApi
from hub.sdk import Cursor, Event, PollingSource, UnitContext
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

    def __init__(self, api: GitHubApi, clock: Clock, service: HttpService) -> None:
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
        self.stored = self._source().cursor_type()().model_dump_json()
        self.events: list[Event] = []

    def _source(self) -> PollingSource[Any, Any]:
        config = self._kind.config_type().model_validate(self._settings)
        source = self._kind(config, UnitContext("polled", services={"github": self._service}))
        assert isinstance(source, PollingSource)
        return source

    @property
    def cursor(self) -> Cursor:
        """The stored cursor."""
        return self._source().cursor_type().model_validate_json(self.stored)

    async def poll(self, *, batches: int | None = None, stored: int | None = None) -> list[Event]:
        """Polls from the stored cursor in a new life of the source; the events that it gave.

        Args:
            batches: is killed after so many batches.
            stored: of these, so many were stored with their cursors; the events of the others are lost with us.
        """
        source = self._source()
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


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """An empty repository, and a service that reaches it."""
    clock = Clock()
    api = GitHubApi(clock=clock)
    await api.start()
    try:
        async with HttpService("github", ApiConfig(base_url=api.url)) as service:
            yield World(api, clock, service)
    finally:
        await api.stop()
