"""Far sides go wrong as each fault says, do beforehand what it says that they do, and are well afterwards."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from hub.testing.certificates import AUTHORITY
from hub.testing.conformance import BY_NAME, FAULTS, TcpFarSide

from .notes import NotesApi

WAIT = 0.3
QUESTION = b"a question of some length, so that its answer is cut off\n"


class Echo(TcpFarSide):
    """A server that gives back each line."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.lines: list[bytes] = []


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                far_side.lines.append(line)
                writer.write(line)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    far_side = Echo(server.sockets[0].getsockname()[1])
    async with far_side:
        yield far_side
    server.close()


async def asked(echo: Echo) -> str | bytes:
    """The answer to a line, or how there was none."""
    context = ssl.create_default_context(cafile=AUTHORITY) if echo.secure else None
    writer = None
    try:
        async with asyncio.timeout(WAIT if echo.patience != TcpFarSide.patience else 10):
            reader, writer = await asyncio.open_connection("127.0.0.1", echo.port, ssl=context)
            writer.write(QUESTION)
            return await reader.readline() or "closed"
    except (OSError, TimeoutError) as error:
        return type(error).__name__
    finally:
        if writer is not None:
            writer.transport.abort()


@pytest.mark.parametrize(
    ("fault", "said", "done"),
    [
        ("refused", "ConnectionRefusedError", 0),
        ("timeout", "TimeoutError", 0),
        ("timeout_done", "TimeoutError", 1),
        ("stalled", "TimeoutError", 1),
        ("reset", "ConnectionResetError", 0),
        ("reset_done", "ConnectionResetError", 1),
        ("truncated", "ConnectionResetError", 1),
        ("handshake", "ConnectionResetError", 0),
        ("certificate", "SSLCertVerificationError", 0),
    ],
)
async def test_a_server_over_tcp_goes_wrong(echo: Echo, fault: str, said: str, done: int) -> None:
    """Whether the server got the line is as the fault says; afterwards it answers."""
    echo.secure = BY_NAME[fault].secure
    assert await asked(echo) == QUESTION
    echo.lines.clear()
    echo.patience = "short" if BY_NAME[fault].slow else echo.patience
    async with echo.fault(fault):
        assert await asked(echo) == said
    echo.patience = TcpFarSide.patience
    assert len(echo.lines) == done == BY_NAME[fault].done
    assert await asked(echo) == QUESTION


async def test_garbage_takes_the_place_of_an_answer(echo: Echo) -> None:
    """Bytes that no server of the protocol would send."""
    async with echo.fault("garbage"):
        assert b"none of the protocol's frames" in await asked(echo)
    assert echo.lines == [QUESTION]


OUTCOMES = {
    "refused": "ClientConnectorError",
    "timeout": "TimeoutError",
    "timeout_done": "TimeoutError",
    "stalled": "TimeoutError",
    "throttled": "429 7",
    "throttled_until": "429 date",
    "error": "500",
    "unavailable": "503",
    "reset": "ServerDisconnectedError",
    "reset_done": "ServerDisconnectedError",
    "truncated": "ClientPayloadError",
    "garbage": "ClientResponseError",
    "malformed": "200 JSONDecodeError",
    "login_page": "200 ContentTypeError",
    "alien": "200 alien",
    "handshake": "ClientConnectorError",
    "certificate": "ClientConnectorCertificateError",
}


async def outcome(api: NotesApi, seconds: float) -> str:
    """What aiohttp makes of a request."""
    verified = ssl.create_default_context(cafile=AUTHORITY) if api.secure else True
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=verified), timeout=timeout) as session:
        try:
            async with session.post(f"{api.url}/notes?key=k") as answer:
                body = await answer.read()
                wait = answer.headers.get("Retry-After", "")
                if answer.status != 200:
                    return f"{answer.status} {wait if wait.isdigit() or not wait else 'date'}".strip()
                document = await answer.json()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if isinstance(error, (aiohttp.ContentTypeError, json.JSONDecodeError)):
                return f"200 {type(error).__name__}"
            kinds = [each.__name__ for each in type(error).__mro__]
            return next((each for each in kinds if each in OUTCOMES.values()), kinds[0])
    return "right" if document == {"taken": "k"} else f"200 {'alien' if b'Hello' in body else 'wrong'}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
async def test_an_http_api_goes_wrong(fault) -> None:
    """The first request passes where it is told to; whether the second was done is as the fault says."""
    async with NotesApi() as api:
        api.secure = fault.secure
        at_once = fault.secure or fault.name == "refused"
        async with api.fault(fault.name, after=0 if at_once else 1):
            if not at_once:
                assert await outcome(api, 10) == "right"
            api.keys.clear()
            assert await outcome(api, WAIT if fault.slow and fault.name != "garbage" else 10) == OUTCOMES[fault.name]
            assert api.met == 1
            assert bool(api.keys) == fault.done
        assert await outcome(api, 10) == "right"
