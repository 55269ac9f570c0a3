"""A list of an API, read page by page."""

from __future__ import annotations

import csv
import io
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from connectors.http.answer import retry_after
from connectors.http.config import header_value
from connectors.http.moments import Form
from connectors.http.paging import Inject, Turn
from connectors.http.paths import MISSING, JsonPath, put
from connectors.http.refusals import handler_of
from connectors.http.streams import Stream
from connectors.http.templates import Template, filled
from hub.sdk import Permanent, Response, Service, Signal, Transient
from hub.sdk.pagination import Position
from hub.sdk.strictjson import read

_SEVERAL = 100  # pages in a row without a record that are followed
_UNCHANGED = 304
_REMEMBERED = 10_000  # lists whose ETags are known

Values = Mapping[str, Any]
"""What placeholders stand for: ``parent``, ``item``, ``start``, ``end``."""
Tag = tuple[tuple[str, ...], str]


class Unchanged:
    """ETags of lists that were read to their end, and all of whose records were stored.

    Nothing is lost with them but a little traffic, so that they are only remembered here and not in the cursor. Whoever
    remembers one sees to it that a cursor that somebody has moved finds none.
    """

    def __init__(self) -> None:
        self._tags: OrderedDict[tuple[str, ...], str] = OrderedDict()

    def get(self, key: tuple[str, ...]) -> str | None:
        """The ETag of a list."""
        return self._tags.get(key)

    def remember(self, tag: Tag | None) -> None:
        """Keeps one."""
        if tag is None:
            return
        self._tags[tag[0]] = tag[1]
        self._tags.move_to_end(tag[0])
        while len(self._tags) > _REMEMBERED:
            self._tags.popitem(last=False)


class Listing:
    """One reading of a list.

    Args:
        service: whose API it is.
        name: of the stream.
        stream: with what holds for all streams.
        values: for its placeholders.
        unchanged: ETags that are known; without it the list is read whatever has changed.
        enough: whether nothing that follows a page's records is of interest.
    """

    def __init__(
        self,
        service: Service,
        name: str,
        stream: Stream,
        values: Values,
        unchanged: Unchanged | None = None,
        enough: Callable[[list[Any]], bool] | None = None,
    ) -> None:
        self._service = service
        self._name = name
        self._stream = stream
        self._values = values
        self._unchanged = unchanged
        self._enough = enough
        self.unchanged = False
        """Whether the list is as it was: then it has no pages."""
        self.tag: Tag | None = None
        """What to remember once all its records are stored; ``None`` where an ETag doesn't speak for the whole list."""

    async def pages(self) -> AsyncGenerator[list[Any]]:
        """The records of each page.

        Raises:
            Signal: the API failed, or gave something else than such a list.
        """
        stream, position, number, empty = self._stream, None, 0, 0
        first: Tag | None = None
        seen: set[Position] = set()
        while True:
            answer, key = await self._page(position)
            if answer is None:
                return
            document = self._document(answer)
            records = self._records(document)
            number, empty = number + 1, 0 if records else empty + 1
            if number == 1 and "etag" in answer.headers:
                first = key, answer.headers["etag"]
            paginator = stream.paginator
            following = paginator.following(Turn(position, answer, document, records)) if paginator else None
            stop = self._enough is not None and self._enough(records)
            if following is None or stop:
                # What has changed behind the first page doesn't show in its ETag, unless the newest come first.
                self.tag = first if number == 1 or self._enough is not None else None
            yield records
            if following is None or stop:
                return
            if following in seen or empty >= _SEVERAL:
                why = "one leads to a page that was read already" if following in seen else "many in a row are empty"
                raise Permanent(f"{self._shown}: its pages have no end: {why}; see `paginator`")
            seen.add(following)
            position = following

    @property
    def _shown(self) -> str:
        return f"stream {self._name}: {self._stream.method} {self._stream.path.partition('?')[0]}"

    async def _page(self, position: Position | None) -> tuple[Response | None, tuple[str, ...]]:
        """A page as it came; none where an error handler says so, or where it is as it was."""
        path, headers, body = self._asked(position)
        key = (self._stream.method, path, repr(body), str(self._values.get("start")))
        known = self._unchanged.get(key) if self._unchanged is not None and position is None else None
        if known is not None:
            headers["if-none-match"] = known
        try:
            answer = await self._service.request(self._stream.method, path, headers=headers, json=body)
        except Signal as signal:
            if signal.answer is None:
                raise
            answer = signal.answer
            handler = handler_of(answer, self._stream.errors)
            if handler is None:
                raise
        else:
            handler = handler_of(answer, self._stream.errors)
        if handler is not None:
            if handler.action == "ignore":
                return None, key
            raise handler.signal(answer, self._shown, retry_after(_Titled(answer.headers)))
        self.unchanged = answer.status == _UNCHANGED
        return (None if self.unchanged else answer), key

    def _asked(self, position: Position | None) -> tuple[str, dict[str, str], dict[str, Any] | None]:
        """Path with query, headers and body of a page's request."""
        stream, values = self._stream, self._values
        places: dict[Inject, dict[str, Any]] = {"query": {}, "header": {}, "body": {}}
        if stream.incremental is not None:
            for name, value in self._range().items():
                places[stream.incremental.inject][name] = value
        by_url = stream.paginator is not None and stream.paginator.by_url and position is not None
        if stream.paginator is not None:
            places[stream.paginator.inject].update(stream.paginator.parameters(position))
        given = {**filled(dict(stream.headers), values), **places["header"]}
        headers = {name: header_value(value) for name, value in given.items() if value is not None}
        body = None
        if stream.json_ is not None or places["body"]:
            body = filled(stream.json_ or {}, values)
            for name, value in places["body"].items():
                put(body, JsonPath(name), value)
        if by_url:
            return str(position), headers, body
        query = _query({**filled(dict(stream.params), values), **places["query"]})
        path = Template(stream.path).path(values)
        return path + ("" if not query else f"{'&' if '?' in path else '?'}{query}"), headers, body

    def _range(self) -> dict[str, str]:
        """The parameters for the beginning and the end, as far as they are given and known."""
        incremental = self._stream.incremental
        asked = {} if incremental is None else {incremental.start_parameter: "start", incremental.end_parameter: "end"}
        return {
            name: self._values[value]
            for name, value in asked.items()
            if name is not None and self._values.get(value) is not None
        }

    def _document(self, answer: Response) -> Any:
        try:
            return _parsed(answer, self._stream.format)
        except (orjson.JSONDecodeError, UnicodeDecodeError, csv.Error) as error:
            said = f"expected {self._stream.format.upper()}; got something else: {error}"
            raise Transient(f"{self._shown}: {said}", status=answer.status) from None

    def _records(self, document: Any) -> list[Any]:
        path = JsonPath(self._stream.records)
        found = path.all(document)
        if not found and not path.several and not self._stream.records_optional and document is not None:
            raise Permanent(f"{self._shown}: expected the records at `{path.text}`; {_held(document)}")
        records: list[Any] = []
        for each in found:
            records += each if isinstance(each, list) else [] if each is None else [each]
        return records


def range_values(form: Form, start: Any, end: Any, *, exclusive: bool) -> dict[str, str | None]:
    """The placeholders ``start`` and ``end`` of a range of moments."""
    return {
        "start": None if start is None else form.start(start, exclusive=exclusive),
        "end": None if end is None else form.end(end),
    }


class _Titled(dict[str, str]):
    """Headers with lower-case names, by their usual ones."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.title(): value for name, value in headers.items()})


def _parsed(answer: Response, form: str) -> Any:
    if not answer.body.strip():
        return None if form == "json" else []
    if form == "jsonl":
        return [read(line) for line in answer.body.splitlines() if line.strip()]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))
    return answer.json()


def _query(params: Mapping[str, Any]) -> str:
    pairs = [
        (name, str(each).lower() if isinstance(each, bool) else str(each))
        for name, value in params.items()
        for each in (value if isinstance(value, list) else [value])
        if each is not None
    ]
    return urlencode(pairs, quote_via=quote)


def _held(document: Any) -> str:
    """What is there instead; names of fields only."""
    if isinstance(document, dict):
        return f"the answer has {', '.join(f'`{each}`' for each in list(document)[:10]) or 'no fields'}"
    return f"the answer is {'a list' if isinstance(document, list) else 'no mapping'}"


def at_one_of(record: Any, places: list[str]) -> Any:
    """What stands at the first of several places that holds something; `MISSING` where none does."""
    for each in places:
        found = JsonPath(each).one(record)
        if found is not MISSING and found is not None and found != "":
            return found
    return MISSING
