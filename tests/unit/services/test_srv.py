"""Servers that DNS names, on a name server of our own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import dns.asyncresolver
import dns.message
import dns.rrset
import pytest
from yarl import URL

from hub.sdk import NotConnected, Response
from hub.sdk.policies import Endpoints
from hub.services.endpoints import Balancer, Record, srv_records
from hub.services.request import Request
from tests.unit.services.far_side import Clock, far_side, service

NAME = "_api._tcp.example.com"


class NameServer(asyncio.DatagramProtocol):
    """Answers each question with the records that it holds."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.asked = 0

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        if self.records:
            answer.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "SRV", *self.records))
        else:
            answer.set_rcode(3)
        self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """A name server that the resolver asks."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
    try:
        yield protocol
    finally:
        transport.close()
        await asyncio.sleep(0)


async def test_requests_go_to_the_servers_that_dns_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of their priority; DNS is asked anew from time to time; what it has named stays if it is gone."""
    async with name_server(monkeypatch) as names, far_side() as first, far_side() as second:
        ports = [urlsplit(each.url).port for each in (first, second)]
        names.records = [f"1 1 {ports[0]} localhost.", f"2 1 {ports[1]} localhost."]
        assert await srv_records(NAME) == [Record("localhost", each, order, 1) for order, each in enumerate(ports, 1)]
        endpoints = {"srv": NAME, "refresh": "50ms", "failures": 1}
        async with service("http://api.example.com/v1", endpoints=endpoints) as api:
            for _ in range(3):
                await api.request("GET", "/x")
            assert [each.path for each in first.seen] == ["/v1/x"] * 3
            first.then(500)
            with pytest.raises(Exception, match="500"):
                await api.request("GET", "/x")
            await api.request("GET", "/x")
            assert len(second.seen) == 1
            names.records = []
            await asyncio.sleep(0.06)
            await api.request("GET", "/x")
            assert len(second.seen) == 2
            names.records = [f"1 1 {ports[1]} localhost."]
            await asyncio.sleep(0.06)
            await api.request("GET", "/x")
            assert api.info().address == {f"http://localhost:{ports[1]}": True}


async def test_where_dns_names_nobody_the_api_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may pass."""
    async with name_server(monkeypatch), service("http://far.example.com", endpoints={"srv": NAME}) as api:
        with pytest.raises(NotConnected, match="NXDOMAIN"):
            await api.request("GET", "/x")


async def test_what_dns_says_of_a_server_anew_counts() -> None:
    """Its priority and weight, while it is known."""
    records = [Record("a", 80, 0, 1), Record("b", 80, 0, 1)]
    clock = Clock()

    async def lookup(_: str) -> list[Record]:
        return records

    async def check(_: URL) -> bool:
        return True

    async def far(request: Request, to: list[str | None]) -> Response:
        to.append(request.url.host)
        return Response(200, {}, b"", request.url)

    api = URL("http://api")
    balancer = Balancer(api, Endpoints(srv=NAME, refresh="1m"), check, 1.0, lookup, clock)
    await balancer(Request("GET", api), lambda request: far(request, []))
    records[:] = [Record("a", 80, 5, 3), Record("b", 80, 1, 0)]
    clock.now += 60
    sent: list[str | None] = []
    await balancer(Request("GET", api), lambda request: far(request, sent))
    assert sent == ["b"]
    assert [(each.priority, each.weight) for each in balancer.servers] == [(5, 3), (1, 1)]
