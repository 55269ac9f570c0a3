"""Going through the pages of a list, against a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import TypeAdapter

from hub.sdk import Permanent, Transient
from hub.sdk.pagination import Cursors, Links, Offsets, PageNumbers, Pagination, Paging, links, pages
from hub.services import HttpService
from tests.unit.services.far_side import far_side, service

RECORDS = list(range(25))


@asynccontextmanager
async def listing() -> AsyncIterator[HttpService]:
    """An API with one list of 25 records, in every kind of pages."""

    async def handler(request: web.Request) -> web.Response:
        query = request.query
        size = int(query.get("size", 10))
        if request.path == "/pages":
            start = (int(query["page"]) - 1) * size
            return web.json_response(RECORDS[start : start + size])
        if request.path == "/offsets":
            start = int(query["offset"])
            return web.json_response({"data": {"items": RECORDS[start : start + size]}})
        start = int(query.get("cursor", 0))
        held = RECORDS[start : start + size]
        more = start + size < len(RECORDS)
        following = f"{request.url.with_query(cursor=start + size, size=size, kept=query.get('kept', ''))}"
        body: dict[str, Any] = {"items": held, "meta": {"next": str(start + size) if more else None, "more": more}}
        body["url"] = following if more else None
        headers = {"Link": f'<{request.url}>; rel="first", <{following}>; rel="next"'} if more else {}
        return web.json_response(held if request.path == "/links" else body, headers=headers)

    async with far_side(handler) as far, service(far) as api:
        yield api


@pytest.mark.parametrize(
    ("path", "paging"),
    [
        ("/pages", PageNumbers(page_size=10, size_parameter="size")),
        ("/pages", PageNumbers(page_size=5, size_parameter="size")),
        ("/offsets", Offsets(page_size=7, size_parameter="size", records="data.items")),
        ("/offsets", Offsets(records="data.items")),
        ("/cursors", Cursors(cursor="meta.next", records="items")),
        (
            "/cursors",
            Cursors(cursor="meta.next", more="meta.more", records="items", page_size=3, size_parameter="size"),
        ),
        ("/links", Links(page_size=4, size_parameter="size")),
        ("/urls", Links(path="url", records="items")),
    ],
)
async def test_each_record_comes_once(path: str, paging: Paging) -> None:
    """From the beginning, and again from every page on, as after a restart."""
    async with listing() as api:
        whole = [page async for page in pages(api, path, paging, params={"kept": "yes"})]
        assert [each for page in whole for each in page.records] == RECORDS
        for number, page in enumerate(whole[:-1], 1):
            rest = [each async for each in pages(api, path, paging, start=page.following)]
            assert [each.records for each in rest] == [each.records for each in whole[number:]]


async def test_pages_that_have_no_end_are_an_error() -> None:
    """A cursor that comes again, or empty pages for ever."""

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/round":
            return web.json_response({"items": [1], "next": "a"})
        return web.json_response({"items": [], "next": int(request.query.get("cursor", 0)) + 1})

    async with far_side(handler) as far, service(far) as api:
        for path, count in (("/round", 2), ("/empty", 100)):
            got = 0
            with pytest.raises(Permanent, match="no end"):  # noqa: PT012  counts until it is raised
                async for _ in pages(api, path, Cursors(cursor="next", records="items")):
                    got += 1
            assert got == count


ANSWERS = {"/html": "<html>", "/object": '{"items": 5}', "/null": '{"items": null, "at": {}}', "/none": ""}


async def test_what_is_no_list_is_an_error() -> None:
    """An answer of another kind, or one that is no JSON, or without the list; null is an empty one."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=ANSWERS[request.path])

    async with far_side(handler) as far, service(far) as api:
        for path, paging, error in (
            ("/html", PageNumbers(), Transient),
            ("/object", PageNumbers(), Permanent),
            ("/object", PageNumbers(records="items"), Permanent),
            ("/null", PageNumbers(records="other"), Permanent),
            ("/null", PageNumbers(records="at.items"), Permanent),
            ("/null", PageNumbers(records="items.list"), Permanent),
        ):
            with pytest.raises(error):
                [page async for page in pages(api, path, paging)]
        for path in ("/null", "/none"):
            assert [page.records async for page in pages(api, path, PageNumbers(records="items"))] == [[]]


async def test_a_next_page_elsewhere_is_not_followed() -> None:
    """It would get our credentials."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response([1], headers={"Link": '<http://evil.example/x>; rel="next"'})

    async with far_side(handler) as far, service(far) as api:
        with pytest.raises(Permanent, match="credentials"):
            [page async for page in pages(api, "/x", Links())]


@pytest.mark.parametrize("next_page", ["/v1/x?page=2", "?page=2", "x?page=2", "{url}/v1/x?page=2"])
async def test_a_next_page_is_where_its_link_leads_from_the_page(next_page: str) -> None:
    """Not below the base URL, which its path holds already."""

    async def handler(request: web.Request) -> web.Response:
        url = next_page.format(url=request.url.origin())
        more = {} if "page" in request.query else {"Link": f'<{url}>; rel="next"'}
        return web.json_response([1], headers=more)

    async with far_side(handler) as far, service(f"{far.url}/v1") as api:
        assert [page.records async for page in pages(api, "/x", Links())] == [[1], [1]]
        assert [each.path_qs for each in far.seen] == ["/v1/x", "/v1/x?page=2"]


def test_link_headers_are_read_as_they_are_written() -> None:
    """With further parameters, several relations, commas within URLs, without quotes."""
    text = '<https://a/?x=1,2&y=;z>; title="a, b"; rel="next last", </b>; rel=prev, <https://c>; rel="next"'
    assert links({"link": text}) == {"next": "https://a/?x=1,2&y=;z", "last": "https://a/?x=1,2&y=;z", "prev": "/b"}
    assert links({}) == {}


def test_a_configuration_names_the_kind() -> None:
    """As a connector's field."""
    adapter: TypeAdapter[Any] = TypeAdapter(Pagination)
    assert adapter.validate_python({"type": "cursor", "cursor": "next"}) == Cursors(cursor="next")
    assert adapter.validate_python({"type": "link"}) == Links()
