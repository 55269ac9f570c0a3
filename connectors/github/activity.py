"""What happens in a repository, as GitHub's activity feed tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from connectors.github.answers import Trail
from connectors.github.api import PAGE
from connectors.github.config import ActivityConfig
from connectors.github.repository import RepositorySource
from hub.sdk import Batch, Cursor, Event

Record = dict[str, Any]


class ActivityCursor(Cursor):
    """The events of the feed, as it was read last, that have been given: 300 at most.

    Attributes:
        seen: their ids.
        etag: of the first page then, once all of them have been given.
    """

    seen: tuple[str, ...] = ()
    etag: str | None = None

    def summary(self) -> str:
        """The newest one."""
        return self.seen[0] if self.seen else "the beginning"


class Activity(RepositorySource[ActivityConfig, ActivityCursor]):
    """Each event once.

    GitHub keeps the last 300, of 30 days, and shows some of them later than others. So what is new is told by the ids
    alone, of all that the feed holds.
    """

    events = {"github.repository_event": "github/repository_event/v1.json"}
    partition_key = "repo.name"
    every = timedelta(minutes=1)

    async def poll(self, cursor: ActivityCursor) -> AsyncIterator[Batch]:
        """Yields what is new in parts, the oldest first; and heeds how often GitHub wants to be asked."""
        page = await self.ask("events", {"per_page": PAGE}, etag=cursor.etag)
        self.poll_interval = page.poll_interval
        if page.unchanged:
            return
        etag, records = page.etag, page.records("id", "type")
        trail = Trail()
        while (following := trail.after(page)) is not None:
            page = await self.ask("events", query=following)
            records += page.records("id", "type")
        listed = {each["id"]: each for each in records}  # new ones may have moved some to the next page
        new = [each for name, each in listed.items() if name not in cursor.seen]
        if cursor.seen and len(new) == len(listed):
            self.log.warning(
                "%s: none of the %d events that GitHub keeps was there the last time; some in between may have been "
                "missed. A shorter `every`, or a webhook, sees them",
                self.name,
                len(listed),
            )
        known = set(cursor.seen)
        for part in _parts(sorted(new, key=_order)):
            known.update(each["id"] for each in part)
            # The tag comes with the last part: whoever goes on before that must be shown the rest again.
            tag = etag if known >= listed.keys() else None
            moved = ActivityCursor(seen=tuple(each for each in listed if each in known), etag=tag)
            if moved != cursor:
                yield Batch([self._event(each) for each in part], moved)

    def _event(self, record: Record) -> Event:
        return self.event(
            "github.repository_event",
            record,
            id=record["id"],
            time=record.get("created_at"),
            source=self.address,
            partitionkey=self.config.repository,
        )


def _order(record: Record) -> tuple[str, int, str]:
    """By time, then by id, which are numbers."""
    return str(record.get("created_at") or ""), len(record["id"]), record["id"]


def _parts(records: list[Record]) -> list[list[Record]]:
    """As many as a page has at a time; one that is empty where there are none."""
    return [records[at : at + PAGE] for at in range(0, len(records), PAGE)] or [[]]
