"""What the sink makes of servers that are down, hang, break off or talk nonsense."""

from __future__ import annotations

import asyncio
import gzip
import time
import traceback
from collections.abc import Callable

import pytest
from aiohttp import web

from connectors.http.tests.server import DeliveryFactory, ScriptedServer, SinkFactory, fate, raw, reset, respond
from hub.process import free_ports
from hub.sdk import Mapped, NotConnected, Permanent, Transient


async def test_refused_connection_is_an_outage(sink: SinkFactory, deliveries: DeliveryFactory) -> None:
    """Nobody listens: no retry is used up."""
    (port,) = free_ports(1)
    announce = sink(url=f"http://127.0.0.1:{port}/path/canary")
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is NotConnected
    assert str(signal) == f"POST http://127.0.0.1:{port}: no connection: Connect call failed ('127.0.0.1', {port})"


async def test_unknown_host_is_an_outage_unless_an_event_named_it(
    sink: SinkFactory, deliveries: DeliveryFactory
) -> None:
    """A fixed host that nobody knows is a matter of the network; one that an event names may be that event's fault."""
    fixed, computed = sink(url="http://no.such.invalid/"), sink(url=Mapped("= …", lambda _: "http://no.such.invalid/"))
    await fixed.open()
    await computed.open()
    assert type(await fate(fixed, deliveries())) is NotConnected
    assert type(await fate(computed, deliveries())) in (Transient, NotConnected)


async def test_server_that_never_answers_is_transient(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """The request may have been done: the next attempt carries the same key."""
    server.answer = server.hang
    announce = sink(timeout="200ms")
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is Transient
    assert str(signal) == f"POST {server.url}: no answer within 0.2 s"
    server.answer = respond(200)
    assert await fate(announce, deliveries()) is None
    assert [each.headers["Idempotency-Key"] for each in server.received] == ["key-0", "key-0"]


async def test_server_that_does_not_accept_is_an_outage(sink: SinkFactory, deliveries: DeliveryFactory) -> None:
    """A connection that isn't made within its time is an outage, although the whole time isn't up."""
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    async with silent:  # so that the TLS handshake hangs
        port = silent.sockets[0].getsockname()[1]
        announce = sink(url=f"https://127.0.0.1:{port}/", connect_timeout="100ms")
        await announce.open()
        signal = await fate(announce, deliveries())
        assert type(signal) is NotConnected
        assert "no connection: timed out" in str(signal)
        for writer in held:
            writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad\x00Header: x\r\n\r\n",
    ],
)
async def test_broken_answer_is_transient(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, data: bytes
) -> None:
    """Without a complete status and headers nobody knows whether the request was done."""
    server.answer = raw(data)
    announce = sink()
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is Transient
    assert "the connection broke" in str(signal)


async def test_reset_is_transient(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """So is a connection that is reset."""
    server.answer = reset
    announce = sink()
    await announce.open()
    assert type(await fate(announce, deliveries())) is Transient


async def test_half_a_body_after_success_is_success(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """The status has said it; but where the answer is wanted, it is asked for again with the same key."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    server.answer = raw(half)
    announce, asking = sink(), sink(reply_type="answered")
    await announce.open()
    await asking.open()
    assert await fate(announce, deliveries()) is None
    assert type(await fate(asking, deliveries())) is Transient


async def test_half_a_body_after_a_failure_is_that_failure(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """What came of the body is shown."""
    server.answer = raw(b"HTTP/1.1 422 Nope\r\nContent-Length: 100\r\n\r\nno such channel")
    announce = sink()
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is Permanent
    assert str(signal) == f"POST {server.url} answered 422 Unprocessable Entity: no such channel"


async def test_endless_body_does_not_hold_a_success_up(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A body that nobody needs and that doesn't end is left after a second, long before the time is up."""
    server.answer = server.trickle
    announce = sink(timeout="60s")
    await announce.open()
    began = time.monotonic()
    assert await fate(announce, deliveries()) is None
    assert time.monotonic() - began < 10


async def test_huge_body_is_read_no_further_than_needed(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A server that never stops talking fills neither the memory nor the error message."""
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        try:
            while sent < 2**30:
                await response.write(b"x" * 2**16)
                sent += 2**16
        except ConnectionError:
            pass
        return response

    server.answer = answer
    announce = sink()
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is Permanent
    assert len(str(signal)) < 600
    assert sent < 2**26


async def test_compressed_bomb_does_not_explode(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """An answer that is compressed although we asked for none is read, but no further than needed."""
    bomb = gzip.compress(b"x" * 2**26)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    server.answer = answer
    announce = sink(reply_type="answered", max_response="1MiB")
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is Permanent
    assert "longer than `max_response`" in str(signal)


async def test_large_payload_arrives_whole(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A payload of several MB is sent in pieces, so that the other requests go on meanwhile."""
    announce = sink()
    await announce.open()
    await announce.write(deliveries(2, data="x" * 5_000_000))
    assert [len(each.body) for each in server.received] == [5_000_002, 5_000_002]
    assert {each.headers["Content-Length"] for each in server.received} == {"5000002"}


async def test_excerpt_is_one_clean_line(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Line breaks, terminal codes and reversed text of a far side don't get into logs; long text is cut."""
    server.answer = respond(400, "<h1>Bad\r\n\x1b[31mred\u202e thing\x00</h1>" + "y" * 1000)
    announce = sink()
    await announce.open()
    text = str(await fate(announce, deliveries()))
    assert "<h1>Bad [31mred thing </h1>yyy" in text
    assert text.isprintable()
    assert len(text) < 600


@pytest.mark.parametrize("charset", ["latin-1", "utf-8", "no-such-charset"])
async def test_excerpt_survives_any_charset(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, charset: str
) -> None:
    """A body in a charset that it isn't in, or that doesn't exist, is still shown as well as can be."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = "Grüße".encode("latin-1")
        return web.Response(status=400, body=body, headers={"Content-Type": f"text/plain; charset={charset}"})

    server.answer = answer
    announce = sink()
    await announce.open()
    assert str(await fate(announce, deliveries())).endswith("Grüße" if charset == "latin-1" else "Gr e")


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": "canary-1b7e"},
        {"basic": {"username": "u", "password": "canary-1b7e"}},
        {"headers": {"X-Key": "canary-1b7e"}},
    ],
)
async def test_secrets_are_never_shown(
    sink: SinkFactory,
    server: ScriptedServer,
    deliveries: DeliveryFactory,
    caplog: pytest.LogCaptureFixture,
    auth: dict[str, object],
) -> None:
    """A server that repeats all of the request in its answer makes no secret appear anywhere."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text=f"{request.path_qs} {dict(request.headers)} {request.path}")

    caplog.set_level("DEBUG")
    server.answer = answer
    announce = sink(
        url=f"{server.url}/services/canary-T0000000000000?key=canary-1b7e-long-enough",
        auth=auth,
        headers={"X-Session-Token": "canary-2c8f"},
    )
    await announce.open()
    refused = await fate(announce, deliveries())
    await server.stop()
    down = await fate(announce, deliveries())
    assert type(refused) is Permanent
    assert type(down) in (NotConnected, Transient)
    traces = ["".join(traceback.format_exception(each)) for each in (refused, down)]  # dead letters carry them
    shown = [*traces, repr(announce.config.auth), announce.far_side, caplog.text]
    assert not [text for text in shown if "canary" in text or "Y2FuYXJ5" in text]
    assert "***" in str(refused)


async def test_server_that_is_restarted_gets_everything(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Kept connections of a server that has gone are no trouble once it is back at the same place."""
    announce = sink()
    await announce.open()
    await announce.write(deliveries(3))
    port = int(server.url.rpartition(":")[2])
    await server.stop()
    assert type(await fate(announce, deliveries())) in (NotConnected, Transient)
    again = ScriptedServer(port)
    await again.start()
    try:
        assert await announce.write(deliveries(3)) == []
        assert len(again.received) == 3
    finally:
        await again.stop()


async def test_cancelled_write_is_cancelled(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """The engine's cancellation isn't a failure, and the sink works on."""
    server.answer = server.hang
    announce = sink()
    await announce.open()
    writing = asyncio.create_task(announce.write(deliveries(3)))
    await until(lambda: len(server.received) == 3)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    server.answer = respond(200)
    assert await announce.write(deliveries()) == []


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition, at most five seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the server knows no event
            await asyncio.sleep(0.01)
