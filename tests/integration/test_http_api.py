"""An API of somebody else (json-server), read and written by a schema file alone: on the real Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http import connector
from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka.specs import TopicSpec
from hub.kafka.topics import ensure_topics
from hub.testing.jsonserver import PrivateApi
from tests.integration.engine import event, publish, records, settled, until

DEPLOYMENT = """
deployment: {name}
services:
  shop:
    use: http
    with: {{ base_url: "{url}" }}
    rate_limit: {{}}
    circuit_breaker: {{ failure_threshold: 3, breaker_timeout: 300ms, success_threshold: 1 }}
    timeout: {{ total: 5s }}
sources:
  shop:
    use: http
    every: 100ms
    with:
      service: shop
      paginator: {{ type: link }}
      streams:
        orders:
          path: /orders
          type: {name}.order
          params: {{ _sort: at, _order: asc, _page: 1, _limit: 4 }}
          primary_key: id
          partition_key: customer
          incremental: {{ cursor_field: at, start_parameter: at_gte }}
        customers: {{ path: /customers, type: {name}.customer, primary_key: id, deletes: true }}
        lines:
          path: "/orders/{{parent.id}}/lines"
          type: {name}.line
          primary_key: id
          for_each: {{ stream: orders, copy: {{ customer: customer }} }}
events:
  {name}.order:
    schema:
      type: object
      required: [id, at, total]
      properties:
        id: {{ type: integer }}
        at: {{ type: string }}
        total: {{ type: number }}
        customer: {{ type: string }}
topics:
  {name}.copied: {{}}
routes:
  large: {{ from: {name}.order, where: data.total > 100, start: earliest, to: copies }}
sinks:
  copies:
    use: http
    with:
      service: shop
      path: /copies
      json: {{ order: = data.id, customer: = data.customer }}
      reply_type: {name}.copy
    reply: {name}.copied
"""


def order(number: int, minute: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "at": f"2026-11-20T10:{minute:02}:00Z",
        "total": 200 if number % 2 else 50,
        "customer": f"c{number % 3}",
        **more,
    }


@pytest.fixture
async def shop() -> AsyncIterator[PrivateApi]:
    """An API with ten orders, two of which changed in each minute."""
    lists = {
        "orders": [order(number, number // 2) for number in range(1, 11)],
        "lines": [{"id": 1, "orderId": 1, "what": "tea"}, {"id": 2, "orderId": 7, "what": "jam"}],
        "customers": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
        "copies": [],
    }
    api = PrivateApi(lists)
    await api.start()
    yield api
    api.close()


async def copies(shop: PrivateApi) -> list[int]:
    """The orders that were copied."""
    async with aiohttp.ClientSession() as session, session.get(f"{shop.url}/copies") as answer:
        return sorted(each["order"] for each in await answer.json())


async def change(shop: PrivateApi, method: str, path: str, record: dict[str, Any] | None = None) -> None:
    """Changes what the API holds, as its own users would."""
    async with aiohttp.ClientSession() as session, session.request(method, shop.url + path, json=record) as answer:
        assert answer.status < 300, await answer.text()


async def test_an_api_is_read_and_written_by_a_schema_file_alone(tmp_path: Path, kafka, unique, shop: PrivateApi):
    """Lists, changes, deletions and children come in once each, over an outage too; what a route chooses goes out."""
    (tmp_path / "hub.yaml").write_text(DEPLOYMENT.format(name=unique, url=shop.url))
    deployment = load(tmp_path, registry=Registry([connector]))
    runtime = Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        await until(lambda: _has(shop, [1, 3, 5, 7, 9]), "the first copies")
        await change(shop, "POST", "/orders", order(11, 40))
        await change(shop, "PATCH", "/orders/2", {"at": "2026-11-20T10:40:00Z", "total": 300})
        await until(lambda: _has(shop, [1, 2, 3, 5, 7, 9, 11]), "copies of what has changed")
        await until(lambda: _kept(shop, 7), "what the API keeps over its end")
        shop.kill()
        await until(lambda: runtime.supervisor.units["shop"].status().state.name == "PAUSED", "the pause")
        await shop.start()
        await change(shop, "POST", "/orders", order(13, 41))
        await change(shop, "DELETE", "/customers/2")
        await until(lambda: _has(shop, [1, 2, 3, 5, 7, 9, 11, 13]), "copies after the outage")
        await until(lambda: _gone(kafka, f"{unique}.customer"), "the tombstone")
        # json-server needs no key twice, so that each answer shows one copy.
        await until(lambda: _count(kafka, f"{unique}.copied", 8), "the answers")
    finally:
        await runtime.stop()
    orders = [orjson.loads(each.value) for each in await records(kafka, f"{unique}.order")]
    assert sorted(each["id"] for each in orders) == [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]
    lines = [orjson.loads(each.value) for each in await records(kafka, f"{unique}.line")]
    assert sorted((each["what"], each["customer"]) for each in lines) == [("jam", "c1"), ("tea", "c1")]
    answers = [orjson.loads(each.value) for each in await records(kafka, f"{unique}.copied")]
    assert sorted(each["body"]["order"] for each in answers) == [1, 2, 3, 5, 7, 9, 11, 13]
    assert {each["status"] for each in answers} == {201}


async def _has(shop: PrivateApi, expected: list[int]) -> bool:
    return await copies(shop) == expected


async def _kept(shop: PrivateApi, expected: int) -> bool:
    """Whether it has written so many copies to its file, which it does in its own time."""
    try:
        lists = orjson.loads((shop.directory / "lists.json").read_bytes())
    except orjson.JSONDecodeError:
        return False  # it writes just now
    return len(lists["copies"]) == expected


async def _gone(kafka: Any, topic: str) -> bool:
    return any(each.value is None and each.key == b"2" for each in await records(kafka, topic))


async def _count(kafka: Any, topic: str, expected: int) -> bool:
    return len(await records(kafka, topic)) == expected


BULK = """
deployment: {name}
topics: {{ {name}.in: }}
sinks:
  bulk:
    from: {name}.in
    start: earliest
    use: http
    with:
      url: "{url}/bulk"
      json: = data
      batch: {{ count: 50, results: {{ path: items, status: status }} }}
"""


async def test_what_waits_goes_out_in_few_requests(tmp_path: Path, kafka, unique):
    """A sink's `batch.count` counts in the engine; what of a batch fails for good is dead-lettered alone."""
    sizes: list[int] = []
    taken: list[int] = []

    async def bulk(request: web.Request) -> web.Response:
        numbers = [each["n"] for each in await request.json()]
        sizes.append(len(numbers))
        taken.extend(number for number in numbers if number != 123)
        return web.json_response({"items": [{"status": 400 if number == 123 else 201} for number in numbers]})

    application = web.Application()
    application.router.add_post("/bulk", bulk)
    server = TestServer(application, host="127.0.0.1")
    await server.start_server()
    url = str(server.make_url("")).rstrip("/")
    (tmp_path / "hub.yaml").write_text(BULK.format(name=unique, url=url))
    await publish_anew(kafka, f"{unique}.in", 500)
    deployment = load(tmp_path, registry=Registry([connector]))
    runtime = Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        totals = await settled(runtime, "bulk", 500)
    finally:
        await runtime.stop()
        await server.close()
    assert sum(totals.dead_lettered.values()) == 1
    assert sorted(taken) == [each for each in range(500) if each != 123]
    assert max(sizes) == 50
    assert len(sizes) <= 60


async def publish_anew(kafka: Any, topic: str, count: int) -> None:
    """Makes a topic that holds so many events, each of another key."""
    await ensure_topics(kafka, [TopicSpec(topic, partitions=3)])
    await publish(kafka, topic, [event(number, key=str(number)) for number in range(count)])
