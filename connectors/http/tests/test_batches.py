"""Many events in one request, and requests through a service: what is sent, and what becomes of each event."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.http.config import HttpConfig
from connectors.http.sink import HttpSink
from connectors.http.streams import ApiConfig
from connectors.http.tests.server import DeliveryFactory, ScriptedServer, SinkFactory, respond
from hub.sdk import Delivery, Event, Mapped, NotConnected, Permanent, Signal, Transient, UnitContext, WriteFailed
from hub.services import HttpService

JSON = Mapped("= …", lambda event: event.data)


async def fates(sink: HttpSink, batch: Sequence[Delivery]) -> dict[int, type[Signal]]:
    """What became of each that failed."""
    try:
        await sink.write(batch)
    except WriteFailed as failed:
        return {index: type(signal) for index, signal in sorted(failed.failures.items())}
    return {}


async def test_events_without_a_mapping_go_as_a_batch_of_cloudevents(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """By the JSON format of CloudEvents: an array of events in structured mode."""
    together = sink(batch={"count": 10})
    await together.open()
    assert together.batch == 10
    await together.write(deliveries(3))
    (request,) = server.received
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json"
    sent = orjson.loads(request.body)
    assert [(each["id"], each["specversion"], each["data"]) for each in sent] == [
        ("e0", "1.0", {"n": 0}),
        ("e1", "1.0", {"n": 1}),
        ("e2", "1.0", {"n": 2}),
    ]


async def test_batches_are_cut_by_count_size_and_target(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Each request holds events of one URL, and no more than it may."""
    url = Mapped("= …", lambda event: f"{server.url}/{event.data['n'] % 2}")
    together = sink(url=url, json=JSON, batch={"count": 3, "size": "20B"})
    await together.open()
    await together.write(deliveries(10))
    sent = sorted((each.path, [item["n"] for item in orjson.loads(each.body)]) for each in server.received)
    assert sent == [
        ("/0", [0, 2]),
        ("/0", [4, 6]),
        ("/0", [8]),
        ("/1", [1, 3]),
        ("/1", [5, 7]),
        ("/1", [9]),
    ]


async def test_lines_and_envelopes(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """A list makes several lines, as bulk APIs want them; an array stands where the API looks for it."""
    lines = sink(
        json=Mapped("= …", lambda event: [{"index": {"_id": event.attributes["id"]}}, event.data]),
        batch={"format": "ndjson"},
        headers={"content-type": "application/x-ndjson; charset=utf-8"},
    )
    await lines.open()
    await lines.write(deliveries(2))
    inside = sink(json=JSON, batch={"within": "data.records", "envelope": {"data": {"kind": "n"}, "source": "hub"}})
    await inside.open()
    await inside.write(deliveries(2))
    plain = sink(batch={"format": "ndjson"})
    await plain.open()
    raw = Event.of({"id": "1", "source": "/a", "type": "t", "datacontenttype": "application/json"}, b'{\n "a": 1}')
    await plain.write([Delivery(raw, "k"), *deliveries(1)])
    first, second, third = server.received
    assert first.body == b'{"index":{"_id":"e0"}}\n{"n":0}\n{"index":{"_id":"e1"}}\n{"n":1}\n'
    assert first.headers.getall("Content-Type") == ["application/x-ndjson; charset=utf-8"]
    assert orjson.loads(second.body) == {"data": {"kind": "n", "records": [{"n": 0}, {"n": 1}]}, "source": "hub"}
    assert [orjson.loads(each)["id"] for each in third.body.splitlines()] == ["1", "e0"]


async def test_the_same_batch_has_the_same_key(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A repetition is known by it; another batch has another key."""
    together = sink(batch={})
    await together.open()
    for count in (2, 2, 3):
        await together.write(deliveries(count))
    keys = [each.headers["Idempotency-Key"] for each in server.received]
    assert keys[0] == keys[1] != keys[2]


def _bulk(statuses: list[int], status: int = 200) -> Any:
    items = [{"index": {"status": each, "error": {"reason": "bad"} if each >= 400 else None}} for each in statuses]
    return respond(status, orjson.dumps({"items": items}).decode(), Content_Type="application/json")


RESULTS = {"path": "items", "status": "*.status", "error": "*.error.reason"}


async def test_results_say_what_became_of_each(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Each result's status means what an answer's would; replies come of those that succeeded."""
    together = sink(json=JSON, batch={"results": RESULTS}, reply_type="indexed", statuses={409: "success"})
    await together.open()
    server.answer = _bulk([201, 400, 429, 500, 409])
    with pytest.raises(WriteFailed) as raised:
        await together.write(deliveries(5))
    failures = raised.value.failures
    assert {index: type(each) for index, each in failures.items()} == {1: Permanent, 2: NotConnected, 3: Transient}
    assert str(failures[1]).endswith("a result says 400: bad")
    assert failures[1].status == 400
    assert [(each.data["status"], each.data["body"]["index"]["status"]) for each in raised.value.replies] == [
        (201, 201),
        (409, 409),
    ]
    assert raised.value.replies[0].attributes["causationid"] == "e0"


async def test_a_list_of_failures_alone(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """Those that are not listed have succeeded."""
    together = sink(json=JSON, batch={"results": {"path": "errors", "index": "at", "error": "why"}})
    await together.open()
    server.answer = respond(207, '{"errors": [{"at": 1, "why": "no such field"}]}')
    assert await fates(together, deliveries(3)) == {1: Permanent}
    server.answer = respond(200, '{"errors": []}')
    assert await fates(together, deliveries(3)) == {}
    server.answer = respond(200, "{}")
    assert await fates(together, deliveries(3)) == {}
    server.answer = respond(200, '{"errors": [{"at": 3}]}')
    assert await fates(together, deliveries(3)) == {0: Transient, 1: Transient, 2: Transient}


@pytest.mark.parametrize("body", ["", "<html>", "{}", '{"items": []}', '{"items": [{}, {}]}'])
async def test_an_answer_that_does_not_say_is_no_success(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory, body: str
) -> None:
    """Results are missing, too few, or without a status: the events are sent again."""
    together = sink(json=JSON, batch={"results": RESULTS, "split": False})
    await together.open()
    server.answer = respond(200, body)
    assert await fates(together, deliveries(2)) == {0: Transient, 1: Transient}


async def test_a_batch_that_is_refused_is_halved_down_to_the_culprit(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """One bad event of sixteen fails alone, and the others arrive."""
    taken: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        numbers = [each["n"] for each in orjson.loads(await request.read())]
        if 11 in numbers:
            return web.json_response({"message": "11 is no good"}, status=422)
        taken.extend(numbers)
        return web.Response()

    server.answer = answer
    together = sink(json=JSON, batch={})
    await together.open()
    assert await fates(together, deliveries(16)) == {11: Permanent}
    assert sorted(taken) == [each for each in range(16) if each != 11]
    assert len(server.received) <= 9


@pytest.mark.parametrize(
    ("status", "expected", "requests"),
    [(401, Permanent, 1), (404, Permanent, 1), (503, NotConnected, 1), (429, NotConnected, 1)],
)
async def test_what_no_event_is_to_blame_for_is_not_halved(
    sink: SinkFactory,
    server: ScriptedServer,
    deliveries: DeliveryFactory,
    status: int,
    expected: type[Signal],
    requests: int,
) -> None:
    """Credentials, a missing endpoint and outages concern all."""
    server.answer = respond(status)
    together = sink(json=JSON, batch={})
    await together.open()
    assert await fates(together, deliveries(8)) == dict.fromkeys(range(8), expected)
    assert len(server.received) == requests


async def test_a_refusal_that_names_the_culprits_is_believed(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """With status 422 and results, those that are to blame fail for good and the others are sent again."""
    server.answer = respond(422, '{"errors": [{"at": 2, "why": "no"}]}')
    together = sink(json=JSON, batch={"results": {"path": "errors", "index": "at", "error": "why"}})
    await together.open()
    assert await fates(together, deliveries(3)) == {0: Transient, 1: Transient, 2: Permanent}
    assert len(server.received) == 1


async def test_an_event_that_cannot_be_mapped_fails_alone(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """The others of its batch go out."""
    headers = {"X-N": Mapped("= …", lambda event: "x" if event.data["n"] != 1 else "a\nb")}
    together = sink(json=JSON, batch={}, headers=headers)
    await together.open()
    assert await fates(together, deliveries(3)) == {1: Permanent}
    assert [orjson.loads(each.body) for each in server.received] == [[{"n": 0}, {"n": 2}]]


async def test_bodies_are_packed(sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory) -> None:
    """Where wanted, and where it is worth it; the server unpacks the same."""
    bodies: list[tuple[str | None, bytes]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bodies.append((request.headers.get("Content-Encoding"), await request.read()))
        return web.Response()

    server.answer = answer
    for data in ("a" * 10, "a" * 5000, "a" * 2_000_000):
        announce = sink(json=data, compression="gzip")
        await announce.open()
        await announce.write(deliveries())
    (small, first), (_, second), (_, third) = bodies
    assert (small, first) == (None, orjson.dumps("a" * 10))
    unpacked = [each if each.startswith(b'"') else gzip.decompress(each) for each in (second, third)]
    assert [len(each) for each in unpacked] == [5002, 2_000_002]
    assert [each.headers.get("Content-Encoding") for each in server.received] == [None, "gzip", "gzip"]


async def test_parameters_are_added_to_the_url(
    sink: SinkFactory, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Computed for each event, and encoded; null leaves one out."""
    params = {"n": Mapped("= …", lambda event: event.data["n"]), "q": "a b&c", "none": None, "yes": True}
    announce = sink(url=f"{server.url}/x?kept=1", params=params)
    await announce.open()
    await announce.write(deliveries())
    assert server.received[0].path == "/x?kept=1&n=0&q=a+b%26c&yes=true"


# Through a service


@pytest.fixture
async def service(server: ScriptedServer) -> AsyncIterator[HttpService]:
    config = ApiConfig.model_validate(
        {
            "base_url": f"{server.url}/api",
            "auth": {"token": "canary-token"},
            "retry": {"max_retries": 5},
            "cache": {"ttl": "1h"},
            "circuit_breaker": {"failure_threshold": 3, "breaker_timeout": "1h"},
        }
    )
    async with HttpService("far", config) as made:
        yield made


def through(service: HttpService, **settings: Any) -> HttpSink:
    config = HttpConfig.model_validate({"service": "far", **settings})
    return HttpSink(config, UnitContext("announce", "test", services={"far": service.for_deliveries()}))


async def test_requests_go_through_the_service(
    service: HttpService, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Signed and counted by it; path and parameters are computed."""
    path = Mapped("= …", lambda event: f"/items/{event.data['n']} ä?deep=1")
    announce = through(service, path=path, method="put", json=JSON, params={"x": "a/b"}, reply_type="done")
    server.answer = respond(201, '{"number": 7}')
    await announce.open()
    (reply,) = await announce.write(deliveries())
    assert reply.data == {"status": 201, "body": {"number": 7}}
    (request,) = server.received
    assert (request.method, request.path) == ("PUT", "/api/items/0%20%C3%A4?deep=1&x=a/b")
    assert request.headers["Authorization"] == "Bearer canary-token"
    assert request.headers["Idempotency-Key"] == "key-0"
    assert service.info().figures["requests"] == 1
    assert announce.far_side == "HTTP, service far"


@pytest.mark.parametrize(
    ("status", "statuses", "expected"),
    [
        (409, {}, Transient),
        (409, {409: "success"}, None),
        (404, {}, Permanent),
        (404, {404: "transient"}, Transient),
        (429, {}, NotConnected),
        (503, {}, NotConnected),
        (500, {}, Transient),
        (422, {"4xx": "wait"}, NotConnected),
        (204, {204: "permanent"}, Permanent),
    ],
)
async def test_statuses_mean_the_same_through_a_service(
    service: HttpService,
    server: ScriptedServer,
    deliveries: DeliveryFactory,
    status: int,
    statuses: Any,
    expected: type[Signal] | None,
) -> None:
    """The sink's table counts; nothing is tried again by the service."""
    server.answer = respond(status, "" if status == 204 else '{"message": "canary-token was bad"}')
    announce = through(service, json=JSON, statuses=statuses)
    found = await fates(announce, deliveries())
    assert found == ({} if expected is None else {0: expected})
    posts = [each for each in server.received if each.method == "POST"]
    assert len(posts) == 1


async def test_what_results_say_holds_no_secret_of_the_service(
    service: HttpService, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """A far side that repeats the token in a result doesn't get it into a dead letter."""
    server.answer = respond(200, '{"items": [{"x": {"status": 400, "error": {"reason": "who is canary-token?"}}}]}')
    together = through(service, json=JSON, batch={"results": RESULTS})
    with pytest.raises(WriteFailed) as raised:
        await together.write(deliveries(1))
    assert "canary-token" not in str(raised.value.failures[0])
    assert "who is" in str(raised.value.failures[0])


@pytest.mark.parametrize("path", ["elsewhere", "//evil.example/x", "/a/../b", "/a/%2e%2e/b", "/a#b", "/a\nb"])
async def test_a_computed_path_stays_below_the_base(
    service: HttpService, server: ScriptedServer, deliveries: DeliveryFactory, path: str
) -> None:
    """An event can't lead a request elsewhere at the service's origin, or to another one."""
    announce = through(service, path=Mapped("= …", lambda _: path))
    assert await fates(announce, deliveries()) == {0: Permanent}
    assert server.received == []


async def test_an_open_circuit_holds_deliveries_back(
    service: HttpService, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Once the API has failed too often nothing is sent, and nothing is dead-lettered."""
    server.answer = respond(500)
    announce = through(service, json=JSON)
    for _ in range(3):
        await fates(announce, deliveries())
    sent = len(server.received)
    (refused,) = (await fates(announce, deliveries())).values()
    assert issubclass(refused, NotConnected)
    assert len(server.received) == sent


async def test_large_bodies_go_through_a_service(
    service: HttpService, server: ScriptedServer, deliveries: DeliveryFactory
) -> None:
    """Several megabytes are sent in pieces."""
    announce = through(service)
    await announce.write(deliveries(data="x" * 5_000_000))
    assert len(server.received[0].body) == 5_000_002


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "expected `url`, or `service` with `path`"),
        ({"url": "https://h/", "service": "far"}, "expected `url`, or `service` with `path`"),
        ({"url": "https://h/", "path": "/x"}, "`path` goes with `service`"),
        ({"service": "far", "auth": {"bearer": "canary"}}, "`auth` is the service's own matter"),
        ({"service": "far", "path": "x"}, "expected a path that begins with one `/`"),
        ({"url": "https://h/", "batch": {}, "body": "x"}, "`body` is text for one event"),
        ({"url": "https://h/", "batch": {}, "reply_type": "x"}, "`reply_type` of a batch needs `results`"),
        ({"url": "https://h/", "batch": {"results": {"path": "x"}}}, "expected `status` or `error`, or `index`"),
        ({"url": "https://h/", "batch": {"envelope": {"a": 1}}}, "expected `within` beside `envelope`"),
        ({"url": "https://h/", "batch": {"format": "ndjson", "within": "a"}}, "`within` is for the format array"),
        ({"url": "https://h/", "batch": {"count": 1}}, "greater than or equal to 2"),
    ],
)
def test_what_does_not_go_together_is_explained(fields: dict[str, Any], says: str) -> None:
    """Each contradiction says what to do."""
    with pytest.raises(ValidationError) as raised:
        HttpConfig.model_validate(fields)
    assert says in str(raised.value)
    assert "canary" not in str(raised.value)
