"""The HTTP sink: one request per event, many at once, each judged by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson
import yarl

from connectors.http import errors
from connectors.http.config import HttpConfig
from hub.sdk import Delivery, Event, Permanent, Signal, Sink, UnitContext, WriteFailed


class HttpSink(Sink[HttpConfig]):
    """Sends events to an HTTP API: at least once, with the same idempotency key at every attempt."""

    def __init__(self, config: HttpConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._session: aiohttp.ClientSession | None = None

    @property
    def far_side(self) -> str:
        """The API's host, or that it is computed."""
        if not self.config.url.constant:
            return "HTTP, by expression"
        return yarl.URL(self.config.url.source).authority.rpartition("@")[2]

    async def open(self) -> None:
        """Makes the session; connections are made when there is something to send.

        Raises:
            Permanent: a certificate file can't be read.
        """
        config = self.config
        timeout = aiohttp.ClientTimeout(
            total=config.timeout.total_seconds(), sock_connect=config.connect_timeout.total_seconds()
        )
        self._session = aiohttp.ClientSession(
            # The engine bounds what is under way.
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls()),
            timeout=timeout,
            headers=self._fixed_headers(),
            trust_env=config.use_proxy,
            cookie_jar=aiohttp.DummyCookieJar(),
            raise_for_status=False,
        )

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Sends all of the batch at once.

        Raises:
            WriteFailed: by index, what became of those that the API did not take.
        """
        outcomes = await asyncio.gather(*(self._send(delivery) for delivery in batch))
        failures = {index: outcome for index, outcome in enumerate(outcomes) if isinstance(outcome, Signal)}
        replies = [outcome for outcome in outcomes if isinstance(outcome, Event)]
        if failures:
            raise WriteFailed(failures, replies)
        return replies

    async def _send(self, delivery: Delivery) -> Event | Signal | None:
        """One request; the API's answer as an event where one is wanted, or what went wrong."""
        config = self.config
        assert self._session is not None, "open() comes first"
        try:
            method, url, headers, body = self._request(delivery)
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                wanted = config.max_response if config.reply_type else errors.EXCERPT * 4
                said = await _beginning(response, wanted + 1)
        except Permanent as signal:
            return signal
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return errors.of_exception(error, config.timeout.total_seconds())
        signal_ = errors.of_answer(response.status, response.headers, said, config.statuses)
        if signal_ is not None or config.reply_type is None:
            return signal_
        return _reply(delivery, config, response.status, said)

    def _request(self, delivery: Delivery) -> tuple[str, yarl.URL, dict[str, str], bytes | None]:
        event, config = delivery.event, self.config
        headers = {name: _header(name, value(event)) for name, value in config.headers.items()}
        if config.idempotency_header:
            headers[config.idempotency_header] = delivery.idempotency_key
        for name in ("traceparent", "tracestate"):
            if (value := event.header(name)) is not None:
                headers.setdefault(name, value)
        body, content_type = self._body(event)
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = content_type
        return config.method(event), _url(config.url(event)), headers, body

    def _body(self, event: Event) -> tuple[bytes | None, str]:
        if self.config.json_ is not None:
            return orjson.dumps(self.config.json_(event)), "application/json"
        if self.config.body is not None:
            return self.config.body(event).encode(), "text/plain; charset=utf-8"
        return event.raw, event.datacontenttype

    def _fixed_headers(self) -> dict[str, str]:
        auth = self.config.auth
        headers = {name: value.get_secret_value() for name, value in auth.headers.items()}
        headers["User-Agent"] = "integration-hub"
        if auth.bearer is not None:
            headers["Authorization"] = f"Bearer {auth.bearer.get_secret_value()}"
        if auth.basic is not None:
            basic = aiohttp.BasicAuth(auth.basic.username, auth.basic.password.get_secret_value(), "utf-8")
            headers["Authorization"] = basic.encode()
        return headers

    def _tls(self) -> ssl.SSLContext | bool:
        tls = self.config.tls
        if not tls.verify:
            return False
        if tls.ca_file is None and tls.cert_file is None:
            return True
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
            if tls.cert_file is not None:
                context.load_cert_chain(tls.cert_file, tls.key_file)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(each for each in (tls.ca_file, tls.cert_file, tls.key_file) if each)
            raise Permanent(f"expected PEM files under `tls`; can't use {files}: {error}") from error
        return context


async def _beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """At most so many bytes of the answer: a far side that never stops talking must not fill the memory."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(16_384):
        chunks.append(chunk)
        size += len(chunk)
        if size >= limit:
            response.close()
            break
    return b"".join(chunks)[:limit]


def _reply(delivery: Delivery, config: HttpConfig, status: int, body: bytes) -> Event:
    assert config.reply_type is not None
    if len(body) > config.max_response:
        # The API has done its part; only its answer is lost, and that is said.
        data: Any = {"status": status, "error": f"the answer is larger than {config.max_response} bytes"}
    else:
        try:
            data = {"status": status, "body": orjson.loads(body) if body else None}
        except orjson.JSONDecodeError:
            data = {"status": status, "body": body.decode(errors="replace")}
    return delivery.reply(config.reply_type, data)


def _url(text: str) -> yarl.URL:
    try:
        url = yarl.URL(text)
    except ValueError as error:
        raise Permanent(f"expected a URL; got {text!r:.200}: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise Permanent(f"expected an http or https URL; got {text!r:.200}")
    return url


def _header(name: str, value: str) -> str:
    if any(ord(each) < 32 or ord(each) == 127 for each in value):  # noqa: PLR2004  control characters, RFC 9110 § 5.5
        raise Permanent(f"expected no control characters in the header {name}; got {value!r:.200}")
    return value
