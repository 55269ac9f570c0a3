"""One admin API over several workers, some of which don't answer."""

from __future__ import annotations

import aiohttp
import pytest

from hub.engine.settings import AdminSettings
from hub.engine.supervisor import Supervisor
from hub.engine.unit import State
from hub.operate import AdminServer
from hub.operate.fleet import FleetServer, _held
from hub.process import free_ports
from tests.unit.operate.test_admin import Working, until


@pytest.fixture
async def worker():
    """The admin API of one worker, whose unit runs."""
    supervisor = Supervisor([Working("a")])
    admin = AdminServer(supervisor, AdminSettings(port=0))
    await admin.start()
    supervisor.start()
    await until(lambda: supervisor.units["a"].state is State.RUNNING)
    yield admin
    await supervisor.stop(limit=5)
    await admin.stop()


async def ask(fleet: FleetServer, path: str, method: str = "GET"):
    async with aiohttp.ClientSession(fleet.url) as session, session.request(method, path) as response:
        return response.status, await response.read()


async def test_a_worker_that_is_down_is_named_and_the_others_are_told_of(worker):
    """Probes fail with its number, the others' word is given, and a change that not all have made is no success."""
    changes = []
    down = f"http://127.0.0.1:{free_ports(1)[0]}"
    urls = {1: worker.url, 2: down, 3: ""}
    fleet = FleetServer(lambda: urls, AdminSettings(port=0), lambda *change: changes.append(change))
    await fleet.start()
    try:
        for probe in ("/healthz", "/readyz"):
            status, body = await ask(fleet, probe)
            assert status == 503
            assert b"worker 2, 3" in body
        assert (await ask(fleet, "/connectors"))[1] == b'["a"]'
        assert await ask(fleet, "/services") == (200, b"{}")
        status, body = await ask(fleet, "/connectors/a/status")
        assert (status, b'"tasks":[{"id":1' in body) == (200, True)
        status, body = await ask(fleet, "/metrics")
        assert status == 200
        assert b'worker="1"' in body
        assert b'worker="2"' not in body
        status, body = await ask(fleet, "/connectors/a/pause", "PUT")
        assert status == 503
        assert b"no answer from worker 2, 3" in body
        assert changes == []
        del urls[2], urls[3]
        assert (await ask(fleet, "/readyz"))[0] == 200
        assert (await ask(fleet, "/connectors/a/pause", "PUT"))[0] == 202
        assert changes == [("a", "pause")]
        assert (await ask(fleet, "/connectors/b/pause", "PUT"))[0] == 404
        urls.clear()
        assert (await ask(fleet, "/readyz"))[0] == 503
        assert (await ask(fleet, "/connectors"))[0] == 503
    finally:
        await fleet.stop()


def test_keys_that_workers_hold_are_added_up():
    """Each holds those of its partitions; the longest wait is the one that is told."""
    one = {"keys": 2, "waiting": 1, "waiting_seconds": 3.0, "deleted": 0, "strays": 0}
    two = {"keys": 1, "waiting": 0, "waiting_seconds": 0.0, "deleted": 4, "strays": 1}
    assert _held([one, two]) == {"keys": 3, "waiting": 1, "waiting_seconds": 3.0, "deleted": 4, "strays": 1}
    assert _held([]) is None
