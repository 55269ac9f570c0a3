"""Issues: opened once, and changed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from connectors.github.api import PAGE
from connectors.github.sinks.config import IssueConfig
from connectors.github.sinks.mark import mark, mark_of, marked
from connectors.github.sinks.writing import Record, RepositorySink, document, given, listed
from hub.sdk import Delivery, Event, Permanent, Transient

_FIELDS = ("title", "body", "labels", "assignees", "milestone", "type", "state", "state_reason")
_OF_CHANGES = frozenset({"state", "state_reason"})  # what GitHub doesn't take when it opens an issue
_SHOWN = ("number", "id", "node_id", "html_url", "state")
_REMEMBERED = 1000
_GONE = (404, 410)


class IssueSink(RepositorySink[IssueConfig]):
    """Opens an issue for each event, or for each key, or changes one by its number.

    An issue that it opens ends with a mark. Before it opens one, it looks for the mark among the newest issues, which
    GitHub lists at once, and in GitHub's search, which knows all but those of the last minutes.
    """

    events = {"github.issue_written": "github/issue_written/v1.json"}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._numbers: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def deliver(self, delivery: Delivery) -> Event | None:
        """Opens or changes the issue."""
        event, config = delivery.event, self.config
        repository = config.repository(event)
        wanted = {name: value for name in _FIELDS if (value := given(getattr(config, name), event)) is not None}
        number = given(config.number, event)
        if number is not None:
            changed = await self._change(repository, number, wanted)
            return self._reply(delivery, repository, "updated", changed)
        key = given(config.key, event)
        word = mark(delivery.idempotency_key if key is None else str(key))
        wanted["body"] = marked(wanted.get("body"), word)
        async with self.turn(f"{repository} {word}"):
            found = await self._find(repository, word)
            if found is None:
                return await self._open(delivery, repository, word, wanted)
            self._remember(repository, word, found["number"])
            if key is not None:
                found = await self._change(repository, found["number"], wanted)
                return self._reply(delivery, repository, "updated", found)
            # It was opened by an attempt of which we didn't learn the end, perhaps before it was closed as wanted.
            found = await self._as_wanted(repository, found, wanted)
            return self._reply(delivery, repository, "found", found)

    async def _open(self, delivery: Delivery, repository: str, word: str, wanted: Record) -> Event | None:
        if not self.config.create(delivery.event):
            return None
        if not wanted.get("title"):
            raise Permanent("title: expected text, to open an issue with; got none")
        fields = {name: each for name, each in wanted.items() if name not in _OF_CHANGES}
        opened = document(await self.call("POST", repository, "issues", json=fields), *_SHOWN)
        self._remember(repository, word, opened["number"])
        opened = await self._as_wanted(repository, opened, wanted)
        return self._reply(delivery, repository, "created", opened)

    async def _as_wanted(self, repository: str, issue: Record, wanted: Record) -> Record:
        """The issue in the state that it should have."""
        if wanted.get("state", issue.get("state")) == issue.get("state"):
            return issue
        fields = {name: wanted[name] for name in _OF_CHANGES & wanted.keys()}
        return await self._change(repository, issue["number"], fields)

    async def _change(self, repository: str, number: int, fields: Record) -> Record:
        return document(await self.call("PATCH", repository, f"issues/{number}", json=fields), *_SHOWN)

    async def _find(self, repository: str, word: str) -> Record | None:
        known = self._numbers.get((repository, word))
        if known is not None:
            try:
                return document(await self.call("GET", repository, f"issues/{known}"), *_SHOWN)
            except Permanent as refusal:
                if refusal.status not in _GONE:
                    raise
                del self._numbers[repository, word]
        params: Record = {"state": "all", "sort": "created", "direction": "desc", "per_page": PAGE}
        newest = listed(await self.call("GET", repository, "issues", params=params))
        found = self._ours(newest.records(), word)
        if found is None and newest.following is not None and self.config.search:
            found = self._ours(await self._searched(repository, word), word)
        return found

    async def _searched(self, repository: str, word: str) -> list[Record]:
        query = {"q": f"{word} in:body repo:{repository} is:issue", "per_page": PAGE}
        answer = document(await self.send("GET", "/search/issues", repository, params=query), "items")
        if answer.get("incomplete_results"):
            raise Transient("GitHub's search ran out of time; it can't say whether the issue is there already")
        items = answer.get("items")
        return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []

    def _ours(self, issues: list[Record], word: str) -> Record | None:
        """The first one that was opened with this mark, if there are several."""
        ours = [each for each in issues if "pull_request" not in each and mark_of(each.get("body")) == word]
        if self.config.author is not None:
            ours = [each for each in ours if (each.get("user") or {}).get("login") == self.config.author]
        return min(ours, key=lambda each: int(each["number"]), default=None)

    def _remember(self, repository: str, word: str, number: int) -> None:
        self._numbers[repository, word] = number
        self._numbers.move_to_end((repository, word))
        if len(self._numbers) > _REMEMBERED:
            self._numbers.popitem(last=False)

    def _reply(self, delivery: Delivery, repository: str, action: str, issue: Record) -> Event:
        data = {
            "action": action,
            "repository": repository,
            "number": issue["number"],
            "id": issue["id"],
            "node_id": issue["node_id"],
            "url": issue["html_url"],
            "state": issue["state"],
        }
        return delivery.reply("github.issue_written", data, subject=f"issues/{issue['number']}")
