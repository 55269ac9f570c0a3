"""Requests to those who give credentials out: rare, small, never redirected, and with nothing of them in an error."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from yarl import URL

from hub.sdk.errors import ConfigError, Permanent
from hub.secrecy import cleaned
from hub.services.auth.errors import ProviderAway
from hub.services.failures import failure
from hub.services.throttling import pause_asked

TLSContext = Callable[[], ssl.SSLContext]
"""Makes the context of a service's TLS, of the files as they are now."""

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)
_LARGEST = 2**20  # bytes of an answer; key sets and metadata have some thousands
_LATER = 10.0  # seconds after which one that can't be reached is asked again
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        status: HTTP status.
        document: a JSON object, empty if it was none.
        items: a JSON array, empty if it was none.
        retry_after: seconds that it asked us to wait.
    """

    status: int
    document: Mapping[str, Any]
    items: Sequence[Any]
    retry_after: float | None


class Exchange:
    """Asks servers for credentials, on behalf of one service.

    Args:
        service: its name, for errors.
        allow_http: whether without TLS, too; on this machine always.
        tls: which authorities to trust, and our certificate; the system's and none if not given.
    """

    def __init__(self, service: str, *, allow_http: bool = False, tls: TLSContext | None = None) -> None:
        self.service = service
        self._allow_http = allow_http
        self._tls = tls

    async def get(self, url: str, headers: Mapping[str, str] | None = None, secrets: Iterable[str] = ()) -> Answer:
        """Reads a JSON document; see `post`."""
        return await self._ask("GET", url, headers or {}, None, secrets)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], secrets: Iterable[str] = ()) -> Answer:
        """Sends something.

        Args:
            url: where.
            body: what.
            headers: how.
            secrets: what must not appear in an error.

        Raises:
            ProviderAway: there was no answer; it says when to ask again.
            ConfigError: the URL is one that secrets must not go to.
        """
        return await self._ask("POST", url, headers, body, secrets)

    async def _ask(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None, secrets: Iterable[str]
    ) -> Answer:
        url = self.checked(address)
        asked = f"{self.service}: {method} {url.origin()}{url.path}"
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(
                    method,
                    url,
                    data=body,
                    headers={"accept": "application/json", "user-agent": "integration-hub", **headers},
                    allow_redirects=False,  # a redirect would carry our secret to wherever it leads
                    proxy=None if proxy_bypass(url.host or "") else getproxies().get(url.scheme),
                    ssl=self._tls() if self._tls is not None else True,
                ) as response,
            ):
                content = await response.content.read(_LARGEST)
                while len(content) < _LARGEST and (more := await response.content.read(_LARGEST - len(content))):
                    content += more
                received = {name.lower(): value for name, value in response.headers.items()}
                found = _json(content)
                return Answer(
                    response.status,
                    found if isinstance(found, dict) else {},
                    found if isinstance(found, list) else (),
                    pause_asked(received),
                )
        except Permanent as unusable:  # the files of its TLS
            raise ConfigError(f"service {self.service}: {unusable}") from None
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            # Without the cause, as its text may hold what ours must not.
            message = cleaned(str(failure(error, asked)), secrets)
            raise ProviderAway(message, retry_after=_LATER) from None

    def checked(self, address: str) -> URL:
        """A URL that secrets may go to.

        Raises:
            ConfigError: it may be listened to.
        """
        try:
            url = URL(address)
        except ValueError:
            raise ConfigError(f"service {self.service}: expected a URL of the provider") from None
        if url.scheme == "https" or (url.scheme == "http" and (self._allow_http or url.host in _LOOPBACK)):
            return url
        raise ConfigError(
            f"service {self.service}: {url.scheme}://{url.host} would get our secrets without TLS; expected https://, "
            "or `allow_http: true` in a network that you trust"
        )


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
