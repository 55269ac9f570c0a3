"""Lists that an API gives in pages: how the next page is asked for, and where its records are.

The models are a connector's configuration or its code's constants; `pages` goes through the pages of a service.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urljoin

import orjson
from pydantic import ConfigDict, Discriminator, Field

from hub.sdk.config import Config
from hub.sdk.errors import Permanent, Transient
from hub.sdk.service import Response, Service

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s;,"]+))*)')
_RELATION = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)
_SEVERAL = 100  # pages in a row without a record that are followed where the API says that there are more

Position = int | str
"""Where to go on: a page's number, an offset, a cursor or a URL; it can be kept in a source's cursor."""


class _Pages(Config):
    model_config = ConfigDict(defer_build=True)

    records: str = ""
    """Dotted path to the list of records within the answer; empty if the answer is the list."""
    page_size: int | None = Field(default=None, ge=1)
    """Records on a page, as it is asked for; the API's own if not given."""
    size_parameter: str | None = None
    """Name of the query parameter for `page_size`."""

    def sized(self) -> dict[str, Any]:
        """The query parameter for the size."""
        return {self.size_parameter: self.page_size} if self.size_parameter and self.page_size else {}

    def is_last(self, records: list[Any]) -> bool:
        """Whether a page that holds these is the last one by its size alone."""
        return not records or (self.page_size is not None and len(records) < self.page_size)


class PageNumbers(_Pages):
    """Pages by number: ``?page=2``. Ends with a page that isn't full."""

    type: Literal["page"] = "page"
    parameter: str = "page"
    """Name of the query parameter."""
    first: int = Field(default=1, ge=0)
    """Number of the first page."""

    def params(self, position: Position | None) -> dict[str, Any]:
        """Query parameters for a page."""
        return {self.parameter: self.first if position is None else position, **self.sized()}

    def following(
        self, position: Position | None, page: Response, document: Any, records: list[Any]
    ) -> Position | None:
        """Where the next page is."""
        del page, document
        return None if self.is_last(records) else int(self.first if position is None else position) + 1


class Offsets(_Pages):
    """Pages by the number of records before them: ``?offset=100``. Ends with a page that isn't full."""

    type: Literal["offset"] = "offset"
    parameter: str = "offset"
    """Name of the query parameter."""

    def params(self, position: Position | None) -> dict[str, Any]:
        """Query parameters for a page."""
        return {self.parameter: position or 0, **self.sized()}

    def following(
        self, position: Position | None, page: Response, document: Any, records: list[Any]
    ) -> Position | None:
        """Where the next page is: behind the records that came, however many were asked for."""
        del page, document
        return None if self.is_last(records) else int(position or 0) + len(records)


class Cursors(_Pages):
    """Pages by a cursor that the answer before holds: ``?cursor=…``. Ends with an answer that holds none."""

    type: Literal["cursor"] = "cursor"
    parameter: str = "cursor"
    """Name of the query parameter."""
    cursor: str = Field(min_length=1)
    """Dotted path to the cursor within the answer, e.g. ``meta.next_cursor``."""
    more: str | None = None
    """Dotted path to whether there are more pages, where the API says so apart from the cursor."""

    def params(self, position: Position | None) -> dict[str, Any]:
        """Query parameters for a page."""
        return {**({} if position is None else {self.parameter: position}), **self.sized()}

    def following(
        self, position: Position | None, page: Response, document: Any, records: list[Any]
    ) -> Position | None:
        """Where the next page is."""
        del position, page, records
        if self.more is not None and found(document, self.more) is not True:
            return None
        cursor = found(document, self.cursor)
        return cursor if isinstance(cursor, (str, int)) and not isinstance(cursor, bool) and cursor != "" else None


class Links(_Pages):
    """Pages by the URL that the answer before gives: in its ``Link`` header (RFC 8288), or within its body."""

    type: Literal["link"] = "link"
    path: str | None = None
    """Dotted path to the URL within the answer; the header ``Link`` with ``rel="next"`` if not given."""

    def params(self, position: Position | None) -> dict[str, Any]:
        """Query parameters for a page: the URL of a next page has them all."""
        return self.sized() if position is None else {}

    def following(
        self, position: Position | None, page: Response, document: Any, records: list[Any]
    ) -> Position | None:
        """Where the next page is."""
        del position, records
        url = links(page.headers).get("next") if self.path is None else found(document, self.path)
        if not isinstance(url, str) or not url:
            return None
        try:
            return urljoin(page.url, url)  # RFC 8288 § 3.2: it may be relative to that of the page
        except ValueError:
            return url


class Paging(Protocol):
    """A way to go through pages."""

    records: str

    def params(self, position: Position | None) -> dict[str, Any]:
        """Query parameters for a page."""
        ...

    def following(
        self, position: Position | None, page: Response, document: Any, records: list[Any]
    ) -> Position | None:
        """Where the next page is; ``None`` after the last one."""
        ...


Pagination = Annotated[PageNumbers | Offsets | Cursors | Links, Discriminator("type")]
"""A way to go through pages as a field of a configuration, told apart by ``type``."""


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        records: what it lists.
        document: the whole answer.
        response: as it came.
        following: where the next page is, to go on from there another time; ``None`` on the last one.
    """

    records: list[Any]
    document: Any
    response: Response
    following: Position | None


async def pages(
    service: Service,
    path: str,
    paging: Paging,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    start: Position | None = None,
) -> AsyncIterator[Page]:
    """The pages of a list, each asked for when the one before has been dealt with.

    Args:
        service: whose API it is.
        path: of the list.
        paging: how to go through its pages.
        params: further query parameters.
        headers: further headers.
        start: `Page.following` of the page before; the first page if not given.

    Raises:
        Signal: as `Service.request`; also `Transient` where an answer is no JSON, and `Permanent` where it isn't such a
            list, or where its pages go round in a circle.
    """
    position, empty = start, 0
    seen: set[Position] = set()
    while True:
        by_url = isinstance(paging, Links) and position is not None
        asked = {**({} if by_url else params or {}), **paging.params(position)}
        response = await service.request("GET", str(position) if by_url else path, params=asked, headers=headers)
        page = _page(response, paging, position)
        empty = 0 if page.records else empty + 1
        yield page
        position = page.following
        if position is None:
            return
        if position in seen or empty >= _SEVERAL:
            raise Permanent(
                f"{service.name}: the pages of {path} have no end: "
                + ("one names a page that was read already" if position in seen else f"{empty} in a row hold no record")
            )
        seen.add(position)


def _page(response: Response, paging: Paging, position: Position | None) -> Page:
    try:
        document = response.json() if response.body else None
    except orjson.JSONDecodeError as error:
        raise Transient(f"expected JSON from {response.url}: {error}", status=response.status) from None
    records = found(document, paging.records) if paging.records else document
    if records is None and (not response.body or (paging.records and _null(document, paging.records))):
        records = []
    if not isinstance(records, list):
        where = f"at `{paging.records}` " if paging.records else ""
        raise Permanent(f"expected a list {where}in what {response.url.partition('?')[0]} answered; got another kind")
    return Page(records, document, response, paging.following(position, response, document, records))


def _null(document: Any, path: str) -> bool:
    """Whether it says itself that there is nothing; a document without the field is another one, not an empty list."""
    parent, _, name = path.rpartition(".")
    holder = found(document, parent) if parent else document
    return isinstance(holder, dict) and name in holder


def found(document: Any, path: str) -> Any:
    """What stands at a dotted path; ``None`` where nothing does."""
    for key in path.split("."):
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def links(headers: Mapping[str, str]) -> dict[str, str]:
    """The URLs of a ``Link`` header by their relation (RFC 8288), the first of each."""
    found_links: dict[str, str] = {}
    for url, parameters in _LINK.findall(headers.get("link", "")):
        relation = _RELATION.search(parameters)
        for each in (relation[1] or relation[2]).lower().split() if relation else ():
            found_links.setdefault(each, url)
    return found_links
