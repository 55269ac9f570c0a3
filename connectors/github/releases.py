"""Releases of a repository, new and edited."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from connectors.github.answers import place
from connectors.github.api import PAGE
from connectors.github.config import ReleasesConfig
from connectors.github.repository import RepositorySource
from hub.sdk import Batch, Cursor, Event

Record = dict[str, Any]

# What an edit can change. Others, such as the number of downloads or a reaction, change without one.
_FIELDS = ("tag_name", "target_commitish", "name", "body", "draft", "prerelease", "created_at", "published_at")
_ASSET_FIELDS = ("id", "name", "label", "state", "content_type", "size", "created_at", "updated_at")


class ReleasesCursor(Cursor):
    """The versions of all releases that have been read.

    Attributes:
        versions: number and digest of the last version, as ``n.digest``, by the release's id.
        etags: of the pages, when there was nothing new on them.
    """

    versions: Mapping[str, str] = {}
    etags: tuple[str, ...] = ()


class Releases(RepositorySource[ReleasesConfig, ReleasesCursor]):
    """Each release as it was when it was found, and after each edit.

    The list can't be ordered by the last change. So it is read as a whole, by ETag without cost where nothing has
    changed, and compared with the versions in the cursor. What a page that shifted away kept from us is there the next
    time.
    """

    events = {"github.release_changed": "github/release_changed/v1.json"}
    partition_key = "node_id"

    async def poll(self, cursor: ReleasesCursor) -> AsyncIterator[Batch]:
        """Yields the releases that are new or changed, page by page, on each the oldest first."""
        versions, known, etags = dict(cursor.versions), cursor.etags, []
        for number in range(1, -(-self.config.newest // PAGE) + 1):
            etag = known[number - 1] if number <= len(known) else None
            page = await self.ask("releases", {"per_page": PAGE, "page": number}, etag=etag)
            etags.append(page.etag or etag or "")
            if page.unchanged:
                # As it is the same, there is a page after it if there was one.
                more = number < len(known)
            else:
                more = page.following is not None
                if changed := self._changed(page.records("node_id"), versions):
                    cursor = ReleasesCursor(versions=self._bounded(versions))
                    yield Batch(changed, cursor)
            if not more:
                break
        following = ReleasesCursor(versions=self._bounded(versions), etags=tuple(etags))
        if following != cursor:
            yield Batch([], following)

    def _changed(self, records: list[Record], versions: dict[str, str]) -> list[Event]:
        """Events for the records that aren't as their version says; and notes the new versions."""
        events = []
        for record in reversed(records):
            name, digest = str(record.get("id")), _digest(record)
            number, _, known = versions.get(name, "0.").partition(".")
            if digest != known:
                versions[name] = f"{int(number) + 1}.{digest}"
                events.append(self._event(record, versions[name]))
        return events

    def _event(self, record: Record, version: str) -> Event:
        time = next((time for name in ("updated_at", "published_at", "created_at") if (time := record.get(name))), None)
        identity = f"{record['node_id']}@{version}"
        return self.event("github.release_changed", record, id=identity, time=time, **place(record))

    def _bounded(self, versions: Mapping[str, str]) -> dict[str, str]:
        """Without those of the oldest releases, should there be far more than are watched: they have been deleted."""
        most = 2 * self.config.newest
        if len(versions) <= most:
            return dict(versions)
        newest = sorted(versions, key=lambda name: (len(name), name))[-most:]  # ids are numbers that grow
        return {name: versions[name] for name in newest}


def _digest(record: Record) -> str:
    assets = [[asset.get(field) for field in _ASSET_FIELDS] for asset in record.get("assets") or ()]
    stable = [[record.get(field) for field in _FIELDS], assets]
    return hashlib.sha256(orjson.dumps(stable)).hexdigest()[:16]
