"""HTTP services against real servers: what they send, what they take, and what they make of a failure."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hub.sdk import Auth, ConfigError, NotConnected, Permanent, ServiceConfig, Signal, Transient
from hub.services import HttpService, transport
from hub.services.auth import NotSignedIn

TOKEN = "ghp_thisIsSecret"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    handler: Handler, path: str = "", policies: dict[str, Any] | None = None, **auth: Any
) -> AsyncIterator[HttpService]:
    """A service whose far side answers by a handler."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    config = ServiceConfig(base_url=f"http://{host}:{port}{path}", auth=Auth(**auth), **(policies or {}))
    async with HttpService("far", config) as service:
        yield service
    await runner.cleanup()


@asynccontextmanager
async def talking(words: bytes) -> AsyncIterator[HttpService]:
    """A service whose far side says these bytes to whoever asks, and hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(2**16)  # of a small request, or of a TLS greeting
        writer.write(words)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server, HttpService("far", ServiceConfig(base_url=f"http://{host}:{port}")) as service:
        yield service


async def failed(service: HttpService, method: str = "GET", path: str = "/x", **more: Any) -> Signal:
    with pytest.raises(Signal) as signal:
        await service.request(method, path, **more)
    return signal.value


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.path_qs,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": (await request.read()).decode(),
        },
        headers={"X-Case": "Kept"},
    )


async def test_a_request_is_signed_and_says_who_asks() -> None:
    """Parameters that are None are left out, truth values are written as JSON does."""
    async with serving(echo, token=TOKEN) as service:
        answer = await service.request(
            "GET", "/a b", params={"q": "x&y", "n": 3, "all": True, "since": None}, headers={"Accept": "text/x"}
        )
    seen = answer.json()
    assert seen["path"] == "/a%20b?q=x%26y&n=3&all=true"
    assert seen["headers"]["authorization"] == f"Bearer {TOKEN}"
    assert seen["headers"]["accept"] == "text/x"
    assert seen["headers"]["user-agent"].startswith("integration-hub")
    assert answer.headers["x-case"] == "Kept"
    assert answer.status == 200


async def test_without_a_token_nothing_is_signed() -> None:
    """An empty one, as an unset variable gives, counts as none."""
    for token in ({}, {"token": ""}, {"token": " "}):
        async with serving(echo, **token) as service:
            assert "authorization" not in (await service.request("GET", "/")).json()["headers"]


async def test_a_netrc_file_of_the_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may name the host that we have a token for, or none."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for auth, expected in (({"token": TOKEN}, f"Bearer {TOKEN}"), ({}, None)):
        async with serving(echo, **auth) as service:
            assert (await service.request("GET", "/")).json()["headers"].get("authorization") == expected


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Except for the hosts that it is not for."""
    async with serving(echo) as proxy:
        monkeypatch.setenv("http_proxy", str(proxy._base))
        monkeypatch.setenv("no_proxy", "127.0.0.1,other.invalid")
        async with HttpService("far", ServiceConfig(base_url="http://far.invalid/api")) as service:
            seen = (await service.request("GET", "/x")).json()
            assert (seen["path"], seen["headers"]["host"]) == ("/api/x", "far.invalid")
        async with HttpService("far", ServiceConfig(base_url="http://other.invalid")) as service:
            assert type(await failed(service)) is NotConnected


async def test_a_proxy_that_refuses_us_is_an_outage_and_its_password_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With plain requests and with tunnels."""
    async with talking(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n") as proxy:
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://me:hunter2@{proxy._base.authority}")
            async with HttpService("far", ServiceConfig(base_url=f"{scheme}://far.invalid")) as service:
                signal = await failed(service)
            assert type(signal) is NotConnected
            assert "407" in str(signal)
            assert "hunter2" not in str(signal)


async def test_a_body_is_sent_as_json_or_as_it_is() -> None:
    """With a content type that fits."""
    async with serving(echo) as service:
        seen = (await service.request("POST", "/", json={"a": [1]})).json()
        assert (seen["body"], seen["headers"]["content-type"]) == ('{"a":[1]}', "application/json")
        seen = (await service.request("PUT", "/", body=b"raw", headers={"Content-Type": "text/plain"})).json()
        assert (seen["method"], seen["body"], seen["headers"]["content-type"]) == ("PUT", "raw", "text/plain")


async def test_paths_lie_below_the_base_url() -> None:
    """As GitHub Enterprise Server's do, at /api/v3; full URLs of the same origin are taken as they are."""
    async with serving(echo, path="/api/v3/") as service:
        answer = await service.request("GET", "/repos/a/b")
        assert answer.json()["path"] == "/api/v3/repos/a/b"
        again = await service.request("GET", answer.url + "?page=2&x=%2F")
        assert again.json()["path"] == "/api/v3/repos/a/b?page=2&x=%2F"


async def test_credentials_never_leave_for_another_origin() -> None:
    """Neither by a full URL nor by a redirect, not even to another port."""
    seen = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response()

    async with serving(elsewhere) as other:
        target = str(other._base) + "/steal"

        async def lead_away(request: web.Request) -> web.Response:
            return web.Response(status=301, headers={"Location": target})

        async with serving(lead_away, token=TOKEN) as service:
            for path in (target, "/moved"):
                assert isinstance(await failed(service, path=path), Permanent)
    assert not seen


async def test_redirects_within_the_origin_are_followed() -> None:
    """As GitHub redirects a renamed repository; a POST only where it stays a POST, and never in a circle."""

    async def moved(request: web.Request) -> web.Response:
        if request.path == "/new":
            return await echo(request)
        if request.path == "/circle":
            return web.Response(status=302, headers={"Location": "/circle"})
        return web.Response(status=int(request.path[1:]), headers={"Location": "/new?x=1"})

    async with serving(moved, token=TOKEN) as service:
        for status in (301, 302, 303, 307, 308):
            answer = await service.request("GET", f"/{status}", params={"a": 1})
            assert answer.json()["path"] == "/new?x=1"
            assert answer.json()["headers"]["authorization"]
        for status in (307, 308):
            answer = await service.request("POST", f"/{status}", json=1)
            assert (answer.json()["method"], answer.json()["body"]) == ("POST", "1")
        for status in (301, 302, 303):
            assert (await failed(service, "POST", f"/{status}", json=1)).status == status
        assert isinstance(await failed(service, path="/circle"), Permanent)


@pytest.mark.parametrize("location", ["http://[far", "http://far:99999/x", "http://"])
async def test_a_redirect_to_nowhere_is_a_refusal(location: str) -> None:
    """What the far side writes is never taken for a bug of ours."""

    async def lead(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    async with serving(lead) as service:
        assert isinstance(await failed(service), Permanent)
        for path in ("http://[far", "http://far:99999/x"):
            assert isinstance(await failed(service, path=path), Permanent)


async def test_a_url_within_a_query_is_no_url_to_go_to() -> None:
    """A path that holds one stays below the base URL."""
    async with serving(echo, path="/v1") as service:
        answer = await service.request("GET", "/x?u=http://elsewhere/")
        assert answer.json()["path"] == "/v1/x?u=http://elsewhere/"


async def test_an_unchanged_answer_to_a_conditional_request_is_an_answer() -> None:
    """Asked without a condition, 304 makes no sense."""

    async def unchanged(request: web.Request) -> web.Response:
        return web.Response(status=304, headers={"ETag": '"1"'})

    async with serving(unchanged) as service:
        answer = await service.request("GET", "/", headers={"If-None-Match": '"1"'})
        assert (answer.status, answer.body) == (304, b"")
        assert isinstance(await failed(service), Permanent)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (400, {}, Permanent, None),
        (401, {}, NotSignedIn, 60),
        (403, {}, Permanent, None),
        (404, {}, Permanent, None),
        (422, {"Retry-After": "5"}, Permanent, None),
        (300, {}, Permanent, None),
        (408, {}, Transient, None),
        (500, {}, Transient, None),
        (501, {}, Transient, None),
        (429, {}, NotConnected, None),
        (429, {"Retry-After": "7"}, NotConnected, 7),
        (502, {}, NotConnected, None),
        (503, {"Retry-After": "0.5"}, NotConnected, 0.5),
        (504, {}, NotConnected, None),
        (403, {"Retry-After": "60"}, NotConnected, 60),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, NotConnected, 30),
        (403, {"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "30"}, Permanent, None),
    ],
)
async def test_a_status_says_what_comes_next(
    status: int, headers: dict[str, str], kind: type[Signal], wait: float | None
) -> None:
    """Refused for good, failed for now, or throttled; with the far side's words."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"message": "these\nwords"}, status=status, headers=headers)

    async with serving(answer) as service:
        signal = await failed(service)
    assert type(signal) is kind
    assert signal.status == status
    assert signal.retry_after == wait
    assert "these words" in str(signal)
    assert "GET /x" in str(signal)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error": "no"}', "no"),
        (b'{"error": {"message": "no"}}', '{"error": {"message": "no"}}'),
        (b"<html>gone</html>", "<html>gone</html>"),
        (b"", "nothing more"),
        (b"\xff" * 10_000, "�"),
        (b"[]", "[]"),
    ],
)
async def test_an_error_shows_what_the_far_side_said(body: bytes, shown: str) -> None:
    """In one line of bounded length."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=400, body=body)

    async with serving(answer) as service:
        said = str(await failed(service))
    assert shown in said
    assert len(said) < 400


async def test_a_token_that_the_far_side_repeats_is_not_shown() -> None:
    """Wherever it comes back."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"message": f"bad {request.headers['Authorization']}"}, status=401)

    async with serving(answer, token=TOKEN) as service:
        signal = await failed(service)
    assert "bad Bearer ***" in str(signal)
    assert TOKEN not in str(signal)


def test_a_token_that_would_break_the_header_is_refused_unseen() -> None:
    """A line break in it would add headers."""
    with pytest.raises(ConfigError) as error:
        HttpService("far", ServiceConfig(base_url="https://far", auth=Auth(token="a\r\nx-evil: b")))
    assert "evil" not in str(error.value)
    with pytest.raises(ConfigError) as error:
        HttpService("far", ServiceConfig(base_url="https://me:hunter2@far"))
    assert "hunter2" not in str(error.value)


async def test_an_answer_that_is_too_large_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its size before it was unpacked."""
    monkeypatch.setattr(transport, "MAX_ANSWER", 100_000)

    async def bomb(request: web.Request) -> web.Response:
        size = int(request.query["size"])
        return web.Response(body=gzip.compress(b"0" * size), headers={"Content-Encoding": "gzip"})

    async with serving(bomb) as service:
        assert len((await service.request("GET", "/", params={"size": 100_000})).body) == 100_000
        assert isinstance(await failed(service, params={"size": 100_001}), Permanent)


async def test_where_nobody_listens_nobody_is_connected() -> None:
    """A refused connection and a name that doesn't exist."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        for host in (f"127.0.0.1:{held.getsockname()[1]}", "nowhere.invalid"):
            async with HttpService("far", ServiceConfig(base_url=f"http://{host}")) as service:
                assert type(await failed(service)) is NotConnected


async def test_a_far_side_without_tls_is_not_connected() -> None:
    """Asked for https, it talks something else."""
    async with talking(b"hello\r\n") as plain:
        url = str(plain._base).replace("http://", "https://")
        async with HttpService("far", ServiceConfig(base_url=url)) as service:
            with pytest.raises(NotConnected):
                async with asyncio.timeout(10):
                    await service.request("GET", "/")


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_a_broken_exchange_may_work_another_time(words: bytes) -> None:
    """An answer that is cut or garbled says nothing of the request."""
    async with talking(words) as service:
        assert type(await failed(service)) is Transient


async def test_silence_ends_in_time() -> None:
    """A far side that says nothing for too long has failed for now."""
    released = asyncio.Event()

    async def sleep(request: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    for limits in ({"read": "100ms"}, {"total": "100ms"}):
        released.clear()
        async with serving(sleep, policies={"timeout": limits}) as service:
            assert type(await failed(service)) is Transient
            released.set()
    released.clear()
    async with serving(sleep) as service:
        assert type(await failed(service, timeout=0.1)) is Transient
        released.set()


async def test_a_header_that_cant_be_sent_is_the_requests_own_fault() -> None:
    """It would fail again."""
    async with serving(echo) as service:
        assert type(await failed(service, headers={"x": "a\r\nb: c"})) is Permanent


async def test_after_closing_it_connects_again() -> None:
    """A service is closed with the units that use it, and may be used by the next ones."""
    async with serving(echo) as service:
        assert (await service.request("GET", "/")).status == 200
        await service.close()
        assert (await service.request("GET", "/")).status == 200
        await service.close()
        await service.close()


async def test_a_refusal_brings_its_whole_answer_for_those_who_look_closer() -> None:
    """A signal for an answer holds it with headers and body; one that is huge is left out."""
    size = [10]

    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"items": "x" * size[0]}, status=409, headers={"X-Case": "Kept"})

    async with serving(refuse) as service:
        answer = (await failed(service)).answer
        assert answer is not None
        assert (answer.status, answer.headers["x-case"], answer.json()) == (409, "Kept", {"items": "x" * 10})
        size[0] = 2**20
        assert (await failed(service)).answer is None
