"""Look-ups of the HTTP connector in a route: against a real server, on the real Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from connectors.http import connector
from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from tests.integration.engine import event, publish, records, settled

DEPLOYMENT = """
deployment: {name}
services:
  crm: {{ use: http, with: {{ base_url: "{url}" }} }}
topics:
  {name}.in: {{}}
  {name}.out: {{}}
routes:
  named:
    from: {name}.in
    start: earliest
    enrich:
      customer:
        use: http
        with: {{ service: crm, path: "/customers/{{key}}", record: customer }}
        key: = data.n
        cache: {{ ttl: 1h }}
    map:
      data: {{ n: = data.n, name: '= customer == null ? "nobody" : customer.name' }}
    to: {name}.out
"""


@pytest.fixture
async def crm() -> AsyncIterator[tuple[str, list[str]]]:
    """An API with customers 1 to 9, and the paths that it was asked for."""
    asked: list[str] = []

    async def customer(request: web.Request) -> web.Response:
        asked.append(request.path)
        number = int(request.match_info["number"])
        if not 1 <= number <= 9:
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response({"customer": {"name": f"customer {number}"}})

    app = web.Application()
    app.router.add_get("/customers/{number}", customer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}", asked
    await runner.cleanup()


async def test_events_get_the_names_of_their_customers(tmp_path: Path, kafka, unique, crm):
    """Each customer is asked for once, one that isn't there too, and every event comes out with its name."""
    url, asked = crm
    (tmp_path / "hub.yaml").write_text(DEPLOYMENT.format(name=unique, url=url))
    deployment = load(tmp_path, registry=Registry([connector]))
    runtime = Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={})
    await runtime.start()
    try:
        await publish(kafka, f"{unique}.in", [event(n % 11, key=str(n)) for n in range(40)])
        totals = await settled(runtime, "named", 40)
    finally:
        await runtime.stop()
    assert (totals.delivered, totals.dead_lettered) == (40, {})
    assert sorted(asked) == sorted(f"/customers/{n}" for n in range(11))
    out = [orjson.loads(each.value) for each in await records(kafka, f"{unique}.out")]
    assert {each["n"]: each["name"] for each in out} == {
        n: f"customer {n}" if 1 <= n <= 9 else "nobody" for n in range(11)
    }
