"""The admin API: probes tell the truth, and units do what they are told, one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from hub.contracts import Contract, ContractViolation, Mode
from hub.engine.contracts import ContractGate
from hub.engine.settings import AdminSettings
from hub.engine.supervisor import Supervisor
from hub.engine.unit import State, Unit
from hub.operate import AdminServer
from hub.sdk import ConfigError, EndOfInput, Event


class Working(Unit):
    """Runs until it is told otherwise; what `error` holds ends each life."""

    kind = "source"

    def __init__(self, name: str, error: Exception | None = None) -> None:
        super().__init__(name, flow="from here to there", connector="test")
        self.error = error
        self.lives = 0

    async def run(self) -> None:
        self.lives += 1
        if self.error:
            raise self.error
        self.enter(State.RUNNING)
        self.ready.set()
        while await self.gate():
            await self.rest(0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  states have no event
            await asyncio.sleep(0.005)


class Client:
    """What one request gives: status and document."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def __call__(self, method: str, path: str, **headers: str) -> tuple[int, Any]:
        async with self._session.request(method, self.url + path, headers=headers) as response:
            body = await response.read()
            is_json = "json" in response.headers.get("content-type", "")
            return response.status, (await response.json(content_type=None)) if body and is_json else body.decode()


@asynccontextmanager
async def serving(*units: Unit, start: bool = True) -> AsyncIterator[tuple[Client, AdminServer, Supervisor]]:
    supervisor = Supervisor(units)
    admin = AdminServer(supervisor, AdminSettings(port=0))
    await admin.start()
    if start:
        supervisor.start()
        await until(lambda: all(unit.state is not State.UNASSIGNED for unit in units))
    async with aiohttp.ClientSession() as session:
        try:
            yield Client(admin.url, session), admin, supervisor
        finally:
            await supervisor.stop(limit=5)
            await admin.stop()


async def test_it_lives_and_is_ready_while_its_units_work():
    """200 from both probes."""
    async with serving(Working("a"), Working("b")) as (client, _, _):
        assert (await client("GET", "/healthz"))[0] == 200
        assert await client("GET", "/readyz") == (200, {"status": "ready", "units": 2})


async def test_not_ready_before_every_unit_takes_events_in():
    """503 names the units that don't work yet; the process lives all the same."""
    async with serving(Working("a"), start=False) as (client, _, _):
        status, document = await client("GET", "/readyz")
        assert (status, document["code"]) == (503, "not_ready")
        assert document["units"] == {"a": {"state": "UNASSIGNED", "detail": ""}}
        assert (await client("GET", "/healthz"))[0] == 200


async def test_not_ready_with_a_failed_unit_and_why():
    """A unit that failed for good is named with its error, in the probe and in its status."""
    async with serving(Working("good"), Working("bad", ConfigError("no such queue"))) as (client, _, _):
        status, document = await client("GET", "/readyz")
        assert (status, document["units"]) == (503, {"bad": {"state": "FAILED", "detail": "no such queue"}})
        _, document = await client("GET", "/connectors/bad/status")
        assert document["tasks"][0]["trace"] == "no such queue"


async def test_ready_while_it_stands_by():
    """A worker whose source another one polls does what it is meant to."""
    unit = Working("a")
    async with serving(unit) as (client, _, _):
        unit.enter(State.UNASSIGNED, "standby; host-1 polls")
        assert (await client("GET", "/readyz"))[0] == 200
        _, document = await client("GET", "/connectors/a/status")
        assert (document["connector"]["state"], document["detail"]) == ("UNASSIGNED", "standby; host-1 polls")


async def test_ready_with_a_source_that_has_come_to_its_end():
    """The end of the input is no failure."""
    async with serving(Working("a", EndOfInput("all read"))) as (client, _, _):
        assert (await client("GET", "/readyz"))[0] == 200


async def test_a_status_has_kafka_connects_shape_and_the_ledger():
    """Connector, tasks and worker as tools expect them; state, flow and totals beside."""
    unit = Working("a")
    unit.ledger.taken = unit.ledger.delivered = 3
    async with serving(unit) as (client, _, _):
        status, document = await client("GET", "/connectors/a/status")
        assert status == 200
        assert document["connector"]["state"] == document["tasks"][0]["state"] == "RUNNING"
        assert document["connector"]["worker_id"]
        assert (document["type"], document["detail"]) == ("source", "from here to there")
        assert document["totals"]["delivered"] == 3
        assert await client("GET", "/connectors") == (200, ["a"])
        assert await client("GET", "/connectors?expand=status") == (200, {"a": {"status": document}})
        assert (await client("GET", "/connectors/a"))[1]["tasks"] == [{"connector": "a", "task": 0}]


async def test_pause_and_resume():
    """A paused unit takes in nothing and is still ready; resumed, it goes on in the same life."""
    unit = Working("a")
    async with serving(unit) as (client, _, _):
        assert (await client("PUT", "/connectors/a/pause"))[0] == 202
        await until(lambda: unit.state is State.PAUSED)
        assert (await client("GET", "/readyz"))[0] == 200
        assert (await client("PUT", "/connectors/a/resume"))[0] == 202
        await until(lambda: unit.state is State.RUNNING)
        assert unit.lives == 1


async def test_stop_and_resume():
    """Stopped once it has drained, and still ready; resumed in a new life."""
    unit = Working("a")
    async with serving(unit) as (client, _, supervisor):
        assert (await client("PUT", "/connectors/a/stop"))[0] == 204
        assert unit.state is State.STOPPED
        assert not supervisor.finished
        assert (await client("GET", "/readyz"))[0] == 200
        status, document = await client("PUT", "/connectors/a/pause")
        assert (status, document["code"]) == (409, "stopped")
        assert (await client("PUT", "/connectors/a/resume"))[0] == 202
        await until(lambda: unit.state is State.RUNNING)
        assert unit.lives == 2


async def test_restart_brings_a_failed_unit_back():
    """The one way back for a unit whose configuration was wrong."""
    unit = Working("a", ConfigError("wrong"))
    async with serving(unit) as (client, _, supervisor):
        await until(lambda: supervisor.finished)
        unit.error = None
        assert (await client("POST", "/connectors/a/restart"))[0] == 204
        await until(lambda: unit.state is State.RUNNING)


async def test_restarts_at_once_come_one_after_the_other():
    """Ten at a time leave one life running and none beside it."""
    unit = Working("a")
    async with serving(unit) as (client, _, supervisor):
        answers = await asyncio.gather(*(client("POST", "/connectors/a/restart") for _ in range(10)))
        assert [status for status, _ in answers] == [204] * 10
        await until(lambda: unit.state is State.RUNNING)
        await supervisor.stop("a")
        assert unit.state is State.STOPPED
        assert unit.lives <= 11


async def test_while_it_ends_it_is_not_ready_and_starts_nothing():
    """A restart must not bring back what the end of the process has just drained."""
    unit = Working("a")
    async with serving(unit) as (client, admin, supervisor):
        admin.drain()
        await supervisor.stop()
        assert (await client("GET", "/readyz"))[1]["code"] == "draining"
        assert (await client("GET", "/healthz"))[0] == 200
        assert (await client("POST", "/connectors/a/restart"))[0] == 409
        assert unit.state is State.STOPPED


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/connectors/b/status", 404, "unknown_unit"),
        ("PUT", "/connectors/b/pause", 404, "unknown_unit"),
        ("GET", "/connectors/b", 404, "unknown_unit"),
        ("GET", "/connectors/a/pause", 405, "method_not_allowed"),
        ("POST", "/connectors/a/stop", 405, "method_not_allowed"),
        ("GET", "/connectors/", 404, "not_found"),
        ("GET", "/connectors/{name}/status", 404, "unknown_unit"),
        ("GET", "/connectors/a/status/more", 404, "not_found"),
    ],
)
async def test_what_can_not_be_answered_is_a_problem(method, path, status, code):
    """Unknown units, paths and methods get problem documents with a code."""
    async with serving(Working("a")) as (client, _, _):
        answered, document = await client(method, path)
        assert (answered, document["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example:8081"}, 403),
        ({"Host": "localhost:8081"}, 204),
        ({"Host": "[::1]:8081"}, 204),
        ({"Host": "localhost:8081", "Origin": "http://localhost:8081"}, 204),
    ],
)
async def test_a_web_page_can_not_turn_units(headers, status):
    """Neither from another origin nor by a name of its own that leads to the loopback address."""
    async with serving(Working("a")) as (client, _, _):
        assert (await client("POST", "/connectors/a/restart", **headers))[0] == status


async def test_metrics_are_served():
    """In Prometheus' text format, the process's own among them."""
    async with serving(Working("a")) as (client, _, _):
        status, text = await client("GET", "/metrics")
        assert status == 200
        assert 'hub_unit_state{connector="test",state="RUNNING",unit="a"} 1.0' in text
        assert "process_resident_memory_bytes" in text


class Standing(Working):
    """Stands somewhere, on topics and in a far system."""

    @property
    def positions(self) -> Mapping[tuple[str, int], int]:
        return {("orders", 1): 7, ("orders", 0): 12}

    @property
    def cursor(self) -> str | None:
        return '{"page": 3}'


async def test_where_a_unit_stands_is_told_in_kafka_connects_shape():
    """Offsets by topic and partition, a source's cursor as it is stored; 404 of a unit that isn't there."""
    async with serving(Standing("a"), Working("b")) as (client, _, _):
        status, document = await client("GET", "/connectors/a/offsets")
        assert status == 200
        assert document["offsets"] == [
            {"partition": {"kafka_topic": "orders", "kafka_partition": 0}, "offset": {"kafka_offset": 12}},
            {"partition": {"kafka_topic": "orders", "kafka_partition": 1}, "offset": {"kafka_offset": 7}},
            {"partition": {"source": "a"}, "offset": {"page": 3}},
        ]
        assert await client("GET", "/connectors/b/offsets") == (200, {"offsets": []})
        assert (await client("GET", "/connectors/c/offsets"))[0] == 404


async def test_the_settings_of_a_unit_are_told():
    """As the deployment shows them; 404 where it has none."""
    supervisor = Supervisor([Working("a"), Working("gone")])
    admin = AdminServer(
        supervisor, AdminSettings(port=0), config=lambda name: {"connector.class": "test"} if name == "a" else None
    )
    await admin.start()
    try:
        async with aiohttp.ClientSession() as session:
            client = Client(admin.url, session)
            assert await client("GET", "/connectors/a/config") == (200, {"connector.class": "test"})
            assert (await client("GET", "/connectors/a"))[1]["config"] == {"connector.class": "test"}
            assert (await client("GET", "/connectors/gone/config"))[0] == 404
    finally:
        await admin.stop()


async def test_what_events_brought_beside_their_contract_is_told() -> None:
    """In full under /contracts, in short in the status; a unit that trusts all has nothing to tell."""
    unit, trusting = Working("feed"), Working("other")
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    unit.contracts = ContractGate("feed", {"made": Contract("made", schema, produce=Mode.EVOLVE)})
    unit.contracts.produced(Event(type="made", source="/x", data={"n": 1, "new": None}))
    with pytest.raises(ContractViolation):
        unit.contracts.produced(Event(type="made", source="/x", data={"n": "x"}))
    async with serving(unit, trusting) as (call, _, _):
        code, (told,) = await call("GET", "/connectors/feed/contracts")
        assert (code, told["type"], told["produce"], told["checked"]) == (200, "made", "evolve", 2)
        assert told["violations"] == {"produce": 1}
        assert [(each["path"], each["type"], each["events"]) for each in told["new_fields"]] == [("/new", "null", 1)]
        _, status = await call("GET", "/connectors/feed/status")
        assert status["contracts"] == [told]
        assert await call("GET", "/connectors/other/contracts") == (200, [])
        assert (await call("GET", "/connectors/nobody/contracts"))[0] == 404
