"""A query as a source: page by page, from where it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.github.answers import explained, place
from connectors.github.api import HEADERS
from connectors.github.graphql.answer import Connection
from connectors.github.graphql.config import FROM_VARIABLE, PAGE_VARIABLE, TO_VARIABLE, QueryConfig
from connectors.github.repository import Asking
from hub.sdk import Batch, Change, ConfigError, Event, IncrementalSource, Permanent, StreamsCursor, Value, Window
from hub.sdk.pagination import found

# Beside the REST API, on GitHub Enterprise Server too: https://HOST/api/v3 and https://HOST/api/graphql.
_PATH = "/../graphql"
_EMPTY = 100  # empty pages in a row that are believed


class QueryCursor(StreamsCursor):
    """Where a query stands.

    Attributes:
        after: the end of the last page, of a connection without `cursor_field`.
    """

    after: str | None = None

    def summary(self) -> str:
        """The position, or the end of the last page."""
        return self.after or super().summary()


class Query(Asking[QueryConfig], IncrementalSource[QueryConfig]):
    """Each record of a connection as it was after a change; or, where the connection only grows, each record once.

    With `cursor_field` it is read by ranges of time, as all lists that bear one; without, on from the end.
    """

    events = {}
    partition_key = ()
    hold_back = timedelta(seconds=5)

    @classmethod
    def cursor_type(cls) -> type[QueryCursor]:
        """The range that was read, or the end of the last page."""
        return QueryCursor

    @classmethod
    def event_types(cls, settings: Mapping[str, Any]) -> Mapping[str, str | None]:
        """The one that its settings name."""
        named = settings.get("type")
        return {named: None} if isinstance(named, str) else {}

    @property
    def declared(self) -> Mapping[str, str | None]:
        """The one that its settings name."""
        return {self.config.type: None}

    @property
    def far_side(self) -> str:
        """The connection."""
        return f"{self.config.records} by GitHub's GraphQL API"

    def is_ordered(self, stream: str) -> bool:
        """Whether the query says so."""
        del stream
        return self.config.order == "ascending"

    def shifts(self, stream: str) -> bool:
        """A changed record moves, also within a connection in order: to its end."""
        del stream
        return True

    def beginning(self, stream: str) -> Value | None:
        """As configured."""
        del stream
        return self.config.since

    async def now(self, stream: str) -> Value | None:
        """By GitHub's clock."""
        del stream
        return await self.github_now()

    async def poll(self, cursor: StreamsCursor) -> AsyncIterator[Batch]:
        """Yields what is new."""
        assert isinstance(cursor, QueryCursor)
        if self.config.cursor_field is not None:
            async for batch in super().poll(cursor):
                yield batch
            return
        after = cursor.after
        async for page in self._pages({}, after):
            if page.end is not None and page.end != after:
                after = page.end
                yield Batch([self._event(page, index) for index in self._given(page)], QueryCursor(after=after))

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields the records of a range, as the query orders them."""
        del stream
        field = self.config.cursor_field
        if field is None:
            raise ConfigError(f"{self.name} has no `cursor_field`: its connection can't be read by ranges")
        start = str(window.start or "")
        variables = {FROM_VARIABLE: window.start, TO_VARIABLE: window.end}
        async for page in self._pages(variables, None):
            changes = [self._change(page, index, field) for index in self._given(page)]
            yield changes
            if self.config.order == "descending" and any(str(each.at) < start for each in changes):
                return

    async def _pages(self, variables: Mapping[str, Any], after: str | None) -> AsyncIterator[Connection]:
        """The pages from a place on.

        Raises:
            NotConnected: a limit is used up, or what is left of it isn't enough for the next page.
            Permanent: the query was refused, or its pages have no end.
        """
        document, empty, seen = self.config.document, 0, {after}
        given = {name: each for name, each in variables.items() if name in document.variables}
        while True:
            wanted = {**self.config.variables, **given, PAGE_VARIABLE: after}
            page = await self._ask({"query": document.text, "variables": wanted})
            yield page
            if not page.more:
                return
            empty = 0 if page.nodes else empty + 1
            after = page.end
            if after is None or after in seen or empty >= _EMPTY:
                raise Permanent(
                    f"{self.name}: the pages have no end; does the query hand `$cursor` to the connection as `after`?"
                )
            seen.add(after)
            if page.budget is not None:
                page.budget.check(page.answered)

    async def _ask(self, body: Mapping[str, Any]) -> Connection:
        try:
            answer = await self.service.request("POST", _PATH, json=body, headers=HEADERS)
        except Permanent as refusal:
            raise explained(refusal, self.config.records) from refusal
        page = Connection.of(answer, self.config.records)
        self.learn(answer, page.answered)
        if page.partial and self.config.partial == "fail":
            raise Permanent(f"GitHub gives a part of the records only: {page.said}")
        return page

    def _given(self, page: Connection) -> list[int]:
        """Indices of the records that are there."""
        given = [index for index, node in enumerate(page.nodes) if isinstance(node, dict)]
        if missing := len(page.nodes) - len(given):
            self.log.warning(
                "%s: GitHub withholds %d records: %s", self.name, missing, page.said or "it doesn't say why"
            )
        return given

    def _change(self, page: Connection, index: int, field: str) -> Change:
        node = page.nodes[index]
        at = found(node, field)
        if not isinstance(at, str):
            raise Permanent(f"expected a time at `{field}` of each node: the query must ask for it")
        return Change(self._identity(node), at, self._event(page, index, at))

    def _identity(self, node: Any) -> str:
        key = found(node, self.config.key)
        if not isinstance(key, (str, int)) or isinstance(key, bool):
            raise Permanent(f"expected text or a number at `{self.config.key}` of each node: the query must ask for it")
        return str(key)

    def _event(self, page: Connection, index: int, at: str | None = None) -> Event:
        node = page.nodes[index]
        key = self._identity(node)
        kept = found(node, self.config.partition_key) if self.config.partition_key else key
        attributes: dict[str, Any] = {"partitionkey": key if kept is None else str(kept)}
        if isinstance(address := node.get("url"), str):
            attributes |= place({"html_url": address})
        if index in page.partial:
            attributes["hubdegraded"] = "partial"
        time = at if at is not None and _is_time(at) else None
        return self.event(self.config.type, node, id=key if at is None else f"{key}@{at}", time=time, **attributes)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
