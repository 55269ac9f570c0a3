"""Comments on issues and pull requests."""

from __future__ import annotations

from connectors.github.sinks.config import CommentConfig
from connectors.github.sinks.mark import mark, mark_of, marked
from connectors.github.sinks.writing import Record, RepositorySink, document, given
from hub.sdk import Delivery, Event

_SHOWN = ("id", "node_id", "html_url")


class CommentSink(RepositorySink[CommentConfig]):
    """Makes a comment for each event, or keeps one of each key up to date.

    A comment ends with a mark, and is looked for among those that are there before it is made.
    """

    events = {"github.comment_written": "github/comment_written/v1.json"}

    async def deliver(self, delivery: Delivery) -> Event | None:
        """Makes or changes the comment."""
        event, config = delivery.event, self.config
        repository, number = config.repository(event), config.number(event)
        key = given(config.key, event)
        word = mark(delivery.idempotency_key if key is None else str(key))
        body = marked(config.body(event), word)
        async with self.turn(f"{repository} {number} {word}"):
            found = await self._find(repository, number, word)
            if found is None:
                made = await self.call("POST", repository, f"issues/{number}/comments", json={"body": body})
                return self._reply(delivery, repository, number, "created", document(made, *_SHOWN))
            if found["body"] == body:
                return self._reply(delivery, repository, number, "found", found)
            changed = await self.call("PATCH", repository, f"issues/comments/{found['id']}", json={"body": body})
            return self._reply(delivery, repository, number, "updated", document(changed, *_SHOWN))

    async def _find(self, repository: str, number: int, word: str) -> Record | None:
        author = self.config.author
        for each in await self.newest(repository, f"issues/{number}/comments", self.config.newest):
            if mark_of(each.get("body")) == word and author in (None, (each.get("user") or {}).get("login")):
                return each
        return None

    def _reply(self, delivery: Delivery, repository: str, number: int, action: str, comment: Record) -> Event:
        data = {
            "action": action,
            "repository": repository,
            "number": number,
            "id": comment["id"],
            "node_id": comment["node_id"],
            "url": comment["html_url"],
        }
        return delivery.reply("github.comment_written", data, subject=f"issues/{number}")
