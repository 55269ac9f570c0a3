"""Notifications of the account that the token is of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.github.answers import Trail, written
from connectors.github.config import NotificationsConfig
from connectors.github.repository import Asking
from hub.sdk import Change, IncrementalSource, Value, Window

Record = dict[str, Any]

_PAGE = 50  # GitHub gives no more of these


class Notifications(Asking[NotificationsConfig], IncrementalSource[NotificationsConfig]):
    """Each notification as it was after a change, read ones too."""

    events = {"github.notification": "github/notification/v1.json"}
    partition_key = "id"
    every = timedelta(minutes=1)
    hold_back = timedelta(seconds=5)

    @property
    def far_side(self) -> str:
        """Of all repositories, or of one."""
        return f"notifications of {self.config.repository or 'all repositories'} on GitHub"

    async def now(self, stream: str) -> Value | None:
        """By GitHub's clock."""
        del stream
        return await self.github_now()

    def beginning(self, stream: str) -> Value | None:
        """As configured."""
        del stream
        return self.config.since

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields the changes of a range, the newest first; and heeds how often GitHub wants to be asked."""
        del stream
        repository = self.config.repository
        path = f"/repos/{repository}/notifications" if repository else "/notifications"
        about = repository or "the account's notifications"
        params = {
            "all": True,
            "participating": self.config.participating or None,
            "since": _moved(window.start, -1),  # whether the second itself belongs to it GitHub doesn't say
            "before": _moved(window.end, 1),
            "per_page": _PAGE,
        }
        page = await self.page(path, about, params)
        self.poll_interval, trail = page.poll_interval, Trail()
        while True:
            yield [self._change(each) for each in page.records("id", "updated_at")]
            if page.following is None:
                return
            page = await self.page(path, about, query=trail.after(page))

    def _change(self, record: Record) -> Change:
        at = record["updated_at"]
        whole = record.get("repository") or {}
        source = str(whole.get("html_url") or self.home)
        event = self.event("github.notification", record, id=f"{record['id']}@{at}", time=at, source=source)
        return Change(record["id"], at, event)


def _moved(time: Value | None, seconds: int) -> str | None:
    return None if time is None else written(datetime.fromisoformat(str(time)) + timedelta(seconds=seconds))
