"""What a failed request means: the one place where aiohttp's exceptions and HTTP statuses become signals."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import aiohttp
import orjson
from aiohttp import http_exceptions
from aiohttp.client_exceptions import UnixClientConnectorError

from hub.sdk.errors import NotConnected, Permanent, Signal, Transient
from hub.sdk.statuses import meaning
from hub.services.throttling import pause_asked

SIGNALS: Mapping[type[BaseException], type[Signal]] = {
    # Nobody is there, or nobody that we can talk to.
    aiohttp.ClientConnectorError: NotConnected,
    aiohttp.ClientConnectorDNSError: NotConnected,
    aiohttp.ClientConnectorSSLError: NotConnected,
    aiohttp.ClientConnectorCertificateError: NotConnected,
    aiohttp.ClientSSLError: NotConnected,
    aiohttp.ClientProxyConnectionError: NotConnected,
    aiohttp.ClientHttpProxyError: NotConnected,
    UnixClientConnectorError: NotConnected,
    aiohttp.ConnectionTimeoutError: NotConnected,
    OSError: NotConnected,
    # It was there, and the exchange broke: it may have been done or not.
    aiohttp.ClientError: Transient,
    aiohttp.ClientConnectionError: Transient,
    aiohttp.ClientConnectionResetError: Transient,
    aiohttp.ClientOSError: Transient,
    aiohttp.ClientPayloadError: Transient,
    aiohttp.ClientResponseError: Transient,
    aiohttp.ServerConnectionError: Transient,
    aiohttp.ServerDisconnectedError: Transient,
    aiohttp.ServerTimeoutError: Transient,
    aiohttp.SocketTimeoutError: Transient,
    asyncio.TimeoutError: Transient,
    http_exceptions.HttpProcessingError: Transient,
    http_exceptions.BadHttpMessage: Transient,
    # The same request can't work another time.
    aiohttp.ServerFingerprintMismatch: Permanent,
    aiohttp.ContentTypeError: Permanent,
    aiohttp.TooManyRedirects: Permanent,
    aiohttp.InvalidURL: Permanent,
    aiohttp.InvalidUrlClientError: Permanent,
    aiohttp.InvalidUrlRedirectClientError: Permanent,
    aiohttp.NonHttpUrlClientError: Permanent,
    aiohttp.NonHttpUrlRedirectClientError: Permanent,
    aiohttp.RedirectClientError: Permanent,
    ValueError: Permanent,
}
"""Signal by exception; an exception that isn't listed is taken as its nearest base class."""

_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_SHOWN = 300  # characters of an answer that an error shows
_WORDS = ("message", "error_description", "detail", "title", "error")


def failure(error: BaseException, request: str) -> Signal:
    """The signal for an exception of the HTTP client.

    Args:
        error: as it was raised.
        request: what was asked, for people, e.g. ``github: GET /repos``.
    """
    kind = next((SIGNALS[each] for each in type(error).__mro__ if each in SIGNALS), Transient)
    # The URL of a proxy may hold its password.
    said = _CREDENTIALS.sub("://***@", str(error).strip()) or type(error).__name__
    return kind(f"{request} failed: {said[:_SHOWN]}")


def refusal(status: int, headers: Mapping[str, str], body: bytes, request: str) -> Signal:
    """The signal for an answer that is no success.

    Args:
        status: HTTP status.
        headers: with lower-case names.
        body: what it says.
        request: what was asked, for people.
    """
    wait = pause_asked(headers)
    kind = meaning(status, wait)
    message = f"{request} answered {status}: {_said(body)}"
    return kind(message, status=status, retry_after=None if kind is Permanent else wait)


def _said(body: bytes) -> str:
    """An answer's own words in one line: its message where it is JSON that has one, otherwise its beginning."""
    text = body[: 4 * _SHOWN].decode(errors="replace")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        text = next((said for word in _WORDS if isinstance(said := document.get(word), str) and said), text)
    return " ".join(text.split())[:_SHOWN] or "nothing more"
