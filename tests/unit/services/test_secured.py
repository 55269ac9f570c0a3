"""Services over TLS, with a server that wants to know who asks."""

import ssl

import pytest
from aiohttp import web

from hub.sdk import NotConnected, Permanent
from hub.testing.certificates import AUTHORITY, CLIENT, SERVER
from tests.unit.services.far_side import far_side, service


def strict() -> ssl.SSLContext:
    """Of a server that only talks to who shows a certificate of our authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=AUTHORITY)
    context.load_cert_chain(SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_certificate_is_shown_to_who_asks_for_one() -> None:
    """Both sides have proved who they are then."""

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        subject = dict(each[0] for each in request.transport.get_extra_info("peercert")["subject"])
        return web.Response(text=subject["commonName"])

    tls = {"ca_file": AUTHORITY, "cert_file": CLIENT}
    async with far_side(handler, strict()) as far, service(far, tls=tls) as api:
        assert (await api.request("GET", "/x")).body == b"integration-hub test client"
        assert (await api.health()).healthy


async def test_without_a_certificate_or_trust_nothing_is_sent() -> None:
    """An outage, as certificates are renewed; a file that isn't there is for good."""
    async with far_side(None, strict()) as far:
        async with service(far, tls={"cert_file": CLIENT}) as api:
            with pytest.raises(NotConnected):
                await api.request("GET", "/x")
            assert not (await api.health()).healthy
        async with service(far, tls={"ca_file": AUTHORITY, "cert_file": "/nowhere.pem"}) as api:
            with pytest.raises(Permanent, match=r"nowhere\.pem"):
                await api.request("GET", "/x")
        assert not far.seen
