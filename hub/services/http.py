"""An HTTP API that several units share: one pool, one set of credentials and limits, one meaning of its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from yarl import URL

from hub.sdk.errors import ConfigError, Permanent
from hub.sdk.policies import ServiceConfig
from hub.sdk.service import Response
from hub.services.bearer import Bearer
from hub.services.failures import refusal
from hub.services.pipeline import Authenticator, pipeline
from hub.services.request import IDEMPOTENCY_HEADER, Request
from hub.services.transport import Transport, cleaned

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})


class HttpService:
    """`hub.sdk.Service` over HTTP, with the policies that are declared.

    It connects when it is first used, and belongs to the event loop that uses it. Credentials go to the origin of
    ``base_url`` only, and appear in no error.

    Args:
        name: its name in the schema files.
        config: where the API is, how to sign in, and how to treat it.

    Raises:
        ConfigError: the token can't be sent in a header, or the base URL holds credentials.
    """

    def __init__(self, name: str, config: ServiceConfig) -> None:
        self.name = name
        self._base = URL(config.base_url)
        if self._base.user is not None or self._base.password is not None:
            raise ConfigError(f"the base_url of service {name} must hold no credentials; give a token under auth")
        self._auth: Authenticator = Bearer(name, config.auth)
        self._transport = Transport(name, config, self._auth.clean)
        self._proceed = pipeline([self._auth], self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections. Requests that come later connect again."""
        await self._transport.close()
        await self._auth.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        user: str = "",
        idempotency_key: str | None = None,
        fresh: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109  of all attempts together
    ) -> Response:
        """One request; see `hub.sdk.Service.request`.

        Redirects are followed within the origin of the base URL: those of GET and HEAD, and those that keep the method.
        """
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            body = orjson.dumps(json)
            sent.setdefault("content-type", "application/json")
        if idempotency_key is not None:
            sent[IDEMPOTENCY_HEADER] = idempotency_key
        url = self._url(path, method)
        if params:
            url = url.update_query([(name, _text(value)) for name, value in params.items() if value is not None])
        deadline = None if timeout is None else time.monotonic() + timeout
        return await self.send(Request(method, url, sent, body, user=user, deadline=deadline))

    async def send(self, request: Request) -> Response:
        """A request that is made already; redirects are requests of their own, with all policies."""
        method, url = request.method, request.url
        conditional = not _CONDITIONS.isdisjoint(request.headers)
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._proceed(request.again(url=url))
            status = answer.status
            if 200 <= status < 300 or (status == 304 and conditional):  # noqa: PLR2004  statuses
                return answer
            asked = f"{self.name}: {method} {url.path}"
            if status in _REDIRECTS and "location" in answer.headers:
                if method not in ("GET", "HEAD") and status not in (307, 308):
                    raise Permanent(
                        f"{asked} was redirected with {status}, which would make a GET of it", status=status
                    )
                url = self._url(str(url.join(URL(answer.headers["location"]))), method)
                continue
            raise cleaned(refusal(status, answer.headers, answer.body, asked), self._auth.clean)
        raise Permanent(f"{asked} was redirected more than {_MOST_REDIRECTS} times", status=status)

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


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
