"""Lists that GitHub gives in the order of the last change, from a second on: issues, and comments of both kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from connectors.github.answers import Page, Trail, after, place
from connectors.github.api import PAGE
from connectors.github.config import ChangesConfig, CommentsConfig, IssuesConfig, ReviewCommentsConfig
from connectors.github.repository import PlacedCursor, RepositoryList
from hub.sdk import Batch, Change, ConfigError, Event, Window
from hub.sdk.progress import StreamsCursor

Record = dict[str, Any]
H = TypeVar("H", bound=ChangesConfig)


class Placed(RepositoryList[H], Generic[H]):
    """A list that is read to the second: a second is over before it is read, so that nothing is looked back for.

    Class attributes:
        gives: the event type.
    """

    partition_key = "node_id"
    gives: ClassVar[str]

    @classmethod
    def cursor_type(cls) -> type[PlacedCursor]:
        """The second, and what a poll that found nothing was answered."""
        return PlacedCursor

    @property
    def rest(self) -> timedelta:
        """How long a change rests before it is read."""
        held_back = self.context.cursor.hold_back
        return held_back if isinstance(held_back, timedelta) else self.config.settle

    @property
    def first(self) -> str | None:
        """Where to begin; ``None`` with all of the past."""
        start = self.context.cursor.start
        return self.config.since if start is None else str(start)

    def check(self) -> None:
        """Whether the options under ``cursor:`` make sense here."""
        super().check()
        if self.context.cursor.lookback_window is not None:
            raise ConfigError(
                f"`cursor.lookback_window` says nothing to {self.name}, which reads a second once it is over; "
                "`cursor.hold_back` says how long after"
            )

    def made(self, record: Record) -> Event:
        """The event of a record."""
        version = f"{record['node_id']}@{record['updated_at']}"
        return self.event(self.gives, record, id=version, time=record["updated_at"], **place(record))

    def changes(self, records: Iterable[Record]) -> list[Change]:
        """Records as a range gives them."""
        return [Change(str(each["node_id"]), each["updated_at"], self.made(each)) for each in records]


class ChangedList(Placed[H], Generic[H]):
    """Each record as it was after a change.

    Pages shift while they are read, as each change moves a record to the end of the list. So it asks for a new first
    page from the last change on, again and again, and reads no second before all of its changes are there.
    """

    ordered = True
    below: ClassVar[str]
    """Path of the list, below the repository."""

    async def poll(self, cursor: StreamsCursor) -> AsyncIterator[Batch]:
        """Yields what has changed since the cursor and has settled, the oldest change first."""
        assert isinstance(cursor, PlacedCursor)
        self.check()
        since = cursor.since or self.first
        etag = cursor.etag
        while True:
            page = await self._from(since, etag)
            if page.unchanged:
                return
            records = _by_time(page)
            ripe = [each for each in records if each["updated_at"] <= page.settled(self.rest)]
            if not records and page.etag != cursor.etag:
                yield Batch([], PlacedCursor(since=cursor.since, etag=page.etag))
            if not ripe:
                return
            more = page.following is not None and len(ripe) == len(records)
            ripe, since = await self._whole_seconds(ripe) if more else (ripe, after(ripe[-1]["updated_at"]))
            cursor, etag = PlacedCursor(since=since), None
            yield Batch([self.made(each) for each in ripe if self.wanted(each)], cursor)
            if not more:
                return

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields the changes of a range, the oldest first."""
        del stream
        since = None if window.start is None else str(window.start)
        while True:
            page = await self._from(since)
            records = _by_time(page)
            within = [each for each in records if window.end is None or each["updated_at"] < str(window.end)]
            more = page.following is not None and bool(within) and len(within) == len(records)
            if more:
                within, since = await self._whole_seconds(within)
            yield self.changes(each for each in within if self.wanted(each))
            if not more:
                return

    def wanted(self, record: Record) -> bool:
        """Whether a record becomes an event."""
        del record
        return True

    async def _whole_seconds(self, records: list[Record]) -> tuple[list[Record], str]:
        """What of a full page can be given, and the second to go on from: its last one may go on on the next page."""
        last = records[-1]["updated_at"]
        whole = [each for each in records if each["updated_at"] < last]
        return (whole, last) if whole else (await self._second(last), after(last))

    async def _second(self, second: str) -> list[Record]:
        """All records changed within one second that fills more than a page, as a change of many at once does.

        Here there is no way around following pages. A change in the meantime takes a record out of this second, and
        those behind it move up, maybe past us to a page that we have read. So it reads them again until it finds
        nothing new.
        """
        found: dict[str, Record] = {}
        while True:
            known = len(found)
            page, trail = await self._from(second), Trail()
            while True:
                records = _by_time(page)
                found.update((each["node_id"], each) for each in records if each["updated_at"] == second)
                if page.following is None or not records or records[-1]["updated_at"] > second:
                    break
                page = await self.ask(self.below, query=trail.after(page))
            if len(found) == known:
                return list(found.values())

    async def _from(self, since: str | None, etag: str | None = None) -> Page:
        params = {**self.parameters(), "sort": "updated", "direction": "asc", "since": since, "per_page": PAGE}
        return await self.ask(self.below, params, etag=etag)

    def parameters(self) -> dict[str, Any]:
        """Further query parameters."""
        return {}


class Issues(ChangedList[IssuesConfig]):
    """Each issue as it was after a change."""

    events = {"github.issue": "github/issue/v1.json"}
    gives = "github.issue"
    below = "issues"

    def parameters(self) -> dict[str, Any]:
        """Closed ones too."""
        return {"state": "all"}

    def wanted(self, record: Record) -> bool:
        """To GitHub each pull request is also an issue."""
        return self.config.pull_requests or "pull_request" not in record


class Comments(ChangedList[CommentsConfig]):
    """Each comment on an issue or a pull request as it was after a change."""

    events = {"github.comment": "github/comment/v1.json"}
    gives = "github.comment"
    below = "issues/comments"


class ReviewComments(ChangedList[ReviewCommentsConfig]):
    """Each comment on a line of a pull request as it was after a change."""

    events = {"github.review_comment": "github/review_comment/v1.json"}
    gives = "github.review_comment"
    below = "pulls/comments"


def _by_time(page: Page) -> list[Record]:
    records: Iterable[Record] = page.records("node_id", "updated_at")
    return sorted(records, key=lambda each: str(each["updated_at"]))
