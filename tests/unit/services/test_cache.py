"""Kept answers: what is given without asking, what is asked again, and what stands in for a failure."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as some
from yarl import URL

from hub.sdk import Response, Transient
from hub.sdk.policies import Cache
from hub.services.cache import ResponseCache
from hub.services.http import HttpService
from hub.services.request import Request
from hub.services.shelf import Shelf
from tests.unit.services.far_side import Clock, FarSide, far_side, service


class Item:
    def __init__(self, size: int = 1) -> None:
        self.size = size


def shelf(eviction: Any, entries: int = 3, size: int = 1000) -> Shelf[Item]:
    return Shelf(entries, size, eviction)


@pytest.mark.parametrize(("eviction", "left"), [("fifo", "bcd"), ("lru", "acd"), ("lfu", "abd")])
def test_what_goes_first(eviction: str, left: str) -> None:
    """The oldest, the one that wasn't used for longest, or the one that was used least."""
    held = shelf(eviction)
    for key in "abc":
        held.put(key, Item())
    for key in "baca":  # b was used long ago, c once, a twice
        if not (eviction == "lfu" and key == "c"):
            held.get(key)
    held.put("d", Item())
    assert [key for key in "abcd" if held.get(key)] == list(left)
    assert len(held) == 3


@given(
    some.sampled_from(["lru", "lfu", "fifo"]),
    some.lists(some.tuples(some.sampled_from("gpx"), some.integers(0, 6), some.integers(0, 60))),
)
@settings(deadline=None, max_examples=60)
def test_bounds_are_never_passed(eviction: str, steps: list[tuple[str, int, int]]) -> None:
    """Whatever is put, got and given up, and the sizes add up."""
    held = shelf(eviction, entries=4, size=100)
    for step, key, size in steps:
        if step == "p":
            held.put(key, Item(size))
            assert held.get(key) is not None
        elif step == "g":
            held.get(key)
        else:
            held.pop(key)
        assert len(held) <= 4
        assert held.size == sum(each.size for each in held._values.values()) <= 100
    held.put("large", Item(101))
    assert held.get("large") is None


def prepared(far: FarSide, clock: Clock, **cache: Any) -> HttpService:
    made = service(far, cache=cache)
    assert made.cache is not None
    made.cache._clock = clock
    return made


async def test_an_answer_is_given_again_while_it_is_fresh() -> None:
    """As long as the file says, or as the answer does; by URL and by user; a fresh one can be asked for."""
    clock = Clock()
    async with far_side() as far, prepared(far, clock, ttl="10s") as api:
        assert [(await api.request("GET", "/x")).origin for _ in range(3)] == ["api", "cache", "cache"]
        assert (await api.request("GET", "/x", params={"q": 1})).origin == "api"
        assert (await api.request("GET", "/x", user="ann")).origin == "api"
        assert (await api.request("GET", "/x", fresh=True)).json() == {"number": 4}
        assert (await api.request("GET", "/x")).json() == {"number": 4}
        clock.now += 10
        assert (await api.request("GET", "/x")).origin == "api"
        assert api.info().figures["cache"]["hits"] == 3


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"cache-control": "private, max-age=60"}, True),
        ({"cache-control": "max-age=60", "age": "60"}, False),
        ({"cache-control": "no-store, max-age=60"}, False),
        ({"cache-control": "no-cache, max-age=60"}, False),
        ({"cache-control": "max-age=60", "vary": "*"}, False),
        ({"date": "Sat, 21 Nov 2026 12:00:00 GMT", "expires": "Sat, 21 Nov 2026 12:01:00 GMT"}, True),
        ({"expires": "0"}, False),
        ({}, False),
    ],
)
async def test_without_a_time_of_ours_the_answers_own_counts(headers: dict[str, str], *, kept: bool) -> None:
    """As RFC 9111 has it; no time is guessed."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(headers=headers)

    async with far_side(handler) as far, prepared(far, Clock()) as api:
        await api.request("GET", "/x")
        assert ((await api.request("GET", "/x")).origin == "cache") is kept


async def test_an_answer_that_is_not_fresh_is_asked_for_only_if_it_has_changed() -> None:
    """By ETag and by date; one that hasn't is fresh again."""

    async def handler(request: web.Request) -> web.Response:
        if (
            request.headers.get("if-none-match") == f'"{version}"'
            or request.headers.get("if-modified-since") == version
        ):
            return web.Response(status=304)
        marks = {"/etag": {"ETag": f'"{version}"'}, "/date": {"Last-Modified": version}}[request.path]
        return web.Response(text=version, headers=marks)

    clock = Clock()
    async with far_side(handler) as far, prepared(far, clock, ttl="10s") as api:
        for path in ("/etag", "/date"):
            version = "Sat, 21 Nov 2026 12:00:00 GMT"
            await api.request("GET", path)
            clock.now += 11
            again = await api.request("GET", path)
            assert (again.status, again.body, again.origin) == (200, version.encode(), "cache")
            asked = len(far.seen)
            assert (await api.request("GET", path)).origin == "cache"
            assert len(far.seen) == asked
            clock.now += 11
            version = "Sat, 21 Nov 2026 13:00:00 GMT"
            changed = await api.request("GET", path)
            assert (changed.body, changed.origin) == (version.encode(), "api")
        assert api.info().figures["cache"]["revalidated"] == 2


async def test_an_old_answer_stands_in_for_a_failure_and_says_so() -> None:
    """For as long as it may; events can be marked with it."""
    clock = Clock()
    async with far_side() as far, prepared(far, clock, ttl="10s", stale_if_error="1m") as api:
        await api.request("GET", "/x", degraded=True)
        clock.now += 30
        for status in (500, 503, 429):
            far.then(status)
            answer = await api.request("GET", "/x", degraded=True)
            assert (answer.origin, answer.json(), answer.marks) == ("stale", {"number": 1}, {"hubdegraded": "stale"})
        await far_gone(far, api)
        far.then(500)
        with pytest.raises(Transient):  # who moves a cursor by it hasn't said that it will do
            await api.request("GET", "/x")
        clock.now += 41
        far.then(500)
        with pytest.raises(Transient):
            await api.request("GET", "/x", degraded=True)
        assert api.info().figures["cache"]["stale"] == 4


async def far_gone(far: FarSide, api: HttpService) -> None:
    async def gone(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    handler, far._handler = far._handler, gone
    assert (await api.request("GET", "/x", degraded=True)).origin == "stale"
    far._handler = handler


async def test_those_who_ask_the_same_at_once_share_a_request() -> None:
    """Also its failure; if the one who asks gives up, another one asks."""
    release = asyncio.Event()

    begun: asyncio.Queue[None] = asyncio.Queue()

    async def slow(_: web.Request) -> web.Response:
        begun.put_nowait(None)
        await release.wait()
        return web.Response(text="answer")

    async with far_side(slow) as far, prepared(far, Clock(), ttl="1m") as api:
        tasks = [asyncio.create_task(api.request("GET", "/x")) for _ in range(5)]
        await begun.get()
        tasks[0].cancel()
        await begun.get()
        release.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers[0], asyncio.CancelledError)
        assert [each.body for each in answers[1:]] == [b"answer"] * 4  # type: ignore[union-attr]
        assert len(far.seen) == 2


async def test_what_changes_something_forgets_what_was_kept() -> None:
    """Of the same URL, if it succeeded."""
    async with far_side() as far, prepared(far, Clock(), ttl="1m") as api:
        await api.request("GET", "/x")
        await api.request("POST", "/y", json={})
        assert (await api.request("GET", "/x")).origin == "cache"
        await api.request("PUT", "/x", json={})
        assert (await api.request("GET", "/x")).origin == "api"


async def test_who_keeps_answers_themselves_is_let_alone() -> None:
    """Conditional requests of a source, deliveries, and endpoints that aren't meant."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=304 if "if-none-match" in request.headers else 200, headers={"ETag": '"1"'})

    async with far_side(handler) as far, prepared(far, Clock(), ttl="1m", match=["/kept/*"]) as api:
        for _ in range(2):
            assert (await api.request("GET", "/kept/x", headers={"If-None-Match": '"1"'})).status == 304
            assert (await api.for_deliveries().request("GET", "/kept/x")).origin == "api"
            assert (await api.request("GET", "/other")).origin == "api"
        await api.request("GET", "/kept/x")
        assert (await api.request("GET", "/kept/x")).origin == "cache"


async def test_headers_that_an_answer_depends_on_are_compared() -> None:
    """By Vary."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["accept"], headers={"Vary": "Accept"})

    async with far_side(handler) as far, prepared(far, Clock(), ttl="1m") as api:
        for accept in ("text/a", "text/b"):
            answer = await api.request("GET", "/x", headers={"accept": accept})
            assert (answer.body, answer.origin) == (accept.encode(), "api")
        assert (await api.request("GET", "/x", headers={"accept": "text/b"})).origin == "cache"


def test_a_cache_is_only_made_where_one_is_declared() -> None:
    """What isn't declared costs nothing."""
    assert service("http://far").cache is None
    assert isinstance(service("http://far", cache={}).cache, ResponseCache)


async def test_who_is_called_off_with_those_that_they_wait_for_asks_no_more() -> None:
    """As at a stop: nobody takes the end of whom they wait for as a reason to go on."""
    asked = 0

    async def far(request: Request) -> Response:
        nonlocal asked
        asked += 1
        await asyncio.sleep(60)
        return Response(200, {}, b"", request.url)

    cache = ResponseCache(Cache(ttl="1m"))
    several = [asyncio.create_task(cache(Request("GET", URL("http://far/x")), far)) for _ in range(3)]
    await asyncio.sleep(0)
    for each in several:
        each.cancel()
    done, _ = await asyncio.wait(several, timeout=1)
    assert len(done) == 3
    assert asked == 1
