"""GitHub's answers: pages of records, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from hub.sdk import NotConnected, Permanent, Response, Signal, Transient

_LINK = re.compile(r'<([^>]*)>\s*;[^<]*?\brel="(\w+)"')
_SHOWN = 200  # characters of what a validation found
_SECONDARY_PAUSE = 60.0  # seconds, "at least one minute" by GitHub's page "Rate limits for the REST API"


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        unchanged: whether it is the same as when the ETag that was asked with was given; it has no document then.
        document: the parsed body.
        etag: to ask with the next time.
        following: query string of the next page; ``None`` on the last one.
        last: number of the last page, where GitHub says it.
        answered: when, by GitHub's clock.
        poll_interval: how long GitHub wants us to wait before we ask again, where it says so.
    """

    unchanged: bool
    document: Any
    etag: str | None
    following: str | None
    last: int | None
    answered: datetime
    poll_interval: timedelta | None = None

    @classmethod
    def of(cls, response: Response) -> Page:
        """The page that a response holds.

        Raises:
            Transient: it holds no JSON, as answers of proxies and error pages do.
        """
        links = {relation: address for address, relation in _LINK.findall(response.headers.get("link", ""))}
        last = re.search(r"[?&]page=(\d+)", links.get("last", ""))
        unchanged = response.status == 304  # noqa: PLR2004  a status
        try:
            document = None if unchanged else response.json()
        except orjson.JSONDecodeError as error:
            raise Transient(f"expected JSON from {response.url}: {error}", status=response.status) from None
        return cls(
            unchanged=unchanged,
            document=document,
            etag=response.headers.get("etag"),
            following=links["next"].partition("?")[2] if "next" in links else None,
            last=int(last[1]) if last else None,
            answered=date_of(response.headers),
            poll_interval=_seconds(response.headers.get("x-poll-interval", "")),
        )

    def records(self, *fields: str, within: str | None = None) -> list[dict[str, Any]]:
        """The records of the page, all of which have these fields as text.

        Args:
            fields: names.
            within: the property that holds the list; the answer is the list itself if not given.

        Raises:
            Permanent: what came is no such list.
        """
        records = self.document
        if within is not None and isinstance(records, dict):
            records = records.get(within)
        if isinstance(records, list):
            for record in records:
                if not isinstance(record, dict) or not all(isinstance(record.get(field), str) for field in fields):
                    break
            else:
                return records
        wanted = "a list of objects" + (f" with {', '.join(fields)}" if fields else "")
        raise Permanent(
            f"expected {wanted}; got {orjson.dumps(records)[:200]!r}; "
            "is the service's base_url that of GitHub's REST API?"
        )

    def settled(self, rest: timedelta) -> str:
        """The last second whose changes have rested for a time, as GitHub writes times."""
        return written(self.answered - rest)


class Trail:
    """The way through the pages of one list, which must not lead round in a circle: it would be walked for ever."""

    def __init__(self) -> None:
        self._walked: set[str] = set()

    def after(self, page: Page) -> str | None:
        """Query string of the page that follows.

        Raises:
            Permanent: it was read already.
        """
        following = page.following
        if following is None:
            return None
        if following in self._walked:
            raise Permanent("the pages have no end: one names a page that was read already; is the base_url GitHub's?")
        self._walked.add(following)
        return following


def written(time: datetime) -> str:
    """A time as GitHub writes it, e.g. ``2026-11-20T10:02:11Z``: the order as text is the order in time."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def after(time: str) -> str:
    """The second that follows."""
    return written(datetime.fromisoformat(time) + timedelta(seconds=1))


def place(record: Mapping[str, Any]) -> dict[str, Any]:
    """An event's ``source`` and ``subject`` by a record's web address: that of its repository, and what is below."""
    parts = str(record.get("html_url") or "").split("/", 5)
    return {"source": "/".join(parts[:5]), "subject": parts[5]} if len(parts) == 6 and parts[5] else {}  # noqa: PLR2004


def explained(refusal: Permanent, repository: str, *, writes: bool = False) -> Signal:
    """A refusal in terms of what the user can do about it.

    Args:
        refusal: as the service raised it.
        repository: what was asked about, for people.
        writes: whether it is a sink's.
    """
    said = str(refusal)
    if refusal.status in (403, 429) and re.search(r"secondary rate limit|abuse detection", said, re.IGNORECASE):
        return NotConnected(said, status=refusal.status, retry_after=_SECONDARY_PAUSE)
    advice = {
        403: f"the token may not {'write to' if writes else 'read'} {repository}; it needs the permission, and single "
        "sign-on where that is on",
        404: f"there is no {repository}, or it is private and the token may not see it",
        410: f"{repository} has this feature turned off",
    }.get(refusal.status or 0)
    if fields := _fields(refusal.answer):
        said = f"{said}: {fields}"
    elif not advice:
        return refusal
    return Permanent(f"{advice} ({said})" if advice else said, status=refusal.status)


def _fields(answer: Response | None) -> str:
    """What a validation found wrong, by field; what was sent isn't shown."""
    try:
        document = None if answer is None else answer.json()
    except orjson.JSONDecodeError:
        return ""
    errors = document.get("errors") if isinstance(document, dict) else None
    found = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    named = [f"{each.get('field') or each.get('resource')} {each.get('code')}" for each in found if each.get("code")]
    return ", ".join(dict.fromkeys(named))[:_SHOWN]


def _seconds(text: str) -> timedelta | None:
    return timedelta(seconds=int(text)) if text.isdecimal() and len(text) < 6 else None  # noqa: PLR2004  a day


def date_of(headers: Mapping[str, str]) -> datetime:
    """When it was answered, by GitHub's clock; by ours where it doesn't say."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)
