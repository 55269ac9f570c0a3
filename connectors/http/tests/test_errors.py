"""Every error that aiohttp's client knows has a meaning here."""

from __future__ import annotations

import socket
import ssl

import aiohttp
import pytest
import yarl
from aiohttp.client_exceptions import UnixClientConnectorError
from aiohttp.client_reqrep import ConnectionKey

from connectors.http import errors
from hub.sdk import NotConnected, Permanent, Signal, Transient

SECRET_URL = yarl.URL("http://host/services/canary")

MEANING: dict[str, type[Signal]] = {
    # nothing was sent
    "ClientConnectorError": NotConnected,
    "ClientConnectorDNSError": NotConnected,
    "ClientConnectorSSLError": NotConnected,
    "ClientConnectorCertificateError": NotConnected,
    "ClientSSLError": NotConnected,
    "ClientProxyConnectionError": NotConnected,
    "UnixClientConnectorError": NotConnected,
    "ClientHttpProxyError": NotConnected,
    "ConnectionTimeoutError": NotConnected,
    "ServerFingerprintMismatch": NotConnected,
    # it may have arrived
    "ClientError": Transient,
    "ClientResponseError": Transient,
    "ClientConnectionError": Transient,
    "ClientConnectionResetError": Transient,
    "ClientOSError": Transient,
    "ServerConnectionError": Transient,
    "ServerTimeoutError": Transient,
    "SocketTimeoutError": Transient,
    "ServerDisconnectedError": Transient,
    "ClientPayloadError": Transient,
    "UploadAbortedError": Transient,
    # it can't be sent, or is none of ours
    "InvalidURL": Permanent,
    "InvalidUrlClientError": Permanent,
    "InvalidUrlRedirectClientError": Permanent,
    "NonHttpUrlClientError": Permanent,
    "NonHttpUrlRedirectClientError": Permanent,
    "RedirectClientError": Permanent,
    "TooManyRedirects": Permanent,
    "ContentTypeError": Permanent,
    "WSServerHandshakeError": Permanent,
}


def descendants(kind: type[BaseException]) -> set[type[BaseException]]:
    """All classes below one, itself included."""
    return {kind}.union(*(descendants(each) for each in kind.__subclasses__()))


def vendor() -> list[type[BaseException]]:
    """All exceptions of aiohttp's client."""
    found = {each for each in descendants(aiohttp.ClientError) if each.__module__.startswith("aiohttp.")}
    return sorted(found, key=lambda each: each.__name__)


KEY = ConnectionKey("host", 1, False, True, None, None, None)  # noqa: FBT003  aiohttp's own tuple
INFO = aiohttp.RequestInfo(SECRET_URL, "POST", {}, SECRET_URL)  # type: ignore[arg-type]  no headers are needed

EXAMPLES: list[tuple[type[BaseException], tuple[object, ...]]] = [
    (UnixClientConnectorError, ("/path", KEY, OSError(1, "words"))),
    (aiohttp.ClientConnectorCertificateError, (KEY, ssl.SSLCertVerificationError(1, "certificate verify failed"))),
    (aiohttp.ClientConnectorError, (KEY, OSError(1, "words"))),
    (aiohttp.ClientResponseError, (INFO, ())),
    (aiohttp.ServerFingerprintMismatch, (b"a", b"b", "host", 1)),
    (aiohttp.InvalidURL, (SECRET_URL,)),
    (aiohttp.ClientError, ("words",)),
]


def example(kind: type[BaseException]) -> BaseException:
    return kind(*next(arguments for base, arguments in EXAMPLES if issubclass(kind, base)))


@pytest.mark.parametrize("kind", vendor(), ids=lambda kind: kind.__name__)
def test_every_vendor_exception_has_a_meaning(kind: type[BaseException]) -> None:
    """A class that a new version of aiohttp adds fails here until somebody has thought about it. None shows the URL."""
    signal = errors.signal(example(kind), "POST http://host", seconds=1)
    assert type(signal) is MEANING[kind.__name__]
    assert str(signal).startswith("POST http://host: ")
    assert "canary" not in str(signal)


@pytest.mark.parametrize("error", [TimeoutError(), OSError(5, "I/O error"), ConnectionResetError(), BrokenPipeError()])
def test_what_asyncio_raises_is_transient(error: BaseException) -> None:
    """After a request was sent, a broken connection or a timeout means that nobody knows."""
    assert type(errors.signal(error, "x", seconds=1)) is Transient


@pytest.mark.parametrize(
    ("number", "expected"), [(socket.EAI_NONAME, Transient), (socket.EAI_AGAIN, NotConnected)], ids=["unknown", "again"]
)
def test_unknown_host_of_an_event_is_that_event_s_fault(number: int, expected: type[Signal]) -> None:
    """A name that doesn't exist is told from a resolver that doesn't answer."""
    error = aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(number, "words"))
    assert type(errors.signal(error, "x", seconds=1, by_event=True)) is expected
    assert type(errors.signal(error, "x", seconds=1)) is NotConnected


def test_bugs_are_not_hidden() -> None:
    """An exception that nothing here knows is raised as it is."""
    with pytest.raises(AttributeError):
        errors.signal(AttributeError("a bug"), "x", seconds=1)


def test_the_url_in_aiohttp_s_words_is_left_out() -> None:
    """A write that fails says "Can not write request body for" the URL; the operating system's words stand instead."""
    error = aiohttp.ClientOSError(32, f"Can not write request body for {SECRET_URL}")
    assert str(errors.signal(error, "x", seconds=1)).endswith(": Broken pipe")
