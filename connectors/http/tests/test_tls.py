"""Over TLS, with a server whose certificate for 127.0.0.1 comes from an authority of its own."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from connectors.http.tests.server import DeliveryFactory, ScriptedServer, SinkFactory, fate
from hub.sdk import NotConnected, Permanent
from hub.testing.certificates import AUTHORITY, CLIENT, SERVER


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=AUTHORITY)
    context.load_cert_chain(SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    await server.start(ssl=context)
    yield server
    await server.stop()


async def test_unknown_authority_is_waited_for(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A certificate that can't be trusted stops everything and loses nothing, until somebody renews it."""
    announce = sink()
    await announce.open()
    signal = await fate(announce, deliveries())
    assert type(signal) is NotConnected
    assert "certificate refused: " in str(signal)
    assert not server.received


@pytest.mark.parametrize("tls", [{"ca_file": AUTHORITY}, {"verify": False}])
async def test_trusted_authority_or_none_at_all(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, tls: dict[str, object]
) -> None:
    """With the authority's file, or without verification, the request arrives."""
    announce = sink(tls=tls)
    await announce.open()
    assert await fate(announce, deliveries()) is None


async def test_client_certificate_is_shown(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """The server sees our certificate."""
    seen: list[object] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        seen.append(request.transport.get_extra_info("peercert")["subject"])
        return web.Response()

    server.answer = answer
    files = {"ca_file": AUTHORITY, "cert_file": CLIENT}
    announce = sink(tls=files)
    await announce.open()
    assert await fate(announce, deliveries()) is None
    assert seen == [((("commonName", "integration-hub test client"),),)]


async def test_missing_file_is_permanent(sink: SinkFactory) -> None:
    """A file that isn't there stops the sink when it opens."""
    with pytest.raises(Permanent, match="expected readable PEM files"):
        await sink(tls={"ca_file": "nowhere.pem"}).open()


async def test_plain_server_behind_https_is_waited_for(sink: SinkFactory, deliveries: DeliveryFactory) -> None:
    """A server that answers the handshake with something else is waited for."""
    plain = ScriptedServer()
    await plain.start()
    announce = sink(url=plain.url.replace("http:", "https:"))
    await announce.open()
    assert type(await fate(announce, deliveries())) is NotConnected
    await plain.stop()
