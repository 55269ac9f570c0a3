"""Issues of a repository, in the order of their last change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from connectors.github.answers import Page, after, place
from connectors.github.api import PAGE
from connectors.github.config import IssuesConfig
from connectors.github.repository import RepositorySource
from hub.sdk import Batch, Cursor, Event

Record = dict[str, Any]


class IssuesCursor(Cursor):
    """The first second that hasn't been read to its end.

    Attributes:
        since: that second; ``None`` before the first change.
        etag: of the answer that there is nothing from that second on.
    """

    since: str | None = None
    etag: str | None = None


class Issues(RepositorySource[IssuesConfig, IssuesCursor]):
    """Each issue as it was after a change.

    Pages shift while they are read, as each change moves an issue to the end of the list. So it asks for a new first
    page from the last change on, again and again, and reads no second before all of its changes are there.
    """

    events = {"github.issue": "github/issue/v1.json"}
    partition_key = "node_id"

    async def poll(self, cursor: IssuesCursor) -> AsyncIterator[Batch]:
        """Yields what has changed since the cursor and has settled, the oldest change first."""
        since = cursor.since or self.config.since
        etag = cursor.etag
        while True:
            page = await self._from(since, etag)
            if page.unchanged:
                return
            records = _by_time(page)
            ripe = [each for each in records if each["updated_at"] <= page.settled(self.config.settle)]
            if not records and page.etag != cursor.etag:
                yield Batch([], IssuesCursor(since=cursor.since, etag=page.etag))
            if not ripe:
                return
            more = page.following is not None and len(ripe) == len(records)
            ripe, since = await self._whole_seconds(ripe) if more else (ripe, after(ripe[-1]["updated_at"]))
            cursor, etag = IssuesCursor(since=since), None
            yield Batch([self._event(each) for each in ripe if self._wanted(each)], cursor)
            if not more:
                return

    async def _whole_seconds(self, records: list[Record]) -> tuple[list[Record], str]:
        """What of a full page can be given, and the second to go on from: its last one may go on on the next page."""
        last = records[-1]["updated_at"]
        whole = [each for each in records if each["updated_at"] < last]
        return (whole, last) if whole else (await self._second(last), after(last))

    async def _second(self, second: str) -> list[Record]:
        """All issues changed within one second that fills more than a page, as a change of many at once does.

        Here there is no way around following pages. A change in the meantime takes an issue out of this second, and
        those behind it move up, maybe past us to a page that we have read. So it reads them again until it finds
        nothing new.
        """
        found: dict[str, Record] = {}
        while True:
            known = len(found)
            page = await self._from(second)
            while True:
                records = _by_time(page)
                found.update((each["node_id"], each) for each in records if each["updated_at"] == second)
                if page.following is None or not records or records[-1]["updated_at"] > second:
                    break
                page = await self.ask("issues", query=page.following)
            if len(found) == known:
                return list(found.values())

    async def _from(self, since: str | None, etag: str | None = None) -> Page:
        params = {"state": "all", "sort": "updated", "direction": "asc", "since": since, "per_page": PAGE}
        return await self.ask("issues", params, etag=etag)

    def _wanted(self, record: Record) -> bool:
        return self.config.pull_requests or "pull_request" not in record

    def _event(self, record: Record) -> Event:
        version = f"{record['node_id']}@{record['updated_at']}"
        return self.event("github.issue", record, id=version, time=record["updated_at"], **place(record))


def _by_time(page: Page) -> list[Record]:
    records: Iterable[Record] = page.records("node_id", "updated_at")
    return sorted(records, key=lambda each: str(each["updated_at"]))
