"""Lists that GitHub gives by the time when something was made, the newest first or last, and not from a time on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from connectors.github.answers import Page, Trail, place, written
from connectors.github.api import PAGE
from connectors.github.config import DatedConfig, DeploymentsConfig, ForksConfig, RunsConfig, StargazersConfig
from connectors.github.repository import RepositoryList
from hub.sdk import Change, Permanent, Window

Record = dict[str, Any]
D = TypeVar("D", bound=DatedConfig)

_MOST = 1000  # runs that GitHub lists for one range, by its page "List workflow runs for a repository"
_FIRST_RUN = "2018-10-01T00:00:00Z"  # GitHub Actions began in that month
_LAST_PAGE = 400  # of stargazers, by GitHub's refusal of later ones
_SECOND = timedelta(seconds=1)


class Newest(RepositoryList[D], Generic[D]):
    """A list with the newest first: it is read back to the beginning of what is asked for.

    Class attributes:
        below: path of the list, below the repository.
        ordering: query parameter that gives it in that order, where it isn't GitHub's own.
    """

    hold_back = timedelta(seconds=5)
    below: ClassVar[str]
    ordering: ClassVar[dict[str, str]] = {}

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields pages from the newest record back to the first of the range."""
        del stream
        start = str(window.start or "")
        page, trail = await self.ask(self.below, {**self.ordering, "per_page": PAGE}), Trail()
        while True:
            records = page.records()
            yield [self.change(each) for each in records]
            oldest = min((self.made_at(each) for each in records), default="")
            if page.following is None or oldest < start:
                return
            page = await self.ask(self.below, query=trail.after(page))

    def made_at(self, record: Record) -> str:
        """When a record was made.

        Raises:
            Permanent: it doesn't say.
        """
        return _time(record, "created_at")

    def change(self, record: Record) -> Change:
        """A record as a range gives it."""
        raise NotImplementedError


class Deployments(Newest[DeploymentsConfig]):
    """Each deployment when it was made, and as it was after a change that came soon after."""

    events = {"github.deployment_changed": "github/deployment_changed/v1.json"}
    partition_key = "node_id"
    lookback_window = timedelta(days=1)
    below = "deployments"

    def change(self, record: Record) -> Change:
        """Its version is the time of its last change, which each status is."""
        made, version = self.made_at(record), _time(record, "updated_at")
        identity = f"{record['node_id']}@{version}"
        event = self.event("github.deployment_changed", record, id=identity, time=version, source=self.address)
        return Change(str(record["node_id"]), made, event)


class Forks(Newest[ForksConfig]):
    """Each fork when it was made."""

    events = {"github.forked": "github/forked/v1.json"}
    partition_key = "node_id"
    below = "forks"
    ordering = {"sort": "newest"}

    def change(self, record: Record) -> Change:
        """It is given once."""
        made = self.made_at(record)
        event = self.event("github.forked", record, id=str(record["node_id"]), time=made, source=self.address)
        return Change(str(record["node_id"]), made, event)


class Stargazers(Newest[StargazersConfig]):
    """Each star when it was given; GitHub lists the oldest first, so that it is read from the last page back."""

    events = {"github.starred": "github/starred/v1.json"}
    partition_key = "user.node_id"
    accept = "application/vnd.github.star+json"
    _said = False
    below = "stargazers"

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields pages from the newest star back to the first of the range."""
        del stream
        start = str(window.start or "")
        first = await self.ask(self.below, {"per_page": PAGE})
        if (first.last or 1) >= _LAST_PAGE and not self._said:
            self._said = True
            self.log.warning(
                "%s: GitHub lists no more than the first %d stars, so that newer ones aren't seen; `github.graphql` "
                "reads them all",
                self.name,
                _LAST_PAGE * PAGE,
            )
        for number in range(first.last or 1, 0, -1):
            page = first if number == 1 else await self.ask(self.below, {"per_page": PAGE, "page": number})
            records = page.records("starred_at")
            yield [self.change(each) for each in records]
            if any(each["starred_at"] < start for each in records):
                return

    def change(self, record: Record) -> Change:
        """Who takes a star away and gives it again gives another one."""
        made, user = _time(record, "starred_at"), record.get("user") or {}
        who = str(user.get("node_id"))
        event = self.event("github.starred", record, id=f"{who}@{made}", time=made, source=self.address)
        return Change(who, made, event)


class Runs(RepositoryList[RunsConfig]):
    """Each run of a workflow when it was made, and as it was after each change that a poll sees.

    GitHub lists runs by the time when they were made alone, and a thousand of a range at most: what is made lately is
    read again, and a range that holds more is halved.
    """

    events = {"github.run": "github/run/v1.json"}
    partition_key = "node_id"
    every = timedelta(minutes=1)
    hold_back = timedelta(seconds=5)
    lookback_window = timedelta(days=1)
    step = timedelta(days=30)

    def beginning(self, stream: str) -> str:
        """As configured, or with the first run that there was anywhere."""
        del stream
        return self.config.since or _FIRST_RUN

    async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
        """Yields the runs that were made within a range."""
        del stream
        start = datetime.fromisoformat(str(window.start or _FIRST_RUN))
        end = datetime.fromisoformat(str(window.end or await self.github_now()))
        waiting = [(start, end - _SECOND)]
        while waiting:
            low, high = waiting.pop()
            if low > high:
                continue
            page = await self.ask("actions/runs", self._params(low, high))
            if _count(page) > _MOST and high > low:
                middle = low + (high - low) // 2
                middle -= timedelta(microseconds=middle.microsecond)
                waiting += [(middle + _SECOND, high), (low, middle)]
                continue
            trail = Trail()
            while True:
                yield [self._change(each) for each in page.records(within="workflow_runs")]
                if page.following is None:
                    break
                page = await self.ask("actions/runs", query=trail.after(page))

    def _params(self, low: datetime, high: datetime) -> dict[str, Any]:
        wanted = {name: getattr(self.config, name) for name in ("branch", "event", "actor")}
        return {**wanted, "created": f"{written(low)}..{written(high)}", "per_page": PAGE}

    def _change(self, record: Record) -> Change:
        made, version = _time(record, "created_at"), _time(record, "updated_at")
        identity = f"{record['node_id']}@{version}.{record.get('run_attempt') or 1}.{record.get('status')}"
        event = self.event("github.run", record, id=identity, time=version, **place(record))
        return Change(str(record["node_id"]), made, event)


def _count(page: Page) -> int:
    count = page.document.get("total_count") if isinstance(page.document, dict) else None
    if not isinstance(count, int):
        raise Permanent("expected a list of workflow runs with its total_count; got none")
    return count


def _time(record: Record, field: str) -> str:
    time = record.get(field)
    if not isinstance(time, str):
        raise Permanent(f"expected records with `{field}`, a time; got {type(time).__name__}")
    return time
