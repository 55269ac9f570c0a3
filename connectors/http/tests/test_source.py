"""What the HTTP source asks for, and what it makes of the answers: against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from connectors.http.tests.shop import World, paged, world
from hub.sdk.cursor import CursorOptions

ORDERS = {"path": "/orders", "primary_key": "id", "incremental": {"cursor_field": "at"}}


@pytest.fixture
async def far() -> AsyncIterator[World]:
    async with world() as made:
        yield made


def order(number: int, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": f"2026-11-20T10:00:{second:02}Z", **more}


def ids(events: list[Any]) -> list[int]:
    return [each.data["id"] for each in events]


async def test_records_become_events_that_say_what_they_are(far: World) -> None:
    """Id, type, key, subject, time and data come from where the stream says."""
    far.shop.lists["/orders"] = [order(7, 11, customer={"id": "c1"}, title="Seven")]
    stream = {**ORDERS, "type": "shop.order", "partition_key": "customer.id", "subject": "title"}
    (event,) = await far.reading({"orders": stream}).poll()
    assert event.attributes == {
        "id": "orders/7@2026-11-20T10:00:11Z",
        "source": "/test/polled",
        "type": "shop.order",
        "time": "2026-11-20T10:00:11.000000Z",
        "subject": "Seven",
        "partitionkey": "c1",
        "datacontenttype": "application/json",
    }
    assert event.data == far.shop.lists["/orders"][0]


async def test_what_was_given_does_not_come_again_and_changes_do(far: World) -> None:
    """A poll gives what has a new cursor value, also after a new start, and nothing else."""
    far.shop.lists["/orders"] = [order(1, 1), order(2, 2)]
    reading = far.reading({"orders": ORDERS})
    assert ids(await reading.poll()) == [1, 2]
    assert await reading.poll(anew=True) == []
    far.shop.lists["/orders"] = [order(1, 1), order(2, 5), order(3, 5)]
    assert ids(await reading.poll(anew=True)) == [2, 3]


@pytest.mark.parametrize(
    ("form", "start", "value", "asked"),
    [
        ("iso", "2026-11-20T10:00:00Z", "2026-11-20T10:00:01Z", "2026-11-20T10:00:00Z"),
        ("iso", "2026-11-20T12:00:00+02:00", "2026-11-20T12:00:01.5+02:00", "2026-11-20T10:00:00Z"),
        ("epoch", 1_700_000_000, 1_700_000_001, "1700000000"),
        ("epoch_ms", 1_700_000_000_123, "1700000000124", "1700000000123"),
        ("%d.%m.%Y %H:%M", "20.11.2026 10:00", "20.11.2026 10:01", "20.11.2026 10:00"),
        ("integer", 5, 6, "5"),
        ("text", "01ARZ", "01ARZ3", "01ARZ"),
    ],
)
async def test_the_beginning_is_asked_for_in_the_form_of_the_api(
    far: World, form: str, start: Any, value: Any, asked: str
) -> None:
    """Whatever the form of the cursor, the parameter is written in it; older records are left out if they come."""
    seen = []

    def answer(request: web.Request) -> Any:
        seen.append(request.query["since"])
        return [{"id": 1, "at": value}]

    far.shop.handlers["/orders"] = answer
    incremental = {"cursor_field": "at", "format": form, "start": start, "start_parameter": "since"}
    reading = far.reading({"orders": {**ORDERS, "incremental": incremental}})
    assert ids(await reading.poll()) == [1]
    assert await reading.poll() == []
    assert seen[0] == asked


async def test_what_is_older_than_the_beginning_is_left_out(far: World) -> None:
    """Where the API can't filter, the source does."""
    far.shop.lists["/orders"] = [order(1, 1), order(2, 2), order(3, 3)]
    incremental = {"cursor_field": "at", "start": "2026-11-20T10:00:02Z"}
    assert ids(await far.reading({"orders": {**ORDERS, "incremental": incremental}}).poll()) == [2, 3]


async def test_an_exclusive_bound_is_asked_for_from_a_tick_before(far: World) -> None:
    """An API that gives only what is newer than the value still gives what has that very value."""
    far.shop.handlers["/orders"] = lambda request: [
        each for each in (order(1, 1), order(2, 2)) if each["at"] > request.query["after"]
    ]
    incremental = {
        "cursor_field": "at",
        "start": "2026-11-20T10:00:01Z",
        "start_parameter": "after",
        "parameter_format": "%Y-%m-%dT%H:%M:%SZ",
        "exclusive": True,
    }
    reading = far.reading({"orders": {**ORDERS, "incremental": incremental}})
    assert ids(await reading.poll()) == [1, 2]
    assert far.shop.paths == ["/orders?after=2026-11-20T10:00:00Z"]


async def test_long_ranges_are_asked_for_in_steps(far: World) -> None:
    """With `cursor.step` each request has a beginning and an end, and together they leave no gap."""
    days = [{"id": n, "at": f"2026-11-{n:02}T12:00:00Z"} for n in range(1, 20)]
    far.shop.handlers["/orders"] = lambda request: [
        each for each in days if request.query["from"] <= each["at"] < request.query["to"]
    ]
    incremental = {
        "cursor_field": "at",
        "start": "2026-11-01T00:00:00Z",
        "start_parameter": "from",
        "end_parameter": "to",
        "parameter_format": "%Y-%m-%dT%H:%M:%SZ",
    }
    options = CursorOptions(step=timedelta(days=2))
    events = await far.reading({"orders": {**ORDERS, "incremental": incremental}}, options=options).poll()
    assert ids(events) == list(range(1, 20))
    asked = far.shop.asked
    assert len(asked) > 5
    assert asked[0][1] == "/orders?from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"


PAGED = [order(number, number) for number in range(1, 8)]


def by_offset(request: web.Request) -> Any:
    start, size = int(request.query["skip"]), int(request.query["limit"])
    return {"data": PAGED[start : start + size], "total": len(PAGED)}


def by_cursor(request: web.Request) -> Any:
    start = int(request.query.get("after", "0"))
    following = str(start + 3) if start + 3 < len(PAGED) else None
    return {"data": PAGED[start : start + 3], "meta": {"next": following}}


def by_header(request: web.Request) -> Any:
    start = int(request.headers.get("X-After", "0"))
    following = {"X-Next": str(start + 3)} if start + 3 < len(PAGED) else {}
    return web.json_response({"data": PAGED[start : start + 3]}, headers=following)


def by_last(request: web.Request) -> Any:
    start = int(request.query.get("starting_after", "0"))
    return {"data": PAGED[start : start + 3], "has_more": start + 3 < len(PAGED)}


def by_link(request: web.Request) -> Any:
    start = int(request.query.get("at", "0"))
    following = f'</api/orders?at={start + 3}>; rel="next"' if start + 3 < len(PAGED) else '</api/orders>; rel="first"'
    return web.json_response({"data": PAGED[start : start + 3]}, headers={"Link": following})


def by_url(request: web.Request) -> Any:
    start = int(request.query.get("at", "0"))
    url = str(request.url.with_query(at=start + 3)) if start + 3 < len(PAGED) else None
    return {"data": PAGED[start : start + 3], "@odata.nextLink": url}


async def by_body(request: web.Request) -> Any:
    asked = orjson.loads(await request.read())
    start = asked.get("page", {}).get("after", 0)
    following = start + 3 if start + 3 < len(PAGED) else None
    return web.json_response({"data": PAGED[start : start + 3], "next": following})


@pytest.mark.parametrize(
    ("paginator", "handler"),
    [
        ({"type": "page", "page_size": 3}, lambda request: {"data": paged(PAGED, 3)(request)}),
        (
            {"type": "offset", "parameter": "skip", "page_size": 3, "size_parameter": "limit"},
            by_offset,
        ),
        ({"type": "cursor", "parameter": "after", "cursor": "meta.next"}, by_cursor),
        ({"type": "cursor", "parameter": "X-After", "inject": "header", "header": "X-Next"}, by_header),
        ({"type": "cursor", "parameter": "starting_after", "last_record": "id", "more": "has_more"}, by_last),
        ({"type": "link"}, by_link),
        ({"type": "link", "path": '["@odata.nextLink"]'}, by_url),
    ],
)
async def test_all_pages_are_followed(far: World, paginator: dict[str, Any], handler: Any) -> None:
    """Every way to go through pages gives each record once."""
    far.shop.handlers["/orders"] = handler
    reading = far.reading({"orders": {**ORDERS, "records": "data", "paginator": paginator}})
    assert ids(await reading.poll()) == [1, 2, 3, 4, 5, 6, 7]
    assert await reading.poll(anew=True) == []


async def test_a_search_is_asked_for_by_post_with_all_in_its_body(far: World) -> None:
    """Range, cursor and page size go into the places of the body where the API wants them."""
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bodies.append(orjson.loads(await request.read()))
        response: web.StreamResponse = await by_body(request)
        return response

    far.shop.handlers["/search"] = answer
    stream = {
        "path": "/search",
        "method": "POST",
        "json": {"query": "since {start}", "deep": {"kept": True}},
        "records": "data",
        "primary_key": "id",
        "paginator": {
            "type": "cursor",
            "cursor": "next",
            "parameter": "page.after",
            "inject": "body",
            "page_size": 3,
            "size_parameter": "page.size",
        },
        "incremental": {
            "cursor_field": "at",
            "start": "2026-11-20T10:00:00Z",
            "start_parameter": "deep.from",
            "inject": "body",
        },
    }
    assert ids(await far.reading({"found": stream}).poll()) == [1, 2, 3, 4, 5, 6, 7]
    assert bodies[0] == {
        "query": "since 2026-11-20T10:00:00Z",
        "deep": {"kept": True, "from": "2026-11-20T10:00:00Z"},
        "page": {"size": 3},
    }
    assert bodies[2]["page"] == {"size": 3, "after": 6}
