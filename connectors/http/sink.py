"""The HTTP sink: a batch as concurrent requests, each reported by itself."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson
import yarl

from connectors.http.answer import failure, verdict
from connectors.http.config import HttpConfig
from connectors.http.excerpt import Excerpts
from connectors.http.request import Request, request
from hub.sdk import Delivery, Event, NotConnected, Permanent, Signal, Sink, UnitContext, WriteFailed

if TYPE_CHECKING:
    import aiohttp

_USER_AGENT = "integration-hub"
_ONE_PIECE = 2**16  # bytes
# Of an answer that nobody needs whole, no more is read than this: bytes for an excerpt or to keep the connection, and
# seconds to wait for them.
_TASTE, _PATIENCE = 16 * 1024, 1.0


class HttpSink(Sink[HttpConfig]):
    """Sends each event as a request. At least once, with the same idempotency key at every attempt."""

    def __init__(self, config: HttpConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._session: aiohttp.ClientSession | None = None
        self._excerpts = Excerpts(config)

    @property
    def far_side(self) -> str:
        """Scheme, host and port; the rest of a webhook's URL is often a secret."""
        url = self.config.url
        return f"HTTP {yarl.URL(url.source).origin()}" if url.constant else "HTTP, URL by event"

    async def open(self) -> None:
        """Makes ready; connections are made when there is something to send.

        Raises:
            Permanent: a file of the TLS settings can't be used.
        """
        import aiohttp  # noqa: PLC0415  a fifth of a second, which those don't wait for who only check a configuration

        await self.close()
        total, connect = (each.total_seconds() for each in (self.config.timeout, self.config.connect_timeout))
        self._session = aiohttp.ClientSession(
            # The engine says how many are under way at once.
            connector=aiohttp.TCPConnector(limit=0, ssl=self.config.tls.context()),
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

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Sends all requests of the batch at once.

        Returns:
            The answers as events, where `reply_type` is configured.

        Raises:
            WriteFailed: by index, what became of those that were not answered with success.
        """
        if len(batch) == 1:  # as the engine does it: needs no task of its own
            try:
                reply = await self._deliver(batch[0])
            except Signal as signal:
                raise WriteFailed({0: signal}) from None
            return [] if reply is None else [reply]
        outcomes = await asyncio.gather(*(self._deliver(each) for each in batch), return_exceptions=True)
        failures: dict[int, Signal] = {}
        replies: list[Event] = []
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, Signal):
                failures[index] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
            elif outcome is not None:
                replies.append(outcome)
        if failures:
            raise WriteFailed(failures, replies)
        return replies

    async def _deliver(self, delivery: Delivery) -> Event | None:
        to_send = request(delivery, self.config)
        if self._session is None:
            raise NotConnected(f"{to_send.shown}: the sink is closed")
        try:
            async with self._session.request(
                to_send.method,
                to_send.url,
                headers=to_send.headers,
                data=_in_pieces(to_send.body),
                proxy=self.config.proxy.get_secret_value() if self.config.proxy else None,
                allow_redirects=False,
            ) as response:
                return await self._settle(response, to_send, delivery)
        except Signal:
            raise
        except Exception as error:  # noqa: BLE001  `errors` knows it, or raises it
            from connectors.http import errors  # noqa: PLC0415  it needs aiohttp, see `open`

            # Not chained: aiohttp's own messages hold the whole URL, and dead letters carry the chain.
            seconds = self.config.timeout.total_seconds()
            by_event = not self.config.url.constant
            raise errors.signal(error, to_send.shown, seconds=seconds, by_event=by_event) from None

    async def _settle(self, response: aiohttp.ClientResponse, sent: Request, delivery: Delivery) -> Event | None:
        meaning = verdict(response.status, self.config.statuses)
        if meaning != "success":
            text = self._excerpts.of(await _taste(response), response.charset, sent.url)
            raise failure(sent.shown, response.status, meaning, response.headers, text)
        if self.config.reply_type is None:
            await _taste(response)
            return None
        return await self._reply(response, sent, delivery, self.config.reply_type)

    async def _reply(
        self, response: aiohttp.ClientResponse, sent: Request, delivery: Delivery, reply_type: str
    ) -> Event:
        limit = self.config.max_response
        body = await _read(response, limit + 1)
        if len(body) > limit:
            raise Permanent(
                f"{sent.shown} took the event, but its answer is longer than `max_response`, {limit} bytes",
                status=response.status,
            )
        try:
            answer = orjson.loads(body) if body else None
        except orjson.JSONDecodeError:
            answer = body.decode(errors="replace")
        return delivery.reply(reply_type, {"status": response.status, "body": answer})


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
