"""Every exception of the HTTP client means something, decided on purpose."""

import inspect
from types import ModuleType

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions

from hub.sdk import NotConnected, Permanent, Transient
from hub.services.failures import SIGNALS, failure

# They belong to WebSockets, to multipart bodies and to readers at the end of a stream, which services don't use.
ELSEWHERE = {
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "EofStream",
    "UploadAbortedError",
    "WSMessageTypeError",
    "WSServerHandshakeError",
    "WebSocketError",
}


def exceptions(module: ModuleType) -> list[type[BaseException]]:
    return [
        each
        for name, each in vars(module).items()
        if inspect.isclass(each)
        and issubclass(each, Exception)
        and name not in ELSEWHERE
        and "aiohttp" in each.__module__
    ]


def test_no_exception_of_the_http_client_is_forgotten() -> None:
    """One that a new version adds fails here until somebody has decided what it means."""
    found = {*exceptions(aiohttp), *exceptions(client_exceptions)}
    raised_by_servers = {each for each in found if issubclass(each, aiohttp.web.HTTPException)}
    assert len(found) > 20
    assert {each.__name__ for each in found - raised_by_servers if each not in SIGNALS} == set()


def test_no_exception_of_the_http_parser_is_unknown() -> None:
    """They reach us wrapped, as a rule; each is taken as its base class says."""
    parser = exceptions(http_exceptions)
    assert http_exceptions.BadStatusLine in parser
    for each in parser:
        assert any(base in SIGNALS for base in each.__mro__), each


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, "refused"), NotConnected),
        (aiohttp.ConnectionTimeoutError(), NotConnected),
        (aiohttp.SocketTimeoutError(), Transient),
        (TimeoutError(), Transient),
        (aiohttp.ServerDisconnectedError(), Transient),
        (aiohttp.InvalidURL("x"), Permanent),
        (RuntimeError("never seen"), Transient),
    ],
)
def test_a_failure_keeps_what_was_asked_and_what_was_said(error: Exception, kind: type) -> None:
    """Exceptions without words show their name."""
    signal = failure(error, "far: GET /x")
    assert type(signal) is kind
    assert str(signal).startswith("far: GET /x failed: ")
    assert not str(signal).endswith(": ")
