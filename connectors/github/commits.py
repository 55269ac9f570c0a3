"""Commits of a branch, as they become part of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from connectors.github.answers import place
from connectors.github.api import PAGE
from connectors.github.config import CommitsConfig
from connectors.github.repository import RepositorySource
from hub.sdk import Batch, Cursor, Event, InvalidEvent, Permanent

Record = dict[str, Any]

_EMPTY = 409  # "Git Repository is empty."
_MISSING = 404
_UNKNOWN = 422


class CommitsCursor(Cursor):
    """The commit up to which the branch has been read.

    Attributes:
        head: that commit, with all that it descends from; ``None`` before the first.
        target: the branch's head to which reading is under way.
        page: the page to read next on that way.
        etag: of the answer that named ``target``, or ``head`` after that.
    """

    head: str | None = None
    target: str | None = None
    page: int | None = None
    etag: str | None = None


class Commits(RepositorySource[CommitsConfig, CommitsCursor]):
    """Each commit once it can be reached from the branch.

    Dates don't order commits: a merge brings old ones. So the cursor is a commit, and what is new are the commits that
    can be reached from the branch's head and not from the cursor. Both are fixed, so pages between them never shift.
    """

    events = {"github.commit": "github/commit/v1.json"}

    async def poll(self, cursor: CommitsCursor) -> AsyncIterator[Batch]:
        """Yields the commits that have become part of the branch, parents before children."""
        if cursor.target is None:
            found = await self._look(cursor)
            if found.target is None:
                if found != cursor:
                    yield Batch([], found)
                return
            cursor = found
        try:
            batches = self._history(cursor) if cursor.head is None else self._between(cursor)
            async for batch in batches:
                yield batch
        except Permanent as refusal:
            if refusal.status != _MISSING:
                raise
            recovered = await self._recovered(cursor)
            self.log.warning("%s: %s; going on from %s", self.name, refusal, recovered.head or "the beginning")
            yield Batch([], recovered)

    async def _look(self, cursor: CommitsCursor) -> CommitsCursor:
        """The cursor with the branch's head as target, if it has moved."""
        try:
            page = await self.ask("commits", {"sha": self.config.branch, "per_page": 1}, etag=cursor.etag)
        except Permanent as refusal:
            if refusal.status == _EMPTY:
                return cursor
            raise
        newest = [] if page.unchanged else page.records("sha")[:1]
        if not newest:
            return cursor
        head = newest[0]["sha"]
        return cursor.model_copy(update={"target": head if head != cursor.head else None, "etag": page.etag})

    async def _history(self, cursor: CommitsCursor) -> AsyncIterator[Batch]:
        """All commits up to the target, the last page first, as the list begins with the newest."""
        params = {"sha": cursor.target, "since": self.config.since, "per_page": PAGE}
        number = cursor.page
        if number is None:
            page = await self.ask("commits", params)
            number = page.last or 1
            while page.following is not None and page.last is None:
                number += 1
                page = await self.ask("commits", query=page.following)
        while number > 0:
            page = await self.ask("commits", {**params, "page": number})
            number -= 1
            yield self._batch(reversed(page.records("sha")), cursor, page=number if number > 0 else None)

    async def _between(self, cursor: CommitsCursor) -> AsyncIterator[Batch]:
        """The commits that the target has and the head hasn't; GitHub lists them with the oldest first."""
        number = cursor.page or 1
        while True:
            page = await self.ask(f"compare/{cursor.head}...{cursor.target}", {"per_page": PAGE, "page": number})
            try:
                total, commits = int(page.document["total_commits"]), page.document["commits"]
            except (TypeError, KeyError, ValueError):
                raise Permanent("expected a comparison with commits and total_commits; got none") from None
            more = number * PAGE < total
            number += 1
            yield self._batch(commits, cursor, page=number if more else None)
            if not more:
                return

    async def _recovered(self, cursor: CommitsCursor) -> CommitsCursor:
        """Where to go on if there is no way from the head to the target, as may be after a forced push.

        If the target is gone, there is a new one. Otherwise the head is gone, or has nothing in common with the target:
        all of the target's commits are read.
        """
        try:
            await self.ask(f"commits/{cursor.target}", {"per_page": 1})
        except Permanent as refusal:
            # GitHub answers 422 "No commit found for SHA" where the repository is there and the commit isn't.
            if refusal.status in (_MISSING, _UNKNOWN):
                return CommitsCursor(head=cursor.head)
            raise
        return CommitsCursor(target=cursor.target, etag=cursor.etag)

    def _batch(self, records: Iterable[Record], cursor: CommitsCursor, *, page: int | None) -> Batch:
        """The commits and the cursor after them; on the last page the target has been reached."""
        if page is None:
            following = CommitsCursor(head=cursor.target, etag=cursor.etag)
        else:
            following = cursor.model_copy(update={"page": page})
        return Batch([self._event(each) for each in records], following)

    def _event(self, record: Record) -> Event:
        """The order within the branch matters, so that one key holds all of its commits."""
        attributes = {"id": record["sha"], "partitionkey": self.config.repository, **place(record)}
        try:
            return self.event("github.commit", record, time=record["commit"]["committer"]["date"], **attributes)
        except (InvalidEvent, KeyError, TypeError):
            # A commit's date is what its author's machine believed.
            return self.event("github.commit", record, **attributes)
