"""The HTTP server: uvicorn with limits that it lacks, and the smallest application on it.

A request is read whole, within a size and a deadline, before its handler runs; a client that sends nothing, or half of
its request, is cut off. Handlers by exact path: webhooks are few and their paths are the user's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.ingress.answer import Answer, problem, trace_id
from hub.sdk.errors import EnvironmentProblem
from hub.sdk.source import WebhookRequest

REQUEST_DEADLINE = 15.0
"""Seconds a client has for its request, from connecting or from its first byte; GitHub gives up after 10."""
IDLE_DEADLINE = 75
"""Seconds that an idle connection is kept between two requests."""

Handler = Callable[..., Awaitable[Answer]]
"""Takes the `WebhookRequest` and, by position, what stands where the path has placeholders."""
_log = logging.getLogger("hub.ingress")


class Route(NamedTuple):
    """What serves a path."""

    handler: Handler
    methods: frozenset[str] = frozenset({"POST"})
    max_body: int = 2**20
    on_refusal: Callable[[str], None] | None = None
    """Told the code of each request that is refused before the handler sees it."""


class _Deadline(HttpToolsProtocol):
    """uvicorn's protocol, with a deadline for the arrival of each request."""

    deadline = REQUEST_DEADLINE

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._await_request()

    def on_message_complete(self) -> None:
        self._request_came()
        super().on_message_complete()

    def _await_request(self) -> None:
        self._timer = self.loop.call_later(self.deadline, self._too_late)

    def _request_came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        _log.info("closing a connection from %s: no whole request within %g s", self.client, self.deadline)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the CLI's."""

    def capture_signals(self) -> Any:
        return nullcontext()


class HttpServer:
    """Listens on one address and serves routes by path.

    Args:
        host: address to bind.
        port: port to bind; 0 takes a free one, see `url` once started.
        name: for messages: whose server it is.
        deadline: seconds a client has for its request.
        fd: of a socket that listens there already, shared with other processes; the server listens by itself if not
            given.
    """

    def __init__(
        self, host: str, port: int, *, name: str = "http", deadline: float = REQUEST_DEADLINE, fd: int | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._name = name
        self._deadline = deadline
        self._fd = fd
        self._routes: dict[str, Route] = {}
        self._templates: dict[tuple[str, ...], Route] = {}
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Base URL, without trailing slash."""
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    @property
    def listening(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._socket is not None

    def add(self, path: str, route: Route) -> None:
        """Serves a path from now on."""
        self._routes[path] = route

    def add_template(self, template: str, route: Route) -> None:
        """Serves all paths of a form: a segment in braces stands for any one segment that isn't empty."""
        self._templates[tuple(template.split("/"))] = route

    def remove(self, path: str, *routes: Route) -> None:
        """Answers 404 at a path from now on; where routes are given, only if one of them serves it."""
        if not routes or any(self._routes.get(path) is each for each in routes):
            self._routes.pop(path, None)

    async def start(self) -> None:
        """Binds and listens.

        Raises:
            EnvironmentProblem: the address is taken or not ours.
        """
        if self._fd is None:
            listener = listening_socket(self._host, self._port, self._name)
        else:
            # A copy, so that the server can be stopped and started again.
            listener = socket.socket(fileno=os.dup(self._fd))
        self._port = listener.getsockname()[1]
        self._socket = listener
        protocol = type("Protocol", (_Deadline,), {"deadline": self._deadline})
        config = uvicorn.Config(
            self._app,
            http=protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            log_level=logging.WARNING,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_DEADLINE,
            timeout_graceful_shutdown=10,
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve([listener]), name=f"{self._name} server")
        while not self._server.started:
            await asyncio.wait({self._task}, timeout=0.005)
            if self._task.done():
                await self._task

    async def stop(self) -> None:
        """Answers what is under way, within 10 s, and closes."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _app(self, scope: Mapping[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        answer = await self._answer(scope, receive)
        if answer is None:
            return
        length = (b"content-length", str(len(answer.body)).encode())
        await send({"type": "http.response.start", "status": answer.status, "headers": [length, *answer.headers]})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Mapping[str, Any], receive: Callable[[], Any]) -> Answer | None:
        path = scope["path"]
        route, values = self._find(path)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if route is None:
            return problem(404, "not_found", f"nothing is served at {path}")
        if scope["method"] not in route.methods:
            allowed = ", ".join(sorted(route.methods))
            return problem(
                405, "method_not_allowed", f"{path} takes {allowed}; got {scope['method']}", headers={"Allow": allowed}
            )
        trace = trace_id(headers.get("traceparent"))
        body = await _body(receive, route.max_body, headers.get("content-length"))
        if body is None:
            return None
        if isinstance(body, int):
            if route.on_refusal:
                route.on_refusal("body_too_large")
            return problem(
                413,
                "body_too_large",
                f"expected a body of at most {route.max_body} bytes; got {body} or more",
                headers={"Connection": "close"},
                trace_id=trace,
            )
        request = WebhookRequest(scope["method"], path, headers, body, scope["query_string"].decode("latin-1"))
        try:
            return await route.handler(request, *values)
        except Exception:  # noqa: BLE001  logged here, answered 500, and the server goes on
            _log.exception("%s %s failed", scope["method"], path)
            return problem(500, "internal", "the hub failed to handle the request; its log says why", trace_id=trace)

    def _find(self, path: str) -> tuple[Route | None, list[str]]:
        """The route of a path, and what stands for the placeholders of its template."""
        route = self._routes.get(path)
        if route is not None or not self._templates:
            return route, []
        segments = path.split("/")
        for template, found in self._templates.items():
            if len(template) == len(segments):
                pairs = list(zip(template, segments, strict=True))
                if all(given == ours or (ours.startswith("{") and given) for ours, given in pairs):
                    return found, [given for ours, given in pairs if ours.startswith("{")]
        return None, []


def listening_socket(host: str, port: int, name: str) -> socket.socket:
    """A socket that has its address; whoever serves on it listens.

    Args:
        host: address to bind.
        port: port to bind; 0 takes a free one.
        name: for messages: whose it is.

    Raises:
        EnvironmentProblem: the address is taken or not ours.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise EnvironmentProblem(
            f"the {name} server can't listen on {host}:{port}: {error.strerror}. Choose another port with "
            f"HUB_{name.upper()}__PORT, or stop what has it."
        ) from error
    return listener


async def _body(receive: Callable[[], Any], limit: int, declared: str | None) -> bytes | int | None:
    """The whole body; its size where it is over the limit; None where the client has gone."""
    if declared is not None and declared.isdigit() and int(declared) > limit:
        return int(declared)
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return len(body) if len(body) > limit else body
    chunks = [message.get("body", b"")]
    size = len(chunks[0])
    while message.get("more_body"):
        if size > limit:
            return size
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    return size if size > limit else b"".join(chunks)
