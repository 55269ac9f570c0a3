"""Statuses of commits."""

from __future__ import annotations

from connectors.github.api import PAGE
from connectors.github.sinks.config import StatusConfig
from connectors.github.sinks.writing import Record, RepositorySink, document, given, listed
from hub.sdk import Delivery, Event

_LONGEST = 140  # characters of a description, by GitHub's refusal of longer ones
_SHOWN = ("context", "state", "id", "node_id", "url")
_COMPARED = ("state", "description", "target_url")


class StatusSink(RepositorySink[StatusConfig]):
    """Sets a commit's status.

    Of each context the last status counts, so the same once more changes nothing; it isn't written, since GitHub keeps
    a thousand of them for each context.
    """

    events = {"github.status_written": "github/status_written/v1.json"}

    async def deliver(self, delivery: Delivery) -> Event | None:
        """Sets the status, unless it is set already."""
        event, config = delivery.event, self.config
        repository, sha, context = config.repository(event), config.sha(event), config.context(event)
        wanted = {name: given(getattr(config, name), event) for name in _COMPARED}
        if wanted["description"] and len(wanted["description"]) > _LONGEST:
            wanted["description"] = wanted["description"][: _LONGEST - 1] + "…"
        async with self.turn(f"{repository} {sha} {context}"):
            last = await self._last(repository, sha, context)
            if last is not None and all((last.get(name) or None) == (each or None) for name, each in wanted.items()):
                return self._reply(delivery, repository, sha, "found", last)
            status = {"context": context, **{name: each for name, each in wanted.items() if each}}
            made = document(await self.call("POST", repository, f"statuses/{sha}", json=status), *_SHOWN)
            return self._reply(delivery, repository, sha, "created", made)

    async def _last(self, repository: str, sha: str, context: str) -> Record | None:
        """The last status of the context; the list begins with the newest."""
        page = listed(await self.call("GET", repository, f"commits/{sha}/statuses", params={"per_page": PAGE}))
        return next((each for each in page.records() if each.get("context") == context), None)

    def _reply(self, delivery: Delivery, repository: str, sha: str, action: str, status: Record) -> Event:
        data = {
            "action": action,
            "repository": repository,
            "sha": sha,
            "context": status["context"],
            "state": status["state"],
            "id": status["id"],
            "node_id": status["node_id"],
            "url": status["url"],
        }
        return delivery.reply("github.status_written", data, subject=f"commit/{sha}")
