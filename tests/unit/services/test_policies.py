"""What services do beside limiting, retrying and keeping: stand-ins, servers, streams, accounts, TLS."""

import asyncio
import gzip
from typing import Any

import pytest
from aiohttp import web

from hub.sdk import NotConnected, Permanent, ServiceConfig, Transient
from hub.services import HttpService
from tests.unit.services.far_side import FarSide, far_side, service


async def test_a_fixed_answer_takes_the_place_of_one_that_nobody_gives() -> None:
    """For look-ups only, marked and counted; a refusal is an answer."""
    fallback = [{"match": "GET /rates/*", "value": {"eur": 1}}]
    async with far_side() as far, service(far, fallback=fallback) as api:
        assert (await api.request("GET", "/rates/eur", degraded=True)).origin == "api"
        far.then(500)
        answer = await api.request("GET", "/rates/eur", degraded=True)
        assert (answer.json(), answer.origin, answer.marks) == ({"eur": 1}, "fallback", {"hubdegraded": "fallback"})
        for method, path in (("POST", "/rates/eur"), ("GET", "/other")):
            far.then(500)
            with pytest.raises(Transient):
                await api.request(method, path, degraded=True)
        far.then(404)
        with pytest.raises(Permanent):
            await api.request("GET", "/rates/eur", degraded=True)
        far.then(500)
        with pytest.raises(Transient):
            await api.for_deliveries().request("GET", "/rates/eur", degraded=True)
        far.then(500)
        with pytest.raises(Transient):
            await api.request("GET", "/rates/eur")
        assert api.info().figures["fallbacks"] == {"value": 1}


async def test_another_service_is_asked_in_place_of_one_that_is_down() -> None:
    """With its own credentials and policies; services that fall back to each other don't go round for ever."""
    async with far_side() as first, far_side() as second:
        services: dict[str, HttpService] = {}

        def made(name: str, far: FarSide, other: str, **more: Any) -> None:
            config = ServiceConfig(base_url=far.url + f"/{name}", fallback=[{"service": other}], **more)
            services[name] = HttpService(name, config, services=services.__getitem__)

        made("one", first, "two", auth={"token": "ours"})
        made("two", second, "one")
        first.then(500)
        headers = {"accept": "text/x", "x-secret": "s"}
        answer = await services["one"].request("GET", "/a", params={"q": "x y"}, headers=headers, degraded=True)
        assert answer.origin == "fallback"
        seen = second.seen[0]
        assert (seen.path_qs, seen.headers["accept"]) == ("/two/a?q=x+y", "text/x")
        assert not {"authorization", "x-secret"} & {each.lower() for each in seen.headers}
        first.then(*[500] * 9)
        second.then(*[500] * 9)
        with pytest.raises(Transient):
            await services["one"].request("GET", "/a", degraded=True)
        assert len(first.seen) + len(second.seen) < 10
        for each in services.values():
            await each.close()


async def test_requests_go_to_the_servers_that_are_up() -> None:
    """By turns; to the next one at once where nobody can be connected to; a server that is back is used again."""
    async with far_side() as first, far_side() as second:
        policies = {
            "endpoints": {"urls": [second.url], "failures": 2},
            "health": {"interval": "500ms", "path": "/health"},
        }
        async with service(first, **policies) as api:
            for _ in range(4):
                await api.request("GET", "/x")
            assert (len(first.seen), len(second.seen)) == (2, 2)
            first.then(500, 500)
            for _ in range(4):
                try:
                    await api.request("GET", "/x")
                except Transient:
                    continue
            assert api.info().address == {first.url: False, second.url: True}
            before = len(first.seen)
            for _ in range(3):
                assert (await api.request("GET", "/x")).status == 200
            assert len(first.seen) == before
            async with asyncio.timeout(5):
                while not api.info().address[first.url]:
                    await api.request("GET", "/x")
                    await asyncio.sleep(0.01)
            assert any(each.path == "/health" for each in first.seen)


async def test_a_server_that_is_gone_costs_no_request() -> None:
    """Nothing was sent to it, so that the next one gets the request, whatever its method."""
    async with far_side() as gone:
        url = gone.url
    async with far_side() as far, service(url, endpoints={"urls": [far.url + "/v2"], "choose": "first"}) as api:
        for _ in range(4):
            assert (await api.request("POST", "/x", params={"a": "b c"}, json={})).status == 200
        assert far.seen[0].path_qs == "/v2/x?a=b+c"
        assert api.info().address[url] is False
    async with service(url, endpoints={"urls": [url.replace("127.0.0.1", "localhost")]}) as api:
        with pytest.raises(NotConnected):
            await api.request("GET", "/x")


async def test_a_redirect_between_our_servers_is_followed() -> None:
    """They have the same credentials."""
    async with far_side() as first, far_side() as second:

        async def handler(request: web.Request) -> web.Response:
            if request.path == "/old":
                raise web.HTTPMovedPermanently(second.url + "/new")
            return web.Response(text=request.path)

        first._handler = second._handler = handler
        async with service(first, endpoints={"urls": [second.url]}) as api:
            assert (await api.request("GET", "/old")).body == b"/new"


async def test_a_large_answer_is_read_in_pieces() -> None:
    """While the far side waits for who reads; its failures are those of other requests."""
    written = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal written
        if request.path == "/none":
            return web.Response(status=503)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(2000):
                await response.write(b"x" * 65536)
                written += 65536
        except ConnectionError:
            return response
        return response

    async with far_side(handler) as far, service(far, cache={"ttl": "1m"}, timeout={"total": "30s"}) as api:
        read = 0
        async with api.stream("GET", "/large") as answer:
            async for chunk in answer.chunks():
                read += len(chunk)
                if read > 1_000_000:
                    break
        assert written < 60_000_000
        with pytest.raises(NotConnected):
            async with api.stream("GET", "/none"):
                pass


async def test_what_answers_cost_is_added_up() -> None:
    """By header or by a place in the body, with a price where the API names none."""

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/text":
            return web.Response(text="no JSON")
        return web.json_response({"usage": {"total_tokens": 500, "cached": True}}, headers={"X-Cost": "0.25"})

    async with far_side(handler) as far:
        async with service(far, usage={"tokens": "usage.total_tokens", "price": 2.0}) as api:
            for path in ("/json", "/json", "/text"):
                await api.request("GET", path)
            figures = api.info().figures
            assert (figures["tokens"], figures["cost"]) == (1000, 2.0)
        async with service(far, usage={"tokens": "usage.cached", "cost": "x-cost"}) as api:
            await api.request("GET", "/json")
            figures = api.info().figures
            assert (figures["tokens"], figures["cost"]) == (0, 0.25)


async def test_a_service_says_how_it_fares() -> None:
    """Requests, latencies, errors, availability; a refused request is an error, but no outage."""
    async with far_side() as far, service(far) as api:
        far.then(200, 200, 404, 500)
        for _ in range(4):
            try:
                await api.request("PUT", "/x", body=b"12345")
            except (Permanent, Transient):
                continue
        figures = api.info().figures
        assert (figures["requests"], figures["error_rate"], figures["availability"]) == (4, 0.5, 0.75)
        assert sum(figures["latency_buckets"]["counts"]) == 4
        assert figures["bytes_sent"] == 20
        assert figures["pending"] == 0


async def test_a_packed_answer_is_unpacked_and_bounded_for_streams_too() -> None:
    """The reader sees what was packed."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"y" * 200_000), headers={"Content-Encoding": "gzip"})

    async with far_side(handler) as far, service(far) as api, api.stream("GET", "/x") as answer:
        chunks = [each async for each in answer.chunks(10_000)]
        assert b"".join(chunks) == b"y" * 200_000
        assert max(map(len, chunks)) <= 10_000


async def test_an_answer_that_stands_in_is_the_apis_own_to_those_who_asked_that_api() -> None:
    """Also where both have shared one request."""
    release = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await release.wait()
        return web.json_response([])

    async with far_side(slow) as far, service(far, cache={"ttl": "1m"}) as second:
        config = ServiceConfig(base_url="http://127.0.0.1:1", fallback=[{"service": "second"}])
        async with HttpService("first", config, services={"second": second}.__getitem__) as first:
            several = [asyncio.create_task(each.request("GET", "/x", degraded=True)) for each in (second, first)]
            while second.cache is not None and not any(second.cache._under_way.values()):  # noqa: ASYNC110  no event
                await asyncio.sleep(0.01)
            release.set()
            assert [each.origin for each in await asyncio.gather(*several)] == ["api", "fallback"]
            assert len(far.seen) == 1


async def test_an_unchanged_answer_to_a_conditional_stream_has_no_body() -> None:
    """Whoever asks so hears that it hasn't changed; asked without a condition, it makes no sense."""

    async def unchanged(_: web.Request) -> web.Response:
        return web.Response(status=304, headers={"ETag": '"1"'})

    async with far_side(unchanged) as far, service(far, pool={"connections": 1}) as api, asyncio.timeout(5):
        with pytest.raises(Permanent):
            async with api.stream("GET", "/x"):
                pass
        async with api.stream("GET", "/x", headers={"If-None-Match": '"1"'}) as answer:
            assert (answer.status, [chunk async for chunk in answer.chunks()]) == (304, [])


async def test_an_attempt_that_nobody_waited_for_is_counted() -> None:
    """Otherwise an API that hangs would look as if nobody had asked it."""

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with far_side(hang) as far, service(far) as api:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await api.request("GET", "/x")
        figures = api.info().figures
        assert (figures["requests"], figures["pending"], figures["failures"]) == (1, 0, {"GivenUp": 1})
