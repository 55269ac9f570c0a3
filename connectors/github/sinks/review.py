"""Reviews of pull requests."""

from __future__ import annotations

from connectors.github.sinks.config import ReviewConfig
from connectors.github.sinks.mark import mark, mark_of, marked
from connectors.github.sinks.writing import Record, RepositorySink, document, given
from hub.sdk import Delivery, Event

_SHOWN = ("id", "node_id", "html_url", "state")


class ReviewSink(RepositorySink[ReviewConfig]):
    """Reviews a pull request, once for each event or for each key.

    A review ends with a mark, and is looked for among those that are there before it is made. It is never changed.
    """

    events = {"github.review_written": "github/review_written/v1.json"}

    async def deliver(self, delivery: Delivery) -> Event | None:
        """Makes the review, unless it is there."""
        event, config = delivery.event, self.config
        repository, number = config.repository(event), config.number(event)
        key = given(config.key, event)
        word = mark(delivery.idempotency_key if key is None else str(key))
        async with self.turn(f"{repository} {number} {word}"):
            found = await self._find(repository, number, word)
            if found is not None:
                return self._reply(delivery, repository, number, "found", found)
            wanted = {name: given(getattr(config, name), event) for name in ("event", "body", "commit_id", "comments")}
            wanted["body"] = marked(wanted["body"], word)
            review = {name: each for name, each in wanted.items() if each is not None}
            made = await self.call("POST", repository, f"pulls/{number}/reviews", json=review)
            return self._reply(delivery, repository, number, "created", document(made, *_SHOWN))

    async def _find(self, repository: str, number: int, word: str) -> Record | None:
        author = self.config.author
        for each in await self.newest(repository, f"pulls/{number}/reviews", self.config.newest):
            if mark_of(each.get("body")) == word and author in (None, (each.get("user") or {}).get("login")):
                return each
        return None

    def _reply(self, delivery: Delivery, repository: str, number: int, action: str, review: Record) -> Event:
        data = {
            "action": action,
            "repository": repository,
            "number": number,
            "id": review["id"],
            "node_id": review["node_id"],
            "url": review["html_url"],
            "state": review["state"],
        }
        return delivery.reply("github.review_written", data, subject=f"pull/{number}")
