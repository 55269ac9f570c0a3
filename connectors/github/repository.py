"""What all polled lists share: where to ask, how, and by whose clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from connectors.github.answers import Page, explained, written
from connectors.github.api import HEADERS
from connectors.github.config import DatedConfig, RepositoryConfig
from hub.sdk import Cursor, IncrementalSource, Permanent, PollingSource, Response, Source, SourceConfig, Value
from hub.sdk.progress import StreamsCursor

G = TypeVar("G", bound=SourceConfig)
C = TypeVar("C", bound=RepositoryConfig)
D = TypeVar("D", bound=DatedConfig)
K = TypeVar("K", bound=Cursor)

_API = re.compile(r"(https?://)(?:api\.)?([^/]+)")


class Asking(Source[G], Generic[G]):
    """A source that asks GitHub's API."""

    home = "https://github.com"
    """Where the web pages are; as of ``api.github.com``, without that word, once something was answered."""
    _ahead: timedelta | None = None  # GitHub's clock before ours; not known yet
    accept: str | None = None
    """Media type to ask for, where it isn't the usual one."""

    async def page(
        self,
        path: str,
        about: str,
        params: Mapping[str, Any] | None = None,
        *,
        query: str | None = None,
        etag: str | None = None,
    ) -> Page:
        """A page.

        Args:
            path: of the API.
            about: what is asked about, for people.
            params: query parameters; those that are ``None`` are left out.
            query: a whole query string instead, as in the link to the next page.
            etag: of the answer that we have; the page may then be `Page.unchanged`.

        Raises:
            NotConnected: GitHub is down, or a rate limit is used up.
            Transient: it failed.
            Permanent: it refused, with what to do about it.
        """
        headers = {**HEADERS, "if-none-match": etag} if etag else dict(HEADERS)
        if self.accept is not None:
            headers["accept"] = self.accept
        address = f"{path}?{query}" if query else path
        try:
            answer = await self.service.request("GET", address, params=params, headers=headers)
        except Permanent as refusal:
            raise explained(refusal, about) from refusal
        page = Page.of(answer)
        self.learn(answer, page.answered)
        return page

    def learn(self, answer: Response, answered: datetime) -> None:
        """Takes in what any answer tells: GitHub's clock, and where it is."""
        if home := _API.match(answer.url):
            self.home = home[1] + home[2]
        self._ahead = answered - datetime.now(UTC)

    async def github_now(self) -> str:
        """The time by GitHub's clock, as far as an answer has told it; a first one that costs nothing is asked for."""
        if self._ahead is None:
            try:
                await self.page("/rate_limit", "GitHub's limits")
            except Permanent:  # a GitHub Enterprise Server without limits
                self._ahead = timedelta()
        return written(datetime.now(UTC) + (self._ahead or timedelta()))


class OfRepository(Asking[C], Generic[C]):
    """A list that belongs to a repository."""

    @property
    def far_side(self) -> str:
        """The repository."""
        return f"{self.config.repository} on GitHub"

    @property
    def address(self) -> str:
        """The repository's web address; known once something was answered."""
        return f"{self.home}/{self.config.repository}"

    async def ask(
        self, path: str, params: Mapping[str, Any] | None = None, *, query: str | None = None, etag: str | None = None
    ) -> Page:
        """A page of what is found below the repository; see `Asking.page`."""
        repository = self.config.repository
        return await self.page(f"/repos/{repository}/{path}", repository, params, query=query, etag=etag)


class RepositorySource(OfRepository[C], PollingSource[C, K], Generic[C, K]):
    """A list of a repository whose place is kept in a way of its own."""


class RepositoryList(OfRepository[D], IncrementalSource[D], Generic[D]):
    """A list of a repository whose records bear a time."""

    async def now(self, stream: str) -> Value | None:
        """By GitHub's clock."""
        del stream
        return await self.github_now()

    def beginning(self, stream: str) -> Value | None:
        """As configured."""
        del stream
        return self.config.since


class PlacedCursor(StreamsCursor):
    """A cursor of a source that can read ranges, as a backfill does, and keeps its own place to the second.

    Attributes:
        since: the first second that hasn't been read to its end; ``None`` before the first change.
        etag: of the answer that there was nothing new.
    """

    since: str | None = None
    etag: str | None = None

    def summary(self) -> str:
        """The second."""
        return self.since or "the beginning"
