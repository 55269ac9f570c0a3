"""What the HTTP source asks for, and what it makes of the answers: against a real server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
import pytest
from aiohttp import web

from connectors.http.source import HttpCursor
from connectors.http.tests.shop import Reading, World, paged, tagged, world
from hub.sdk import NotConnected, Permanent, Signal, Transient
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


async def backfilled(reading: Reading, start: Any, end: Any) -> list[Any]:
    events: list[Any] = []
    async with aclosing(cast("AsyncGenerator[Any]", reading.source.backfill(HttpCursor(), start, end))) as filling:
        async for batch in filling:
            events += batch.events
    return events


async def test_a_range_is_read_again_for_a_backfill(far: World) -> None:
    """Whatever was given before, in the form in which people write the bounds."""
    far.shop.lists["/orders"] = [order(number, number) for number in range(1, 9)]
    reading = far.reading({"orders": ORDERS})
    await reading.poll()
    parse = reading.source.values.parse
    assert ids(await backfilled(reading, parse("2026-11-20T10:00:03+00:00"), parse("2026-11-20T10:00:06Z"))) == [
        3,
        4,
        5,
    ]
    assert len(await backfilled(reading, parse("2026-11-20"), parse("2026-11-21"))) == 8


async def test_a_range_of_another_kind_is_refused(far: World) -> None:
    """Where streams of one source are ordered by times and by numbers, each takes its own."""
    far.shop.lists["/orders"] = [order(1, 1)]
    far.shop.lists["/log"] = [{"id": 1, "n": 1}]
    log = {"path": "/log", "primary_key": "id", "incremental": {"cursor_field": "n", "format": "integer"}}
    reading = far.reading({"orders": ORDERS, "log": log})
    assert len(await reading.poll()) == 2
    assert await reading.poll() == []
    with pytest.raises(Permanent, match="stream log: expected a range of a whole number"):
        await backfilled(reading, "2026-11-20", "2026-11-21")
    with pytest.raises(Permanent, match="stream orders: expected a range of a time"):
        await backfilled(reading, 1, 2)


async def test_a_parent_that_comes_twice_is_asked_for_once(far: World) -> None:
    """As where pages shift; and a list of pages by cursor is read once only."""
    far.shop.handlers["/shops"] = lambda request: {
        "data": [{"id": 1}, {"id": 1}],
        "next": None if "cursor" in request.query else "2",
    }
    far.shop.lists["/shops/1/orders"] = [order(1, 1)]
    paginator = {"type": "cursor", "cursor": "next"}
    streams = {
        "shops": {"path": "/shops", "records": "data", "primary_key": "id", "publish": False, "paginator": paginator},
        "orders": {**ORDERS, "path": "/shops/{parent.id}/orders", "for_each": {"stream": "shops"}},
    }
    assert len(await far.reading(streams).poll()) == 1
    assert far.shop.paths == ["/shops", "/shops/1/orders", "/shops?cursor=2"]
    far.shop.handlers["/orders"] = by_cursor
    stream = {**ORDERS, "records": "data", "paginator": {"type": "cursor", "parameter": "after", "cursor": "meta.next"}}
    await far.reading({"orders": stream}).poll()
    assert far.shop.paths == ["/orders", "/orders?after=3", "/orders?after=6"]


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


async def test_an_unchanged_list_costs_no_transfer(far: World) -> None:
    """What was read to its end is asked for with its ETag; what has changed comes."""
    far.shop.lists["/orders"] = [order(1, 1)]
    reading = far.reading({"orders": ORDERS})
    await reading.poll()
    assert await reading.poll() == []
    assert await reading.poll() == []
    conditions = [headers.get("if-none-match") for _, _, headers, _ in far.shop.asked]
    assert conditions[0] is None
    assert conditions[-1] is not None
    far.shop.lists["/orders"].append(order(2, 2))
    assert ids(await reading.poll()) == [2]


async def test_a_record_that_rests_is_not_forgotten_by_an_etag(far: World) -> None:
    """A list whose newest records were held back is read again although it has not changed."""
    now = datetime.now(UTC)
    far.shop.lists["/orders"] = [{"id": 1, "at": now.isoformat()}]
    reading = far.reading({"orders": ORDERS}, options=CursorOptions(hold_back=timedelta(seconds=1)))
    assert await reading.poll() == []
    given: list[Any] = []
    while not given:
        given = await reading.poll()
        assert datetime.now(UTC) - now < timedelta(seconds=20)
    assert ids(given) == [1]


@pytest.mark.parametrize("polls", [1, 2, 3])
async def test_a_cursor_that_was_moved_back_reads_again(far: World, polls: int) -> None:
    """What is known of unchanged lists counts for where the cursor stands, and for nothing before it."""
    far.shop.lists["/orders"] = [order(1, 1)]
    far.shop.lists["/tags"] = [{"id": 7}]
    reading = far.reading({"orders": ORDERS, "tags": {"path": "/tags", "primary_key": "id"}})
    fresh = reading.stored
    await reading.poll()
    first = reading.stored
    far.shop.lists["/orders"].append(order(2, 59))
    far.shop.lists["/tags"].append({"id": 8})
    for stored, given in ((first, [2, 8]), (fresh, [1, 2, 7, 8]), (first, [2, 8])):
        for _ in range(polls):
            await reading.poll()
        reading.stored = stored
        assert ids(await reading.poll()) == given


async def test_a_list_that_is_as_it_was_before_a_change_is_told(far: World) -> None:
    """An ETag of a time before the last change says nothing."""
    reading = far.reading({"tags": {"path": "/tags", "primary_key": "id"}})
    given = []
    for name in ("a", "b", "a", "a", "b"):
        far.shop.lists["/tags"] = [{"id": 1, "name": name}]
        given += [each.data["name"] for each in await reading.poll()]
    assert given == ["a", "b", "a", "b"]


async def test_the_first_page_alone_says_nothing_of_the_others(far: World) -> None:
    """A list of several pages, oldest first, is read although its first page is as it was."""
    records = [order(1, 1), order(2, 2), order(3, 3)]
    far.shop.handlers["/orders"] = paged(records, 2)
    reading = far.reading({"orders": {**ORDERS, "paginator": {"type": "page", "page_size": 2}}})
    assert ids(await reading.poll()) == [1, 2, 3]
    await reading.poll()
    records.append(order(4, 4))
    assert ids(await reading.poll()) == [4]


async def test_a_feed_is_followed_back_to_what_is_known(far: World) -> None:
    """Newest first and without a filter: later polls read no further than they must."""
    records = [order(number, number) for number in range(1, 41)][::-1]
    far.shop.handlers["/orders"] = lambda request: tagged(request, paged(records, 5)(request))
    incremental = {"cursor_field": "at", "is_data_feed": True}
    paginator = {"type": "page", "page_size": 5}
    options = CursorOptions(lookback_window=timedelta(seconds=1))
    stream = {**ORDERS, "incremental": incremental, "paginator": paginator}
    reading = far.reading({"orders": stream}, options=options)
    assert sorted(ids(await reading.poll())) == list(range(1, 41))
    far.shop.paths  # noqa: B018  empties it
    records.insert(0, order(41, 41))
    assert ids(await reading.poll()) == [41]
    assert len(far.shop.paths) <= 4
    await reading.poll()
    far.shop.paths  # noqa: B018  empties it
    assert await reading.poll() == []
    assert far.shop.paths == ["/orders?page=1"]


async def test_records_that_move_between_pages_are_not_missed(far: World) -> None:
    """A change while pages by number are read moves the others up; they are read until nothing new is found."""
    records = [order(number, number) for number in range(1, 7)]
    moved: list[bool] = []

    def answer(request: web.Request) -> Any:
        page = paged(records, 2)(request)
        if request.query["page"] == "2" and not moved:
            moved.append(True)
            records.append(records.pop(0) | {"at": "2026-11-20T10:00:50Z"})  # all that follow move up by one
        return page

    far.shop.handlers["/orders"] = answer
    stream = {**ORDERS, "paginator": {"type": "page", "page_size": 2}}
    # Without a lookback the next poll would be too late.
    reading = far.reading({"orders": stream}, options=CursorOptions(lookback_window=timedelta(0)))
    given = await reading.poll()
    assert moved
    assert {each.data["id"] for each in given} == {1, 2, 3, 4, 5, 6}
    assert [each.id for each in given].count("orders/1@2026-11-20T10:00:50Z") == 1


async def test_each_parent_has_a_list_of_its_own(far: World) -> None:
    """Children are asked for by their parent's record; equal keys of two parents are two records."""
    far.shop.lists["/shops"] = [{"id": 1, "slug": "a/b"}, {"id": 2, "slug": "ä c"}]
    far.shop.lists["/shops/a/b/orders"] = [order(1, 1)]
    far.shop.lists["/shops/%C3%A4%20c/orders"] = [order(1, 1), order(2, 2)]
    streams = {
        "shops": {"path": "/shops", "primary_key": "id", "publish": False},
        "orders": {
            **ORDERS,
            "path": "/shops/{+parent.slug}/orders",
            "for_each": {"stream": "shops", "copy": {"shop": "slug"}},
        },
    }
    reading = far.reading(streams)
    events = await reading.poll()
    assert [(each.id, each.data["shop"]) for each in events] == [
        ("orders/1/1@2026-11-20T10:00:01Z", "a/b"),
        ("orders/2/1@2026-11-20T10:00:01Z", "ä c"),
        ("orders/2/2@2026-11-20T10:00:02Z", "ä c"),
    ]
    assert [each.key for each in events] == ["1/1", "2/1", "2/2"]
    assert await reading.poll(anew=True) == []


async def test_grandparents_and_fixed_values_make_lists_too(far: World) -> None:
    """Parents may have parents; `values` are asked for one after the other."""
    far.shop.lists["/eu/shops"] = [{"id": 1}]
    far.shop.lists["/us/shops"] = [{"id": 1}, {"id": 3}]
    for region, number in (("eu", 1), ("us", 1), ("us", 3)):
        far.shop.lists[f"/{region}/shops/{number}/orders"] = [order(number, number)]
    streams = {
        "shops": {
            "path": "/{item}/shops",
            "primary_key": "id",
            "publish": False,
            "for_each": {"values": ["eu", "us"]},
        },
        "orders": {**ORDERS, "path": "/eu/shops/{parent.id}/orders", "for_each": {"stream": "shops"}},
    }
    far.shop.lists["/eu/shops/3/orders"] = []
    events = await far.reading(streams).poll()
    assert [each.key for each in events] == ["eu/1/1", "us/1/1"]


@pytest.mark.parametrize("value", ["..", "", "a/../b", None, {"a": 1}])
async def test_a_parent_cannot_lead_elsewhere(far: World, value: Any) -> None:
    """A value that would change the path is refused, and no request goes out."""
    far.shop.lists["/shops"] = [{"id": value}]
    streams = {
        "shops": {"path": "/shops", "publish": False},
        "orders": {**ORDERS, "path": "/shops/{+parent.id}/orders", "for_each": {"stream": "shops"}},
    }
    with pytest.raises(Permanent):
        await far.reading(streams).poll()
    assert far.shop.paths == ["/shops"]


async def refused(far: World, stream: dict[str, Any], **more: Any) -> Signal:
    with pytest.raises(Signal) as raised:
        await far.reading({"orders": {**ORDERS, **stream}}, **more).poll()
    return raised.value


async def test_answers_mean_what_the_schema_file_says(far: World) -> None:
    """By status, text and place in the body; the first that fits counts, the stream's own before the common ones."""
    answer = {"status": 200, "body": {"ok": False, "error": "ratelimited"}}
    far.shop.handlers["/orders"] = lambda request: web.json_response(
        answer["body"], status=answer["status"], headers={"Retry-After": "7"} if answer["status"] == 400 else {}
    )
    handlers = [
        {"path": "error", "values": ["ratelimited"], "action": "wait", "pause": "30s"},
        {"path": "ok", "values": [False], "action": "fail", "message": "the API said no"},
        {"status": [404, 410], "action": "ignore"},
        {"status": 400, "contains": "try again", "action": "retry"},
    ]
    signal = await refused(far, {"errors": handlers})
    assert isinstance(signal, NotConnected)
    assert signal.retry_after == 30
    answer["body"] = {"ok": False, "error": "other"}
    signal = await refused(far, {"errors": handlers})
    assert isinstance(signal, Permanent)
    assert "the API said no" in str(signal)
    answer.update(status=410, body={})
    assert await far.reading({"orders": {**ORDERS, "errors": handlers}}).poll() == []
    answer.update(status=400, body={"message": "please try again"})
    signal = await refused(far, {"errors": handlers})
    assert type(signal) is Transient
    assert signal.retry_after == 7
    answer.update(body={"message": "no"})
    assert type(await refused(far, {"errors": handlers})) is Permanent
    mine = [{"status": 400, "action": "ignore"}]
    assert await far.reading({"orders": {**ORDERS, "errors": mine}}, errors=handlers).poll() == []


@pytest.mark.parametrize(
    ("document", "stream", "says"),
    [
        ({"items": []}, {"records": "data"}, "expected the records at `data`; the answer has `items`"),
        ([{"id": 1}], {}, "expected a cursor value at `at` of each record; one has none"),
        ([{"id": 1, "at": "noon"}], {}, "expected a time in ISO 8601; got str of another form"),
        ([{"at": "2026-11-20T10:00:00Z"}], {}, "expected text or a number at `id`, its `primary_key`"),
        ([order(1, 1, when="noon")], {"time": "when"}, "`when`, its `time`: expected a time"),
    ],
)
async def test_what_cannot_be_read_is_told_with_its_place(
    far: World, document: Any, stream: dict[str, Any], says: str
) -> None:
    """An answer of another form stops the stream with an error, rather than to pass over what it holds."""
    far.shop.handlers["/orders"] = lambda _: document
    signal = await refused(far, stream)
    assert isinstance(signal, Permanent)
    assert says in str(signal)


async def test_an_answer_that_is_no_json_is_asked_for_again(far: World) -> None:
    """As a proxy's error page with status 200 is."""
    far.shop.handlers["/orders"] = lambda _: web.Response(text="<html>")
    assert isinstance(await refused(far, {}), Transient)


async def test_pages_without_an_end_are_an_error(far: World) -> None:
    """A cursor that leads back is noticed."""
    far.shop.handlers["/orders"] = lambda _: {"data": [order(1, 1)], "next": "again"}
    stream = {"records": "data", "paginator": {"type": "cursor", "cursor": "next"}}
    assert "have no end" in str(await refused(far, stream))


async def test_a_stream_that_fails_leaves_the_others_alone(far: World) -> None:
    """What the others gave is stored, whichever kind they are of."""
    far.shop.lists["/orders"] = [order(1, 1)]
    far.shop.lists["/tags"] = [{"id": 5}]
    streams = {
        "broken": {**ORDERS, "path": "/nowhere"},
        "orders": ORDERS,
        "gone": {"path": "/nowhere", "primary_key": "id"},
        "tags": {"path": "/tags", "primary_key": "id"},
    }
    reading = far.reading(streams)
    given: list[Any] = []
    polling: Any = reading.source.poll(reading.source.cursor_type()())

    async def read() -> None:
        async for batch in polling:
            given.extend(batch.events)

    with pytest.raises(Transient, match="can't be read"):
        await read()
    assert ids(given) == [1, 5]


async def test_csv_and_lines_of_json_are_read(far: World) -> None:
    """Other formats than JSON give records as well."""
    far.shop.handlers["/csv"] = lambda _: web.Response(
        body='id,at,n\r\n1,2026-11-20T10:00:00Z,"a\nb"\r\n'.encode("utf-8-sig")
    )
    far.shop.handlers["/lines"] = lambda _: web.Response(text='{"id":1,"at":"2026-11-20T10:00:00Z"}\n\n')
    streams = {
        "csv": {**ORDERS, "path": "/csv", "format": "csv"},
        "lines": {**ORDERS, "path": "/lines", "format": "jsonl"},
    }
    events = await far.reading(streams).poll()
    assert [each.data for each in events] == [
        {"id": "1", "at": "2026-11-20T10:00:00Z", "n": "a\nb"},
        {"id": 1, "at": "2026-11-20T10:00:00Z"},
    ]


async def test_params_are_asked_for_as_they_are_written(far: World) -> None:
    """Common ones come first, lists are repeated, null leaves one out."""
    far.shop.lists["/orders"] = []
    stream = {
        **ORDERS,
        "params": {"state": ["open", "a&b"], "deep": True, "common": None},
        "headers": {"X-Kind": "full"},
    }
    await far.reading({"orders": stream}, params={"common": 1, "limit": 5}, headers={"X-All": "yes"}).poll()
    ((_, path, headers, _),) = far.shop.asked
    assert path == "/orders?limit=5&state=open&state=a%26b&deep=true"
    assert (headers["x-kind"], headers["x-all"]) == ("full", "yes")


async def test_days_as_cursor_values_do_not_hide_changes_of_the_same_day(far: World) -> None:
    """Where the cursor is too coarse to tell two changes apart, the content does."""
    far.shop.lists["/orders"] = [{"id": 1, "at": "2026-11-20", "n": 1}]
    stream = {**ORDERS, "incremental": {"cursor_field": "at", "format": "%Y-%m-%d"}}
    reading = far.reading({"orders": stream})
    assert len(await reading.poll()) == 1
    far.shop.lists["/orders"] = [{"id": 1, "at": "2026-11-20", "n": 2}]
    assert [each.data["n"] for each in await reading.poll()] == [2]
    assert await reading.poll(anew=True) == []


async def test_records_may_say_that_they_are_gone(far: World) -> None:
    """Such a record becomes a tombstone of its key."""
    far.shop.lists["/orders"] = [order(1, 1, deleted_at=None), order(2, 2, deleted_at="2026-11-20")]
    stream = {**ORDERS, "deleted": {"path": "deleted_at"}}
    kept, gone = await far.reading({"orders": stream}).poll()
    assert (kept.raw is None, kept.key) == (False, "1")
    assert (gone.raw, gone.key, gone.type) == (None, "2", "orders")


TAGS = {"path": "/tags", "primary_key": "id", "deletes": True}


async def test_a_whole_list_gives_what_has_changed(far: World) -> None:
    """New and changed records come; one that is as it was before a change is a version of its own."""
    far.shop.lists["/tags"] = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    reading = far.reading({"tags": TAGS})
    assert ids(await reading.poll()) == [1, 2]
    assert await reading.poll(anew=True) == []
    versions = []
    for name in ("c", "a", "c"):
        far.shop.lists["/tags"] = [{"id": 1, "name": name}, {"id": 2, "name": "b"}]
        (event,) = await reading.poll(anew=True)
        assert event.data["name"] == name
        versions.append(event.id)
    assert len(set(versions)) == 3


async def test_what_is_missing_twice_is_gone(far: World) -> None:
    """Once may be a page that had shifted; the second time it becomes a tombstone, and once only."""
    far.shop.lists["/tags"] = [{"id": 1}, {"id": 2}]
    reading = far.reading({"tags": TAGS})
    await reading.poll()
    far.shop.lists["/tags"] = [{"id": 1}]
    assert await reading.poll() == []
    (gone,) = await reading.poll(anew=True)
    assert (gone.raw, gone.key) == (None, "2")
    assert await reading.poll() == []
    far.shop.lists["/tags"] = [{"id": 1}, {"id": 2}]
    (back,) = await reading.poll(anew=True)
    assert back.data == {"id": 2}
    far.shop.lists["/tags"] = [{"id": 1}]
    await reading.poll()
    (again,) = await reading.poll()
    assert again.raw is None
    assert len({gone.id, back.id, again.id}) == 3


async def test_a_record_that_was_missing_once_is_not_gone(far: World) -> None:
    """What is back the next time was there."""
    far.shop.lists["/tags"] = [{"id": 1}, {"id": 2}]
    reading = far.reading({"tags": TAGS})
    await reading.poll()
    for kept in ([{"id": 1}], [{"id": 1}, {"id": 2}], [{"id": 1}], [{"id": 1}, {"id": 2}]):
        far.shop.lists["/tags"] = kept
        assert await reading.poll() == []


async def test_a_list_that_is_too_long_says_what_to_do(far: World) -> None:
    """It isn't compared by halves."""
    far.shop.lists["/tags"] = [{"id": number} for number in range(11)]
    with pytest.raises(Permanent, match="holds more than 10 records"):
        await far.reading({"tags": TAGS}, options=CursorOptions(remember=10)).poll()
