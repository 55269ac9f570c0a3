"""What a far side really answered, and what events that gave, kept in a file.

    {"exchanges": [{"request": {"method", "target"}, "answer": {"status", "headers", "json" | "text" | "base64"}}],
     "events": [attributes and data]}

The fixture `recording` records with ``pytest --record``, writes the events anew with ``--update-recordings``, and
otherwise replays the answers and compares the events.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import aiohttp
import orjson
import pytest
from aiohttp import web

from hub.sdk import Event, PollingSource
from hub.testing.conformance.httpfarside import HttpFarSide
from hub.testing.conformance.secrets import forms

Read = Callable[[str], Awaitable[Sequence[Event]]]
"""Reads all events from the API at a base URL."""
Recording = Callable[..., Awaitable[None]]
"""The fixture: ``await recording(path, read, upstream=…, secrets=[…], ignore=[…])``."""
Mode = Literal["replay", "update", "record"]

HIDDEN = "…"
_URL = "{url}"
_KEPT = ("content-type", "link", "etag", "last-modified", "date", "retry-after", "location")
_KEPT_PREFIXES = ("x-ratelimit-", "ratelimit")
_SHORTEST = 6  # characters of a secret's form that is looked for


class Recorded(HttpFarSide):
    """Answers as was recorded, each exchange once and in its order, or records what another API answers.

    Args:
        exchanges: what was recorded; grows while recording.
        upstream: base URL of the API to record.

    Attributes:
        unknown: requests that were not recorded.
    """

    def __init__(self, exchanges: list[dict[str, Any]], upstream: str | None = None) -> None:
        super().__init__()
        self.exchanges = exchanges
        self.unknown: list[str] = []
        self._upstream = None if upstream is None else upstream.rstrip("/")
        self._left = list(exchanges)

    @property
    def left(self) -> list[str]:
        """Requests that were recorded, and not made now."""
        return [_asked(each) for each in self._left]

    async def answer(self, request: web.Request) -> web.Response:
        """The next answer to this request."""
        if self._upstream is not None:
            exchange = await self._record(request, self._upstream)
        else:
            asked = f"{request.method} {request.path_qs}"
            found = next((each for each in self._left if _asked(each) == asked), None)
            if found is None:
                self.unknown.append(asked)
                return web.json_response({"message": f"{asked} was not recorded, or less often"}, status=404)
            self._left.remove(found)
            exchange = found
        return self._made(exchange["answer"])

    async def _record(self, request: web.Request, upstream: str) -> dict[str, Any]:
        skipped = ("host", "connection", "content-length", "accept-encoding")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in skipped}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                upstream + request.path_qs,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as answer,
        ):
            kept = {
                name.lower(): value.replace(upstream, _URL)
                for name, value in answer.headers.items()
                if name.lower() in _KEPT or name.lower().startswith(_KEPT_PREFIXES)
            }
            body = (await answer.read()).replace(upstream.encode(), _URL.encode())
            exchange = {
                "request": {"method": request.method, "target": request.path_qs},
                "answer": {"status": answer.status, "headers": dict(sorted(kept.items())), **_body(body)},
            }
        self.exchanges.append(exchange)
        return exchange

    def _made(self, answer: dict[str, Any]) -> web.Response:
        here = self.url
        headers = {name: value.replace(_URL, here) for name, value in answer["headers"].items()}
        if "base64" in answer:
            body = base64.b64decode(answer["base64"])
        elif "json" in answer:
            body = orjson.dumps(answer["json"]).replace(_URL.encode(), here.encode())
        else:
            body = answer["text"].replace(_URL, here).encode()
        return web.Response(status=answer["status"], headers=headers, body=body or None)


def _asked(exchange: dict[str, Any]) -> str:
    request = exchange["request"]
    return f"{request['method']} {request['target']}"


def _body(body: bytes) -> dict[str, Any]:
    try:
        return {"json": orjson.loads(body)}
    except orjson.JSONDecodeError:
        pass
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def redacted(value: Any, secrets: Sequence[str]) -> Any:
    """A JSON value in which no secret stands any more, in whatever form."""
    hidden = sorted({form for each in secrets for form in forms(each) if len(form) >= _SHORTEST}, key=len, reverse=True)

    def clean(each: Any) -> Any:
        if isinstance(each, str):
            for form in hidden:
                each = each.replace(form, HIDDEN)
            return each
        if isinstance(each, dict):
            return {clean(name): clean(one) for name, one in each.items()}
        return [clean(one) for one in each] if isinstance(each, list) else each

    return clean(value)


async def events_of(source: PollingSource[Any, Any]) -> list[Event]:
    """All events that a source gives in one poll from the beginning."""
    await source.open()
    try:
        polling = source.poll(source.cursor_type()())
        return [event async for batch in polling for event in batch.events]
    finally:
        await source.close()


def _document(events: Sequence[Event], ignore: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            **{name: value for name, value in sorted(each.attributes.items()) if name not in ignore},
            "data": each.data if not isinstance(each.data, bytes) else base64.b64encode(each.data).decode(),
        }
        for each in events
    ]


async def check_recording(
    path: Path,
    read: Read,
    *,
    mode: Mode = "replay",
    upstream: str | None = None,
    secrets: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> None:
    """Replays a recording and compares the events, or writes it.

    Args:
        path: of the file.
        read: reads all events from the API at a base URL.
        mode: whether to compare, to write the events anew, or to ask the API itself and write all.
        upstream: base URL of the API, to record from.
        secrets: what must not be kept.
        ignore: attributes that differ each time, such as ``time`` where a source makes it up.

    Raises:
        AssertionError: there is no recording, or it gives other events, or other requests are made than were recorded.
    """
    assert mode != "record" or upstream is not None, f"give `upstream`, the API's base URL, to record {path}"
    kept = _read(path) if mode != "record" else {"exchanges": []}
    far_side = Recorded(kept["exchanges"], upstream if mode == "record" else None)
    async with far_side:
        here = far_side.url
        events = orjson.loads(orjson.dumps(_document(await read(here), ignore)).replace(here.encode(), _URL.encode()))
    assert not far_side.unknown, f"{path}: requests that were not recorded: {', '.join(far_side.unknown[:5])}"
    if mode != "replay":
        _write(path, redacted({"exchanges": far_side.exchanges, "events": events}, secrets))
        return
    assert not far_side.left, f"{path}: recorded requests that were not made: {', '.join(far_side.left[:5])}"
    assert redacted(events, secrets) == kept["events"], (
        f"{path}: other events than were kept; if they are right, write them with `pytest --update-recordings`"
    )


def _read(path: Path) -> Any:
    assert path.is_file(), f"there is no recording {path}; make one with `pytest --record`"
    return orjson.loads(path.read_bytes())


def _write(path: Path, document: Any) -> None:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Recording:
    """`check_recording` in the mode that the command line says."""
    options = request.config.option
    mode: Mode = "record" if options.record else "update" if options.update_recordings else "replay"

    async def check(path: Path, read: Read, **options: Any) -> None:
        await check_recording(path, read, mode=mode, **options)

    return check
