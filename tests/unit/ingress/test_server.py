"""The HTTP server: whole requests within limits, problems as documents, slow clients cut off."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from hub.ingress import Answer, HttpServer, Route
from hub.sdk import EnvironmentProblem, WebhookRequest


async def echo(request: WebhookRequest) -> Answer:
    if request.body == b"crash":
        raise ValueError("secret detail")
    return Answer.json(200, {"size": len(request.body), "query": request.query, "agent": request.headers["x-agent"]})


@asynccontextmanager
async def serving(deadline: float = 5.0, max_body: int = 1000, refusals: list | None = None):
    server = HttpServer("127.0.0.1", 0, name="ingress", deadline=deadline)
    server.add("/hook", Route(echo, max_body=max_body, on_refusal=None if refusals is None else refusals.append))
    await server.start()
    async with aiohttp.ClientSession(headers={"X-Agent": "test"}) as session:
        try:
            yield server, session
        finally:
            await server.stop()


async def test_a_handler_gets_the_whole_request():
    """Body, query and lower-case headers arrive; the answer goes back."""
    async with serving() as (server, session), session.post(f"{server.url}/hook?a=1", data=b"x" * 1000) as response:
        assert response.status == 200
        assert await response.json() == {"size": 1000, "query": "a=1", "agent": "test"}


async def test_chunked_bodies_are_put_together():
    """A body without a declared length is read to its end."""

    async def chunks():
        for _ in range(10):
            yield b"x" * 10

    async with serving() as (server, session), session.post(f"{server.url}/hook", data=chunks()) as response:
        assert (await response.json())["size"] == 100


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused(declared):
    """413 with the limit, whether the size was declared or found out; the refusal is reported."""

    async def chunks():
        for _ in range(11):
            yield b"x" * 100

    refusals: list[str] = []
    async with serving(refusals=refusals) as (server, session):
        body = b"x" * 1100 if declared else chunks()
        async with session.post(f"{server.url}/hook", data=body) as response:
            assert response.status == 413
            assert response.content_type == "application/problem+json"
            document = orjson.loads(await response.read())
    assert document["code"] == "body_too_large"
    assert "at most 1000 bytes" in document["detail"]
    assert refusals == ["body_too_large"]


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/nope", 404), ("GET", "/hook", 405)])
async def test_wrong_paths_and_methods_get_problem_documents(method, path, status):
    """What isn't served says so in RFC 9457's form."""
    async with serving() as (server, session), session.request(method, server.url + path) as response:
        assert response.status == status
        assert orjson.loads(await response.read())["status"] == status


async def test_a_failing_handler_tells_nothing_of_its_error():
    """500 with the trace id to search the log by, and no detail of the failure; the server goes on."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    async with serving() as (server, session):
        async with session.post(f"{server.url}/hook", data=b"crash", headers=headers) as response:
            assert response.status == 500
            document = orjson.loads(await response.read())
            assert document["trace_id"] == trace
            assert "secret" not in str(document)
        async with session.post(f"{server.url}/hook", data=b"fine") as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "sent", [b"", b"POST /hook HT", b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_a_client_that_dawdles_is_cut_off(sent):
    """Nothing, half the headers or half the body: the connection is closed after the deadline."""
    async with serving(deadline=0.2) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(sent)
        await writer.drain()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_an_idle_connection_is_kept_for_the_next_request():
    """The deadline is for requests, not for connections between them."""
    async with serving(deadline=0.2) as (server, session):
        for _ in range(2):
            async with session.post(f"{server.url}/hook", data=b"x") as response:
                assert response.status == 200
            await asyncio.sleep(0.4)
        assert len(session.connector._conns) == 1


async def test_a_taken_port_says_what_to_do():
    """An environment problem that names the address and the setting."""
    async with serving() as (server, _):
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(EnvironmentProblem, match=rf"127\.0\.0\.1:{port}.*HUB_INGRESS__PORT"):
            await HttpServer("127.0.0.1", port, name="ingress").start()


async def test_paths_of_one_form_share_a_route():
    """The handler gets what stands for the placeholders; an exact path goes before; other forms are not found."""

    async def form(_: WebhookRequest, *values: str) -> Answer:
        return Answer.json(200, values)

    async with serving() as (server, session):
        server.add_template("/units/{name}/{verb}", Route(form, frozenset({"GET"})))
        server.add("/units/a/exact", Route(form, frozenset({"GET"})))
        for path, status, values in (
            ("/units/a%20b/stop", 200, ["a b", "stop"]),
            ("/units/{name}/{verb}", 200, ["{name}", "{verb}"]),
            ("/units/a/exact", 200, []),
            ("/units//stop", 404, None),
            ("/units/a", 404, None),
            ("/units/a/stop/", 404, None),
        ):
            async with session.get(server.url + path) as response:
                assert (response.status, values and await response.json()) == (status, values)


async def test_it_says_whether_it_listens():
    """From its start to its stop."""
    server = HttpServer("127.0.0.1", 0)
    assert not server.listening
    await server.start()
    assert server.listening
    await server.stop()
    assert not server.listening


async def test_a_path_is_removed_only_by_who_serves_it():
    """Who has lost the path to another takes nothing away from it."""
    async with serving() as (server, session):
        old, new = Route(echo), Route(echo)
        server.add("/moved", old)
        server.add("/moved", new)
        for route, status in ((old, 200), (new, 404)):
            server.remove("/moved", route)
            async with session.post(f"{server.url}/moved", data=b"x") as response:
                assert response.status == status
