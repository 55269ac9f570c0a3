"""Pull requests of a repository, in the order of their last change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from connectors.github.answers import Page, Trail, after
from connectors.github.api import PAGE
from connectors.github.changes import Placed
from connectors.github.config import PullsConfig
from connectors.github.repository import PlacedCursor
from hub.sdk import Batch, Change, Cursor, Event, Window
from hub.sdk.progress import StreamsCursor

Record = dict[str, Any]

_NEWEST = f"state=all&sort=updated&direction=desc&per_page={PAGE}"

HELD = 300
"""Pull requests, of about 20 kB each, that are held before the oldest of them is found. If more have changed, as on the
first reading, the newest are given first."""


class Walk(Cursor):
    """A way back through the list that has not come to its end.

    Attributes:
        until: what ``since`` becomes when it has.
        before: changes from this second on have been read.
        query: query string of the page to go on with.
    """

    until: str
    before: str
    query: str


class PullsCursor(PlacedCursor):
    """The first second that hasn't been read to its end.

    Attributes:
        walk: the way from the newest change back to ``since``, while it is under way.
    """

    walk: Walk | None = None


class Pulls(Placed[PullsConfig]):
    """Each pull request as it was after a change.

    GitHub can't list them from a time on. So it walks from the newest change back to the cursor. Pages shift meanwhile,
    but only away from us: each change moves a pull request to the front, where the next poll finds it.
    """

    events = {"github.pull": "github/pull/v1.json"}
    gives = "github.pull"

    @classmethod
    def cursor_type(cls) -> type[PullsCursor]:
        """The second, and the way back to it."""
        return PullsCursor

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields the changes of a range, the newest first, after all that came after it."""
        del stream
        page, trail = await self.ask("pulls", query=_NEWEST), Trail()
        while True:
            records = _records(page)
            yield self.changes(records)
            oldest = min((each["updated_at"] for each in records), default="")
            if page.following is None or oldest < str(window.start or ""):
                return
            page = await self.ask("pulls", query=trail.after(page))

    async def poll(self, cursor: StreamsCursor) -> AsyncIterator[Batch]:
        """Yields what has changed since the cursor and has settled, the oldest change first."""
        assert isinstance(cursor, PullsCursor)
        self.check()
        walk, floor = cursor.walk, cursor.since or self.first or ""
        query = walk.query if walk else _NEWEST
        page = await self.ask("pulls", query=query, etag=None if walk else cursor.etag)
        if page.unchanged:
            return
        before = walk.before if walk else after(page.settled(self.rest))
        until = walk.until if walk else None
        etag = page.etag if not walk and all(each["updated_at"] < before for each in _records(page)) else None
        held: dict[str, tuple[Record, str]] = {}
        trail = Trail()
        while True:
            records = _records(page)
            for each in records:
                if floor <= each["updated_at"] < before:
                    held.setdefault(each["node_id"], (each, query))
                    until = until or after(each["updated_at"])
            following = trail.after(page)
            if following is None or any(each["updated_at"] < floor for each in records):
                break
            query = following
            if len(held) >= HELD and until:
                oldest = min(each["updated_at"] for each, _ in held.values())
                ready = [each for each, _ in held.values() if each["updated_at"] > oldest]
                held = {name: each for name, each in held.items() if each[0]["updated_at"] == oldest}
                before = after(oldest)
                if ready:
                    walk = Walk(until=until, before=before, query=next(found_on for _, found_on in held.values()))
                    yield Batch(self._events(ready), PullsCursor(since=cursor.since, walk=walk))
            page = await self.ask("pulls", query=query)
        moved = PullsCursor(since=until or cursor.since, etag=etag)
        if moved != cursor:
            yield Batch(self._events([each for each, _ in held.values()]), moved)

    def _events(self, records: list[Record]) -> list[Event]:
        return [self.made(each) for each in sorted(records, key=lambda each: str(each["updated_at"]))]


def _records(page: Page) -> list[Record]:
    return page.records("node_id", "updated_at")
