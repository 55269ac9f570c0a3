"""Recordings: what an API answered is kept without secrets, replayed, and gives the events that are kept with it."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from hub.sdk import Batch, Cursor, Event, PollingSource, SourceConfig, UnitContext
from hub.sdk.policies import ServiceConfig
from hub.services import HttpService
from hub.testing.conformance import HttpFarSide
from hub.testing.recordings import HIDDEN, Recording, check_recording, events_of

TOKEN = "canary-recorded-1"


class Shop(HttpFarSide):
    """Two pages of orders; careless with what it is told."""

    title = "first"

    async def answer(self, request: web.Request) -> web.Response:
        if request.query.get("page") == "2":
            return web.json_response([{"n": 3, "title": "last"}])
        orders = [{"n": 1, "title": self.title, "by": request.headers["Authorization"]}, {"n": 2, "title": "ü"}]
        headers = {"Link": f'<{self.url}/orders?page=2>; rel="next"', "Set-Cookie": "session=private", "ETag": '"1"'}
        return web.json_response(orders, headers=headers)


class Orders(PollingSource[SourceConfig, Cursor]):
    events = {"shop.order": None}
    partition_key = "n"

    async def poll(self, cursor):
        path = "/orders"
        while path:
            answer = await self.context.services["shop"].request("GET", path)
            made = [
                self.event("shop.order", each, id=str(each["n"]), time="2026-11-20T10:02:11Z") for each in answer.json()
            ]
            yield Batch(made, cursor)
            path = answer.headers.get("link", "")[1:].partition(">")[0]


async def read(url: str) -> list[Event]:
    config = ServiceConfig.model_validate({"base_url": url, "auth": {"token": TOKEN}})
    async with HttpService("shop", config) as service:
        return await events_of(Orders(SourceConfig(), UnitContext("orders", services={"shop": service})))


def loaded(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def keep(path: Path, document: Any) -> None:
    path.write_bytes(orjson.dumps(document))


@pytest.fixture
async def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "orders.json"
    async with Shop() as shop:
        await check_recording(path, read, mode="record", upstream=shop.url, secrets=[TOKEN])
    return path


async def test_what_was_recorded_is_replayed(recorded: Path) -> None:
    """Over several pages, whose links lead to wherever it is replayed; the API isn't asked any more."""
    await check_recording(recorded, read, secrets=[TOKEN])
    kept = loaded(recorded)
    assert [each["request"]["target"] for each in kept["exchanges"]] == ["/orders", "/orders?page=2"]
    assert [each["data"]["n"] for each in kept["events"]] == [1, 2, 3]


async def test_nothing_private_is_kept(recorded: Path) -> None:
    """No header of a request, no cookie, and no secret, though the API repeats it."""
    text = orjson.dumps(loaded(recorded)).decode()
    assert TOKEN not in text
    assert "private" not in text
    assert f"Bearer {HIDDEN}" in text


async def test_other_events_fail_until_they_are_written(recorded: Path) -> None:
    """`--update-recordings` takes them over, from the kept answers."""
    document = loaded(recorded)
    document["exchanges"][0]["answer"]["json"][0]["title"] = "changed"
    keep(recorded, document)
    with pytest.raises(AssertionError, match="other events"):
        await check_recording(recorded, read, secrets=[TOKEN])
    await check_recording(recorded, read, mode="update", secrets=[TOKEN])
    await check_recording(recorded, read, secrets=[TOKEN])
    assert loaded(recorded)["events"][0]["data"]["title"] == "changed"


async def test_other_requests_fail(recorded: Path) -> None:
    """Those that were not recorded, and those that are not made any more."""

    async def stranger(url: str) -> list[Event]:
        try:
            async with HttpService("shop", ServiceConfig(base_url=url)) as service:
                await service.request("GET", "/customers")
        except Exception:  # noqa: BLE001  a 404 is one
            return []
        return []

    async def lazy(url: str) -> list[Event]:
        return []

    with pytest.raises(AssertionError, match="GET /customers"):
        await check_recording(recorded, stranger)
    with pytest.raises(AssertionError, match="not made: GET /orders"):
        await check_recording(recorded, lazy)


async def test_a_missing_recording_says_how_to_make_one(tmp_path: Path, recording: Recording) -> None:
    """By the fixture, in the mode of this run."""
    with pytest.raises(AssertionError, match="pytest --record"):
        await recording(tmp_path / "none.json", read)
