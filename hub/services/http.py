"""An HTTP API that several units share: one connection pool, one set of credentials, one meaning of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from hub.sdk.config import Auth
from hub.sdk.policies import ServiceConfig
from hub.sdk.errors import ConfigError, Permanent, Signal
from hub.sdk.service import Response
from hub.services.failures import failure, refusal

CONNECT_LIMIT = 10.0
"""Seconds to connect, name lookup and TLS included."""
SILENCE_LIMIT = 30.0
"""Seconds without a byte of the answer."""
TOTAL_LIMIT = 120.0
"""Seconds for a whole request."""
MAX_ANSWER = 32 * 2**20
"""Largest answer in bytes, unpacked."""
CONNECTIONS = 16
"""Requests under way at once; others wait for their turn."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CHUNK = 2**16
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})


class HttpService:
    """`hub.sdk.Service` on aiohttp.

    It connects when it is first used, and belongs to the event loop that uses it. Credentials go to the origin of
    ``base_url`` only, and appear in no error.

    Args:
        name: its name in the schema files.
        config: where the API is, and how to sign in.

    Raises:
        ConfigError: the token can't be sent in a header, or the base URL holds credentials.
    """

    def __init__(self, name: str, config: ServiceConfig) -> None:
        self.name = name
        self._base = URL(config.base_url)
        if self._base.user is not None or self._base.password is not None:
            raise ConfigError(f"the base_url of service {name} must hold no credentials; give a token under auth")
        self._token = _token(name, config.auth)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections. Requests that come later connect again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
    ) -> Response:
        """One request; see `hub.sdk.Service.request`.

        Redirects are followed within the origin of the base URL: those of GET and HEAD, and those that keep the method.
        """
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            body = orjson.dumps(json)
            sent.setdefault("content-type", "application/json")
        url = self._url(path, method)
        if params:
            url = url.update_query([(name, _text(value)) for name, value in params.items() if value is not None])
        for _ in range(_MOST_REDIRECTS + 1):
            asked = f"{self.name}: {method} {url.path}"
            status, answer, content = await self._send(method, url, sent, body, asked)
            if status in _REDIRECTS and "location" in answer:
                if method not in ("GET", "HEAD") and status not in (307, 308):
                    raise Permanent(
                        f"{asked} was redirected with {status}, which would make a GET of it", status=status
                    )
                url = self._url(str(url.join(URL(answer["location"]))), method)
                continue
            if 200 <= status < 300 or (status == 304 and _CONDITIONS & sent.keys()):  # noqa: PLR2004  statuses
                return Response(status, answer, content, str(url))
            raise self._clean(refusal(status, answer, content, asked))
        raise Permanent(f"{asked} was redirected more than {_MOST_REDIRECTS} times", status=status)

    async def _send(
        self, method: str, url: URL, headers: dict[str, str], body: bytes | None, asked: str
    ) -> tuple[int, dict[str, str], bytes]:
        session = self._connected()
        try:
            async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as answer:
                received = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status, received, await _whole(answer, asked)
        except Signal as signal:
            raise self._clean(signal) from None
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            # Without the cause, as its text may hold what ours must not.
            raise self._clean(failure(error, asked)) from None

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            headers = {"user-agent": _user_agent(), "accept": "application/json"}
            if self._token:
                headers["authorization"] = f"Bearer {self._token}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=TOTAL_LIMIT, sock_connect=CONNECT_LIMIT, sock_read=SILENCE_LIMIT),
                headers=headers,
                proxy=_proxy(self._base),
            )
        return self._session

    def _url(self, path: str, method: str) -> URL:
        """The full URL, which must lie at the API's own origin, as it gets the credentials."""
        if "://" not in path:
            return URL(f"{str(self._base).rstrip('/')}/{path.lstrip('/')}")
        url = URL(path, encoded=True)
        if url.origin() != self._base.origin():
            raise Permanent(
                f"{self.name}: {method} leads from {self._base.origin()} to {url.origin()}, where our credentials must "
                "not go; if the API has moved, change the service's base_url"
            )
        return url

    def _clean(self, signal: Signal) -> Signal:
        """The same signal without the token, should the far side have echoed it."""
        if self._token and self._token in str(signal):
            signal.args = (str(signal).replace(self._token, "***"),)
        return signal


async def _whole(answer: aiohttp.ClientResponse, asked: str) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > MAX_ANSWER:
            raise Permanent(f"{asked} answered more than {MAX_ANSWER} bytes", status=answer.status)
        chunks.append(chunk)
    return b"".join(chunks)


def _token(name: str, auth: Auth) -> str:
    token = (auth.token or SecretStr("")).get_secret_value().strip()
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"the token of service {name} can't be sent in a header: it must be printable ASCII")
    return token


def _proxy(base: URL) -> str | None:
    """The proxy of the environment for an API, by ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.

    aiohttp's own way, ``trust_env``, reads the user's ``.netrc`` too, and fails if that names a host that we have a
    token for.
    """
    bypassed = base.host is None or proxy_bypass(base.host)
    return None if bypassed else getproxies().get(base.scheme)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _user_agent() -> str:
    try:
        return f"integration-hub/{version('integration-hub')}"
    except PackageNotFoundError:
        return "integration-hub"
