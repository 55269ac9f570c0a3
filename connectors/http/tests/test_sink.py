"""What the sink sends, and what it makes of a server's answers."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from connectors.http.tests.server import DeliveryFactory, ScriptedServer, SinkFactory, respond
from hub.sdk import Delivery, Event, Mapped, NotConnected, Permanent, Signal, Transient, WriteFailed

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def only_failure(tasks: object, batch: list[Delivery]) -> Signal:
    """The signal for a batch of one."""
    with pytest.raises(WriteFailed) as raised:
        await tasks.write(batch)  # type: ignore[attr-defined]
    ((index, signal),) = raised.value.failures.items()
    assert index == 0
    return signal


async def test_sends_the_event_as_it_is(sink: SinkFactory, server: ScriptedServer) -> None:
    """Without a mapping, the payload goes byte for byte as a CloudEvent in binary mode, with its trace."""
    event = Event.of(
        {
            "id": "1",
            "source": "/a",
            "type": "t.happened",
            "subject": 'Grüße, "100 %"',
            "datacontenttype": "application/vnd.x+json",
        },
        b'{ "as":  "it came" }',
        [("traceparent", TRACE.encode()), ("tracestate", b"a=1"), ("hub_origin", b"stays inside")],
    )
    announce = sink()
    await announce.open()
    assert await announce.write([Delivery(event, "k/1")]) == []
    (request,) = server.received
    assert (request.method, request.path, request.body) == ("POST", "/events", b'{ "as":  "it came" }')
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert {name: value for name, value in sent.items() if name not in ("host", "accept", "content-length")} == {
        "content-type": "application/vnd.x+json",
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/a",
        "ce-type": "t.happened",
        "ce-subject": "Gr%C3%BC%C3%9Fe,%20%22100%20%25%22",
        "traceparent": TRACE,
        "tracestate": "a=1",
        "idempotency-key": "k/1",
        "accept-encoding": "identity",
        "user-agent": "integration-hub",
    }


async def test_maps_every_part_of_the_request(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Method, URL, headers and a JSON body are computed for each event."""
    announce = sink(
        url=Mapped("= …", lambda event: f"{server.url}/items/{event.data['n']}?q=ä b"),
        method=Mapped("= …", lambda _: "put"),
        json=Mapped("= …", lambda event: {"text": event.data["n"]}),
        headers={
            "X-N": Mapped("= …", lambda event: event.data["n"]),
            "X-None": Mapped("= …", lambda _: None),
            "content-type": "application/merge-patch+json",
        },
        idempotency_header="X-Key",
    )
    await announce.open()
    await announce.write(deliveries(2))
    assert sorted((each.method, each.path, each.body) for each in server.received) == [
        ("PUT", "/items/0?q=%C3%A4+b", b'{"text":0}'),
        ("PUT", "/items/1?q=%C3%A4+b", b'{"text":1}'),
    ]
    request = next(each for each in server.received if "/items/1" in each.path)
    assert (request.headers["X-N"], request.headers["X-Key"]) == ("1", "key-1")
    assert request.headers.getall("Content-Type") == ["application/merge-patch+json"]
    assert "X-None" not in request.headers
    assert "ce-id" not in request.headers


async def test_sends_text(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """A text body is UTF-8 and says so; no key where none is wanted."""
    announce = sink(body="Grüße", idempotency_header=None)
    await announce.open()
    await announce.write(deliveries())
    (request,) = server.received
    assert (request.body, request.headers["Content-Type"]) == ("Grüße".encode(), "text/plain; charset=utf-8")
    assert "Idempotency-Key" not in request.headers


async def test_tombstone_has_no_body(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """A tombstone is a request without body and content type."""
    announce = sink(method="DELETE")
    await announce.open()
    await announce.write(deliveries(data=None))
    (request,) = server.received
    assert (request.method, request.body) == ("DELETE", b"")
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "t0k"}, "Authorization", "Bearer t0k"),
        ({"basic": {"username": "ü", "password": "p:w"}}, "Authorization", "Basic w7w6cDp3"),
        ({"headers": {"X-Api-Key": "s3c"}}, "X-Api-Key", "s3c"),
    ],
)
async def test_proves_who_it_is(
    sink: SinkFactory,
    server: ScriptedServer,
    deliveries: DeliveryFactory,
    auth: dict[str, object],
    header: str,
    value: str,
) -> None:
    """Each kind of credentials travels in its header."""
    announce = sink(auth=auth)
    await announce.open()
    await announce.write(deliveries())
    assert server.received[0].headers[header] == value


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, None) for status in (200, 201, 202, 204, 299)),
        *(
            (status, Permanent)
            for status in (300, 301, 303, 304, 307, 400, 401, 403, 404, 405, 410, 413, 422, 501, 505)
        ),
        *((status, Transient) for status in (408, 409, 423, 425, 500, 507, 520)),
        *((status, NotConnected) for status in (429, 502, 503, 504)),
    ],
)
async def test_status_decides(
    sink: SinkFactory,
    server: ScriptedServer,
    deliveries: DeliveryFactory,
    status: int,
    expected: type[Signal] | None,
) -> None:
    """2xx alone is success; what passes is transient; throttling and outages are waited for; the rest is permanent."""
    server.answer = respond(status)
    announce = sink()
    await announce.open()
    if expected is None:
        assert await announce.write(deliveries()) == []
    else:
        signal = await only_failure(announce, deliveries())
        assert (type(signal), signal.status) == (expected, status)


async def test_redirect_is_a_failure_and_not_followed(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A redirect could carry credentials to another host, or turn a POST into a GET."""
    server.answer = respond(302, Location="/elsewhere")
    announce = sink()
    await announce.open()
    signal = await only_failure(announce, deliveries())
    assert str(signal) == f"POST {server.url} answered 302 Found (redirects are not followed)"
    assert len(server.received) == 1


async def test_statuses_may_mean_something_else(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """The user's table comes first, a single status before its class."""
    announce = sink(statuses={409: "success", "404": "transient", "4xx": "wait", 500: "permanent"})
    await announce.open()
    found = {}
    for status in (409, 404, 403, 500):
        server.answer = respond(status)
        try:
            await announce.write(deliveries())
        except WriteFailed as failure:
            found[status] = type(failure.failures[0])
    assert found == {404: Transient, 403: NotConnected, 500: Permanent}


async def test_asked_for_wait_is_passed_on(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """`Retry-After` is honoured in both forms, a date by the server's own clock."""
    announce = sink()
    await announce.open()
    server.answer = respond(429, Retry_After="17")
    assert (await only_failure(announce, deliveries())).retry_after == 17
    server.answer = respond(503, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT", Date="Fri, 31 Dec 1999 23:58:59 GMT")
    assert (await only_failure(announce, deliveries())).retry_after == 60
    server.answer = respond(500, Retry_After="2")
    assert (await only_failure(announce, deliveries())).retry_after == 2


async def test_failures_are_reported_by_index(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """One delivery's outage, refusal or nonsense says nothing about the others of its batch."""

    async def answer(request: web.Request) -> web.StreamResponse:
        status = {0: 200, 1: 503, 2: 400, 4: 500}.get(json.loads(server.received[-1].body)["n"], 200)
        return web.Response(status=status)

    server.answer = answer
    announce = sink(url=Mapped("= …", lambda event: "no url" if event.data["n"] == 3 else f"{server.url}/"))
    await announce.open()
    with pytest.raises(WriteFailed) as raised:
        await announce.write(deliveries(6))
    found = {index: type(signal) for index, signal in raised.value.failures.items()}
    assert found == {1: NotConnected, 2: Permanent, 3: Permanent, 4: Transient}


async def test_batch_is_sent_at_once(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """All requests of a batch are under way together: none is answered before all have come."""
    together = asyncio.Barrier(50)

    async def answer(request: web.Request) -> web.StreamResponse:
        await together.wait()
        return web.Response()

    server.answer = answer
    announce = sink()
    await announce.open()
    await announce.write(deliveries(50))
    assert len(server.received) == 50


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("url", "ftp://host/", "url: expected an absolute URL"),
        ("url", "/relative", "url: expected an absolute URL"),
        ("url", "http://u:canary@host/", "url: expected a URL without user and password"),
        ("url", None, "url: expected text; got NoneType"),
        ("method", "GE T", "method: expected an HTTP method"),
        ("body", 7, "body: expected text; got int"),
        ("json", {1, 2}, "json: expected a value that JSON can hold"),
        ("headers", "a\r\nX-Injected: 1", "headers.X-A: expected a header's value without control characters"),
    ],
)
async def test_unusable_value_fails_only_its_event(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, field: str, value: object, says: str
) -> None:
    """A value that makes no request is permanent for its event alone, and not repeated where it may be a secret."""
    good = {"url": server.url, "method": "POST", "body": "", "json": {}, "headers": "x"}[field]
    mapped: object = Mapped("= …", lambda event: value if event.data["n"] == 1 else good)
    announce = sink(**{field: {"X-A": mapped} if field == "headers" else mapped})
    await announce.open()
    with pytest.raises(WriteFailed) as raised:
        await announce.write(deliveries(3))
    ((index, signal),) = raised.value.failures.items()
    assert (index, type(signal)) == (1, Permanent)
    assert str(signal).startswith(says)
    assert "canary" not in str(signal)
    assert len(server.received) == 2


async def test_answers_become_events(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """With a reply type each answer is an event of the same id at every attempt; answers travel beside failures."""

    async def answer(request: web.Request) -> web.StreamResponse:
        n = json.loads(server.received[-1].body)["n"]
        return web.json_response({"id": n * 10}, status=201) if n != 1 else web.Response(status=400)

    server.answer = answer
    announce = sink(reply_type="item.created")
    await announce.open()
    with pytest.raises(WriteFailed) as raised:
        await announce.write(deliveries(3))
    assert set(raised.value.failures) == {1}
    assert [reply.data for reply in raised.value.replies] == [
        {"status": 201, "body": {"id": 0}},
        {"status": 201, "body": {"id": 20}},
    ]
    (first, _) = raised.value.replies
    (again,) = await announce.write(deliveries(1))
    assert (first.type, first.id, first.attributes["causationid"]) == ("item.created", again.id, "e0")


@pytest.mark.parametrize(("text", "body"), [("", None), ("plain words", "plain words")])
async def test_answer_without_json_is_text_or_nothing(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, text: str, body: object
) -> None:
    """An answer need not be JSON."""
    server.answer = respond(200, text)
    announce = sink(reply_type="answered")
    await announce.open()
    (reply,) = await announce.write(deliveries())
    assert reply.data == {"status": 200, "body": body}


async def test_answer_too_long_for_an_event_is_said(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """An answer over the limit isn't cut in silence."""
    server.answer = respond(200, "x" * 101)
    announce = sink(reply_type="answered", max_response=100)
    await announce.open()
    signal = await only_failure(announce, deliveries())
    assert (type(signal), signal.status) == (Permanent, 200)
    assert "longer than `max_response`, 100 bytes" in str(signal)


async def test_closed_sink_is_an_outage(sink: SinkFactory, deliveries: DeliveryFactory) -> None:
    """Before `open` and after `close` nothing is lost."""
    announce = sink()
    assert type(await only_failure(announce, deliveries())) is NotConnected
    await announce.open()
    await announce.close()
    assert type(await only_failure(announce, deliveries())) is NotConnected


async def test_far_side_shows_no_more_than_the_host(sink: SinkFactory) -> None:
    """The path of a webhook's URL is often a secret."""
    assert sink(url="https://chat.example/services/canary?x=canary").far_side == "HTTP https://chat.example"
    assert sink(url=Mapped("= …", lambda _: "")).far_side == "HTTP, URL by event"


async def test_no_cookies_are_kept(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """One event's answer doesn't change another's request."""
    server.answer = respond(200, Set_Cookie="a=1")
    announce = sink()
    await announce.open()
    await announce.write(deliveries())
    await announce.write(deliveries())
    assert "Cookie" not in server.received[1].headers


async def test_environment_proxies_are_ignored(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the configured proxy counts."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    announce = sink()
    await announce.open()
    await announce.write(deliveries())
    through = sink(url="http://far.example/events?x=1", proxy=server.url)
    await through.open()
    await through.write(deliveries())
    assert server.received[1].headers["Host"] == "far.example"
