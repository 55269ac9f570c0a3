"""How a request gets to the far side: by connections of the sink's own, or through a service and its policies."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from connectors.http.config import HttpConfig
from connectors.http.excerpt import Excerpts, line
from connectors.http.request import Request
from hub.sdk import NotConnected, Service, Signal

if TYPE_CHECKING:
    import aiohttp

_USER_AGENT = "integration-hub"
_ONE_PIECE = 2**16  # bytes
# Of an answer that nobody needs whole, no more is read than this: bytes for an excerpt or to keep the connection, and
# seconds to wait for them.
_TASTE, _PATIENCE = 16 * 1024, 1.0

Needed = Callable[[int], bool]
"""Whether the body of an answer is needed as a whole, by its status."""


class Answer(NamedTuple):
    """What the far side said.

    Attributes:
        status: HTTP status.
        headers: names are looked up in the case in which they are usually written.
        body: as far as it was read.
        excerpt: a line of it for people, without secrets.
        signal: what a service made of it, where it is no success.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    excerpt: str
    signal: Signal | None = None


class Wire(Protocol):
    """A way to the far side."""

    async def open(self) -> None:
        """Makes ready."""
        ...

    async def close(self) -> None:
        """Lets go."""
        ...

    async def send(self, request: Request, needed: Needed) -> Answer:
        """Sends a request once.

        Raises:
            Signal: there was no answer.
        """
        ...

    def clean(self, text: str) -> str:
        """A text of the far side on one line, without our secrets."""
        ...


class OwnWire:
    """Connections of one sink.

    Args:
        config: of the sink.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._excerpts = Excerpts(config)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Makes ready; connections are made when there is something to send.

        Raises:
            Permanent: a file of the TLS settings can't be used.
        """
        import aiohttp  # noqa: PLC0415  a fifth of a second, which those don't wait for who only check a configuration

        await self.close()
        config = self._config
        total, connect = (each.total_seconds() for each in (config.timeout, config.connect_timeout))
        self._session = aiohttp.ClientSession(
            # The engine says how many are under way at once.
            connector=aiohttp.TCPConnector(limit=0, ssl=config.tls.context()),
            timeout=aiohttp.ClientTimeout(total=total, connect=min(connect, total)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": _USER_AGENT},
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, request: Request, needed: Needed) -> Answer:
        """Sends a request once; see `Wire.send`."""
        config, url = self._config, request.target.url
        if self._session is None or url is None:
            raise NotConnected(f"{request.shown}: the sink is closed")
        try:
            async with self._session.request(
                request.target.method,
                url,
                headers=request.headers,
                data=_in_pieces(request.body),
                proxy=config.proxy.get_secret_value() if config.proxy else None,
                allow_redirects=False,
            ) as response:
                if needed(response.status):
                    body = await _read(response, config.max_response + 1)
                else:
                    body = await _taste(response)
                excerpt = self._excerpts.of(body[:_TASTE], response.charset, url)
                return Answer(response.status, response.headers, body, excerpt)
        except Signal:
            raise
        except Exception as error:  # noqa: BLE001  `errors` knows it, or raises it
            from connectors.http import errors  # noqa: PLC0415  it needs aiohttp, see `open`

            # Not chained: aiohttp's own messages hold the whole URL, and dead letters carry the chain.
            by_event = config.url is None or not config.url.constant
            seconds = config.timeout.total_seconds()
            raise errors.signal(error, request.shown, seconds=seconds, by_event=by_event) from None

    def clean(self, text: str) -> str:
        """A text of the far side on one line, without our secrets."""
        return self._excerpts.clean(text)


class ServiceWire:
    """A service, shared with others: its limits, circuit, credentials and connections.

    Args:
        service: the sink's hand on it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def open(self) -> None:
        """Nothing: a service connects by itself."""

    async def close(self) -> None:
        """Nothing: others may use it."""

    async def send(self, request: Request, needed: Needed) -> Answer:
        """Sends a request once; see `Wire.send`."""
        del needed  # a service reads all
        method, path = request.target.method, request.target.path
        try:
            answer = await self._service.request(method, path, headers=dict(request.headers), body=request.body)
        except Signal as signal:
            if signal.answer is None:
                raise
            found = signal.answer
            # Its own words are clean already.
            return Answer(found.status, _usual(found.headers), found.body, line(str(signal)), signal)
        return Answer(answer.status, _usual(answer.headers), answer.body, "")

    def clean(self, text: str) -> str:
        """A text of the far side on one line, without the service's secrets."""
        return line(self._service.clean(text))


def _usual(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}


def _in_pieces(body: bytes | None) -> bytes | io.BytesIO | None:
    """Large bodies go out in pieces: as one piece they would hold up all other requests."""
    return io.BytesIO(body) if body is not None and len(body) > _ONE_PIECE else body


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most ``limit`` bytes of the body. The connection is kept only where that was all."""
    body = bytearray()
    while len(body) < limit and (chunk := await response.content.read(limit - len(body))):
        body += chunk
    return bytes(body)


async def _taste(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of a body that doesn't decide anything any more, if it comes soon."""
    import aiohttp  # noqa: PLC0415  see `open`

    if response.content.at_eof():
        return b""
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while len(body) < _TASTE and (chunk := await response.content.read(_TASTE - len(body))):
                body += chunk
    return bytes(body)
