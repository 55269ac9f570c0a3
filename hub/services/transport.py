"""A request on the wire, by aiohttp: connections, proxies, TLS, timeouts, and the size of answers."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from hub.sdk.errors import Permanent, Signal, Transient
from hub.sdk.policies import ServiceConfig
from hub.sdk.service import Response
from hub.services.failures import failure
from hub.services.request import Request

MAX_ANSWER = 32 * 2**20
"""Largest answer in bytes, unpacked, that is read as a whole."""
_CHUNK = 2**16
_KNOWN = 1000  # names of headers that are remembered
_DIGITS = 10  # more of them are beyond it
_BROKEN = (aiohttp.ClientError, OSError, ValueError, TimeoutError)


class _Names(dict[str, str]):
    """Headers' names in lower case: one object for each, as answers may be kept by the thousand."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        if len(self) < _KNOWN:
            self[name] = lower
        return lower


_NAMES = _Names()


class Transport:
    """The innermost step of a service: sends a request once, and gives the answer, whatever its status.

    It connects when it is first used, and belongs to the event loop that uses it.

    Args:
        name: of the service.
        config: of the service.
        clean: takes our secrets out of what an error says.
    """

    def __init__(self, name: str, config: ServiceConfig, clean: Callable[[str], str]) -> None:
        self._name = name
        self._config = config
        self._clean = clean
        self._base = URL(config.base_url)
        seconds = config.timeout
        self._timeout = aiohttp.ClientTimeout(
            total=seconds.total.total_seconds(),
            sock_connect=seconds.connect.total_seconds(),
            sock_read=seconds.read.total_seconds(),
        )
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes its connections. Requests that come later connect again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __call__(self, request: Request) -> Response:
        """One attempt.

        Raises:
            Signal: there was no whole answer.
        """
        session = self._session
        if session is None or session.closed:
            session = self._connected()
        usual = request.deadline is None and not request.streamed
        url = request.url
        try:
            answer = await session.request(
                request.method,
                url,
                headers=request.headers,
                data=_in_pieces(request.body),
                allow_redirects=False,
                timeout=self._timeout if usual else self._limits(request),
            )
            try:
                headers = _headers(answer)
                if request.streamed and (200 <= answer.status < 300 or answer.status == 304):  # noqa: PLR2004  statuses
                    return Streamed(answer, headers, self._asked(request), self._clean)
                body = await (answer.read() if _is_small(headers) else _whole(answer, self._asked(request)))
            except BaseException:
                answer.close()  # read to its end, it has given its connection back by itself
                raise
            return Response(answer.status, headers, body, request.text if url is request.made else url)
        except Signal:
            raise
        except _BROKEN as error:
            # Without the cause, as its text may hold what ours must not.
            raise cleaned(failure(error, self._asked(request)), self._clean) from None

    def _asked(self, request: Request) -> str:
        return f"{self._name}: {request.method} {request.url.path}"

    def _limits(self, request: Request) -> aiohttp.ClientTimeout:
        total = self._timeout.total
        if request.deadline is not None:
            left = request.deadline - time.monotonic()
            if left <= 0:
                raise Transient(f"{self._asked(request)} had no time left")
            total = left if total is None else min(total, left)
        return aiohttp.ClientTimeout(
            total=None if request.streamed else total,
            sock_connect=self._timeout.sock_connect,
            sock_read=self._timeout.sock_read,
        )

    def _connected(self) -> aiohttp.ClientSession:
        pool, secure = self._config.pool, self._config.tls
        plain = secure == type(secure)()
        connector = aiohttp.TCPConnector(
            limit=pool.connections,
            keepalive_timeout=pool.keepalive.total_seconds(),
            ssl=True if plain else secure.context(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers={"user-agent": _user_agent(), "accept": "application/json"},
            proxy=_proxy(self._base),
        )
        return self._session


class Streamed(Response):
    """An answer whose body is read in pieces. Leave its ``async with`` to give the connection back."""

    __slots__ = ("_answer", "_asked", "_clean")

    def __init__(
        self, answer: aiohttp.ClientResponse, headers: dict[str, str], asked: str, clean: Callable[[str], str]
    ) -> None:
        super().__init__(answer.status, headers, b"", str(answer.url))
        self._answer = answer
        self._asked = asked
        self._clean = clean

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it. What has not been read by then is not transferred any more, so that the connection is lost."""
        self._answer.close()

    async def chunks(self, size: int = _CHUNK) -> AsyncIterator[bytes]:
        """The body, unpacked, in pieces of at most ``size`` bytes; the far side waits while nobody asks for more.

        Raises:
            Signal: it broke off.
        """
        try:
            async for chunk in self._answer.content.iter_chunked(size):
                yield chunk
        except _BROKEN as error:
            raise cleaned(failure(error, self._asked), self._clean) from None


def cleaned(signal: Signal, clean: Callable[[str], str]) -> Signal:
    """The same signal without our secrets, should the far side have echoed them."""
    said = str(signal)
    if (shown := clean(said)) != said:
        signal.args = (shown,)
    return signal


def _in_pieces(body: bytes | None) -> bytes | io.BytesIO | None:
    """Large bodies go out in pieces: as one piece they would hold up all other requests."""
    return io.BytesIO(body) if body is not None and len(body) > _CHUNK else body


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    received = answer.headers
    headers = {_NAMES[name]: value for name, value in received.items()}
    if len(headers) != len(received):
        # RFC 9110 § 5.2: several lines of one name are one value; `Link` comes so.
        headers = {name: ", ".join(received.getall(name)) for name in headers}
    return headers


def _is_small(headers: dict[str, str]) -> bool:
    """Whether an answer says to be so, and isn't packed: then there is nothing to count while it is read."""
    length = headers.get("content-length", "")
    return (
        length.isdecimal() and len(length) < _DIGITS and int(length) <= MAX_ANSWER and "content-encoding" not in headers
    )


async def _whole(answer: aiohttp.ClientResponse, asked: str) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > MAX_ANSWER:
            answer.close()
            raise Permanent(f"{asked} answered more than {MAX_ANSWER} bytes", status=answer.status)
        chunks.append(chunk)
    return b"".join(chunks)


def _proxy(base: URL) -> str | None:
    """The proxy of the environment for an API, by ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.

    aiohttp's own way, ``trust_env``, reads the user's ``.netrc`` too, and fails if that names a host that we have a
    token for.
    """
    bypassed = base.host is None or proxy_bypass(base.host)
    return None if bypassed else getproxies().get(base.scheme)


def _user_agent() -> str:
    try:
        return f"integration-hub/{version('integration-hub')}"
    except PackageNotFoundError:
        return "integration-hub"
