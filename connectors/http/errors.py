"""The one place where aiohttp's exceptions become signals of the hub."""

from __future__ import annotations

import asyncio
import os
import socket

import aiohttp

from hub.sdk import NotConnected, Permanent, Signal, Transient

# No request was sent.
_UNREACHABLE = (
    aiohttp.ClientConnectorError,  # refused, unknown host, TLS handshake, certificate, proxy
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.ClientHttpProxyError,
)
# The request makes no sense to aiohttp.
_UNSENDABLE = (
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.RedirectClientError,
    aiohttp.TooManyRedirects,
    aiohttp.ContentTypeError,
    aiohttp.WSServerHandshakeError,
)
_UNKNOWN_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def signal(error: BaseException, shown: str, *, seconds: float, by_event: bool = False) -> Signal:
    """The signal for a request that got no answer.

    What may have arrived is transient: it is tried again with the same idempotency key.

    Args:
        error: aiohttp's or asyncio's.
        shown: the request in a few words.
        seconds: the limit for the whole request.
        by_event: whether the URL is computed from the event, so that an unknown host may be that event's fault alone.
    """
    if isinstance(error, aiohttp.ClientConnectorDNSError) and by_event and error.os_error.errno in _UNKNOWN_HOST:
        return Transient(f"{shown}: there is no such host")
    if isinstance(error, _UNREACHABLE):
        return NotConnected(f"{shown}: no connection: {_cause(error)}")
    if isinstance(error, _UNSENDABLE):
        return Permanent(f"{shown}: expected a request that can be sent: {type(error).__name__}")
    if isinstance(error, TimeoutError):
        return Transient(f"{shown}: no answer within {seconds:g} s")
    if isinstance(error, (aiohttp.ClientError, OSError, asyncio.IncompleteReadError)):
        return Transient(f"{shown}: the connection broke before the answer was complete: {_cause(error)}")
    if isinstance(error, RuntimeError) and "closed" in str(error):  # "Session is closed"
        return NotConnected(f"{shown}: the sink is closed")
    raise error


def _cause(error: BaseException) -> str:
    """The operating system's words; aiohttp's own hold the whole URL."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"certificate refused: {getattr(error.certificate_error, 'verify_message', None) or 'unknown reason'}"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientOSError) and not isinstance(error, aiohttp.ClientConnectorError):
        # In place of these words aiohttp may have put its own: "Can not write request body for" the URL.
        return os.strerror(error.errno) if error.errno else type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, aiohttp.ClientResponseError):
        return error.message or type(error).__name__
    return type(error).__name__
