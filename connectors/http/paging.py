"""How a list goes on: pages by number, by offset, by a cursor of the answer before, or by the URL that it gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urljoin

from pydantic import AfterValidator, Discriminator, Field, model_validator

from connectors.http.config import HeaderName
from connectors.http.paths import MISSING, JsonPath, is_path
from hub.sdk import Config, Response
from hub.sdk.pagination import Position, links

Place = Annotated[str, AfterValidator(is_path), Field(min_length=1)]
"""A place in an answer, e.g. ``meta.next_cursor``."""
_NO_MORE: tuple[Any, ...] = (MISSING, None, False, 0, "", "false", [])

Inject = Literal["query", "header", "body"]


class Turn(NamedTuple):
    """A page that came.

    Attributes:
        position: with which it was asked for.
        answer: as it came.
        document: what its body holds.
        records: what it lists.
    """

    position: Position | None
    answer: Response
    document: Any
    records: list[Any]


class _Paging(Config):
    page_size: int | None = Field(default=None, ge=1, le=1_000_000)
    """Records on a page; asked for where `size_parameter` says how."""
    size_parameter: str | None = Field(default=None, min_length=1)
    """Parameter for `page_size`."""
    inject: Inject = "query"
    """Where parameters of pages go: the query, headers, or the JSON body, there as paths: `page.number`."""
    more: Place | None = None
    """Place in the answer that says whether there are more pages: they end with null, 0, false or emptiness there."""
    stable: bool | None = None
    """Whether records stay on their pages while others come, change or go. If not, several pages are read again until
    nothing new is found. Only pages by `cursor` are taken to be so if not given."""

    def following(self, page: Turn) -> Position | None:
        """Where the next page is; ``None`` after the last one."""
        if self.more is not None and JsonPath(self.more).one(page.document) in _NO_MORE:
            return None
        return self._next(page)

    def _next(self, page: Turn) -> Position | None:
        raise NotImplementedError

    def parameters(self, position: Position | None) -> dict[str, Any]:
        """What to ask for a page with."""
        del position
        return {self.size_parameter: self.page_size} if self.size_parameter and self.page_size else {}

    def _full(self, records: list[Any]) -> bool:
        return bool(records) and (self.page_size is None or len(records) >= self.page_size)

    @property
    def by_url(self) -> bool:
        """Whether a position is a URL."""
        return False

    @property
    def shifts(self) -> bool:
        """Whether a record that comes or goes may move others to another page."""
        return not self.stable

    @model_validator(mode="after")
    def _size_is_asked_for(self) -> Self:
        if self.size_parameter is not None and self.page_size is None:
            raise ValueError("expected `page_size` beside `size_parameter`")
        return self


class PageNumbers(_Paging):
    """Pages by number: `?page=2`. Ends with a page that holds less than `page_size`, or nothing."""

    type: Literal["page"]
    parameter: str = Field(default="page", min_length=1)
    """Parameter for the page's number."""
    first: int = Field(default=1, ge=0)
    """Number of the first page."""

    def parameters(self, position: Position | None) -> dict[str, Any]:
        """What to ask for a page with."""
        return {self.parameter: self.first if position is None else position, **super().parameters(position)}

    def _next(self, page: Turn) -> Position | None:
        number = self.first if page.position is None else int(page.position)
        return number + 1 if self.more is not None or self._full(page.records) else None


class Offsets(_Paging):
    """Pages by the number of records before them: `?offset=100`. Ends as pages by number do."""

    type: Literal["offset"]
    parameter: str = Field(default="offset", min_length=1)
    """Parameter for the number of records before the page."""

    def parameters(self, position: Position | None) -> dict[str, Any]:
        """What to ask for a page with."""
        return {self.parameter: position or 0, **super().parameters(position)}

    def _next(self, page: Turn) -> Position | None:
        if not page.records:
            return None
        return (
            int(page.position or 0) + len(page.records) if self.more is not None or self._full(page.records) else None
        )


class Cursors(_Paging):
    """Pages by a cursor that the page before gives: `?cursor=…`. Ends where there is none."""

    type: Literal["cursor"]
    parameter: str = Field(default="cursor", min_length=1)
    """Parameter for the cursor."""
    cursor: Place | None = None
    """Place of the next cursor in the answer."""
    header: HeaderName | None = None
    """Header of the answer that holds the next cursor."""
    last_record: Place | None = None
    """Place of the next cursor in the last record of the page, e.g. `id`; ends with a page that isn't full, or by
    `more`."""

    @property
    def shifts(self) -> bool:
        """Not if nothing is said: such a cursor stands for a record, or for a state of the list."""
        return self.stable is False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(each is not None for each in (self.cursor, self.header, self.last_record)) != 1:
            raise ValueError("expected one of `cursor`, `header` and `last_record`: where the next cursor stands")
        return self

    def parameters(self, position: Position | None) -> dict[str, Any]:
        """What to ask for a page with."""
        return {**({} if position is None else {self.parameter: position}), **super().parameters(position)}

    def _next(self, page: Turn) -> Position | None:
        if self.header is not None:
            return page.answer.headers.get(self.header.lower()) or None
        if self.last_record is not None:
            if not (page.records if self.more is not None else self._full(page.records)):
                return None
            found = JsonPath(self.last_record).one(page.records[-1])
        else:
            found = JsonPath(self.cursor or "").one(page.document)
        usable = isinstance(found, (str, int)) and not isinstance(found, bool) and found != ""
        return found if usable else None


class Links(_Paging):
    """Pages by the URL that the page before gives: in its header `Link` (RFC 8288), or in its body."""

    type: Literal["link"]
    path: Place | None = None
    """Place of the URL in the answer; the header `Link` with `rel="next"` if not given."""

    def _next(self, page: Turn) -> Position | None:
        url = links(page.answer.headers).get("next") if self.path is None else JsonPath(self.path).one(page.document)
        return urljoin(page.answer.url, url) if isinstance(url, str) and url else None

    @property
    def by_url(self) -> bool:
        """Always."""
        return True


Paginator = Annotated[PageNumbers | Offsets | Cursors | Links, Discriminator("type")]
"""How a list goes on, told apart by ``type``."""
