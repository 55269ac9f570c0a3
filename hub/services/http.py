"""An HTTP API that several units share: one pool, one set of credentials and limits, one meaning of its answers."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, Unpack

import orjson
from yarl import URL

from hub.sdk.errors import ConfigError, NotConnected, Permanent, Signal, Transient
from hub.sdk.policies import RateLimit, ServiceConfig
from hub.sdk.service import Health, LimitState, Response, ServiceInfo
from hub.services.accounts import Accounts
from hub.services.auth import authenticator, credential_name
from hub.services.breaker import Breaker
from hub.services.cache import ResponseCache
from hub.services.endpoints import Balancer, srv_records
from hub.services.failures import refusal
from hub.services.fallback import Asked, FallbackChain
from hub.services.handle import DeliveryHandle
from hub.services.info import described
from hub.services.limits import RateLimiter
from hub.services.limits.limiter import Shared
from hub.services.outages import UNAUTHORIZED, refused_credentials, weighed
from hub.services.pipeline import Policy, Proceed, pipeline
from hub.services.refusals import Refused
from hub.services.request import IDEMPOTENCY_HEADER, Options, Request
from hub.services.retry import Retry
from hub.services.transport import Streamed, Transport, cleaned

log = logging.getLogger("hub.services")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
_NEUTRAL = frozenset({"accept", "accept-language", "content-type"})  # headers that another service gets, too
_KEPT = 2**20  # bytes of an answer that a signal holds
_PATIENCE = 10.0  # seconds for a health check
# A path that stands in a URL as it is written: most do, and parsing a URL takes longer than all policies do.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLAIN = re.compile(r"/?[A-Za-z0-9_~-][A-Za-z0-9_~.-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*/?\Z")


class HttpService:
    """`hub.sdk.Service` over HTTP, with the policies that are declared.

    It connects when it is first used, and belongs to the event loop that uses it. Credentials go to the origin of
    ``base_url`` only, and appear in no error.

    Args:
        name: its name in the schema files.
        config: where the API is, how to sign in, and how to treat it.
        deployment: its deployment's name, for what is shared with other processes.
        services: gives the other services, for fallbacks.
        before: the service before its settings changed: what is known of the same API stays known.

    Raises:
        ConfigError: the token can't be sent in a header, or the base URL holds credentials.
    """

    def __init__(
        self,
        name: str,
        config: ServiceConfig,
        *,
        deployment: str = "hub",
        services: Callable[[str], Asked] | None = None,
        before: HttpService | None = None,
    ) -> None:
        self.name = name
        self._config = config
        self._base = URL(config.base_url)
        if self._base.user is not None or self._base.password is not None:
            raise ConfigError(f"the base_url of service {name} must hold no credentials; give a token under auth")
        self._root = str(self._base).rstrip("/")
        self._root_path = self._base.raw_path.rstrip("/")
        self._simple = not (self._base.raw_query_string or self._base.raw_fragment)
        self._auth = authenticator(
            name,
            config.auth,
            base_url=config.base_url,
            credential=credential_name(deployment, name),
            tls=config.tls.context,
        )
        self._clean: Callable[[str], str] = str if self._auth is None else self._auth.clean
        self._transport = Transport(name, config, self._clean)
        self.accounts = Accounts(config.usage)
        self.cache = ResponseCache(config.cache) if config.cache else None
        self.retry = Retry(config.retry) if config.retry else None
        breaker, limit, servers = config.circuit_breaker, config.rate_limit, config.endpoints
        self.breaker = Breaker(name, breaker, changed=self._told) if breaker else None
        self.limiter = RateLimiter(name, limit, _shared(deployment, name, limit)) if limit else None
        seconds = config.health.interval.total_seconds()
        self.balancer = Balancer(self._base, servers, self._up, seconds, srv_records) if servers else None
        self.fallback = FallbackChain(config.fallback, services or _nobody) if config.fallback else None
        self._looking = asyncio.Lock()
        self._seen: tuple[int, Health] | None = None
        if before is not None:
            self._follow(before)
        innermost: list[Policy | None] = [self._auth, self.accounts]
        outer: list[Policy | None] = [self.cache, self.retry, self.breaker, self.limiter, self.balancer]
        self._proceed = pipeline([*outer, *innermost], self._transport)
        self._checking = pipeline([self.balancer, *innermost], self._transport)
        self._probing = pipeline(innermost, self._transport)

    def _follow(self, before: HttpService) -> None:
        """Goes on where it was before its settings changed: limits, the circuit, answers, counts."""
        was, now = before._config, self._config
        if was.usage == now.usage:
            self.accounts = before.accounts
        if was.base_url != now.base_url:
            return
        if self.limiter is not None and before.limiter is not None:
            self.limiter.follow(before.limiter)
        if was.circuit_breaker == now.circuit_breaker:
            self.breaker = before.breaker
        if (was.cache, was.auth) == (now.cache, now.auth):
            self.cache = before.cache

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections. Requests that come later connect again."""
        for part in (self._auth, self.limiter, self.balancer):
            if part is not None:
                await part.close()
        await self._transport.close()

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Response:
        """One request; see `hub.sdk.Service.request`.

        Redirects are followed within the origin of the base URL: those of GET and HEAD, and those that keep the method.
        """
        return await self.send(self.made(method, path, **options))

    def made(
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
        degraded: bool = False,
        timeout: float | None = None,
    ) -> Request:
        """The request that `request` sends."""
        method = method.upper()
        sent = {name.lower(): value for name, value in headers.items()} if headers else {}
        if json is not None:
            body = orjson.dumps(json)
            sent.setdefault("content-type", "application/json")
        if idempotency_key is not None:
            sent[IDEMPOTENCY_HEADER] = idempotency_key
        text = None
        if self._simple and _PLAIN.match(path):
            below = path if path[0] == "/" else f"/{path}"
            url = self._base.with_path(self._root_path + below, encoded=True)
            text = self._root + below
        else:
            url = self._url(path, method)
            below = self._below(url)
        if params:
            url = url.update_query([(name, _text(value)) for name, value in params.items() if value is not None])
            text = None
        deadline = None if timeout is None else time.monotonic() + timeout
        return Request(
            method, url, sent, body, path=below, user=user, deadline=deadline, fresh=fresh, degraded=degraded, text=text
        )

    def send(self, request: Request) -> Awaitable[Response]:
        """A request that is made already.

        Raises:
            Signal: as `hub.sdk.Service.request`.
        """
        if self.fallback is None or not request.degraded:
            return self._ask(request)
        return self.fallback(request, self._ask)

    async def stand_in(self, request: Request, below: str) -> Response:
        """Answers another service's request; its credentials and conditions stay with that one."""
        url = self._url(below, request.method)
        headers = {name: value for name, value in request.headers.items() if name in _NEUTRAL}
        path = self._below(url)
        asked = request.again(url=url, headers=headers, path=path, hops=request.hops + 1)
        return await self.send(asked)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        user: str = "",
        retries: bool = True,
    ) -> AsyncIterator[Streamed]:
        """A large answer in pieces; see `hub.sdk.Service.stream`."""
        request = self.made(method, path, params=params, headers=headers, user=user)
        request.streamed, request.retries = True, retries
        answer = await self.send(request)
        assert isinstance(answer, Streamed)
        async with answer:
            yield answer

    async def _ask(self, request: Request) -> Response:
        """Redirects are requests of their own, with all policies."""
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                answer = await self._proceed(request)
            except (Transient, NotConnected) as failed:
                if self.breaker is None or isinstance(failed, Refused):
                    raise
                raise await weighed(failed, self.breaker, self._look) from None
            status = answer.status
            if 200 <= status < 300:  # noqa: PLR2004  statuses
                return answer
            if status == 304 and not _CONDITIONS.isdisjoint(request.headers):  # noqa: PLR2004  likewise
                return answer
            method, url = request.method, request.url
            asked = f"{self.name}: {method} {url.path}"
            if status in _REDIRECTS and "location" in answer.headers:
                if method not in ("GET", "HEAD") and status not in (307, 308):
                    raise Permanent(
                        f"{asked} was redirected with {status}, which would make a GET of it", status=status
                    )
                url = self._url(_led(url, answer.headers["location"], asked), method)
                request = request.again(url=url, path=self._below(url))
                continue
            signal = cleaned(refusal(status, answer.headers, answer.body, asked), self._clean)
            if status == UNAUTHORIZED:
                signal = refused_credentials(self.name, self._config.auth, signal)
            elif self.breaker is not None and not isinstance(signal, Permanent):
                signal = await weighed(signal, self.breaker, self._look)
            signal.answer = answer if len(answer.body) <= _KEPT else None
            raise signal
        raise Permanent(f"{asked} was redirected more than {_MOST_REDIRECTS} times", status=status)

    async def health(self) -> Health:
        """Asks once, past all policies but those of the connection; see `hub.sdk.Service.health`."""
        return await self._checked(self._url(self._config.health.path, "GET"), self._checking)

    async def _look(self) -> Health:
        """One health check each time that the circuit opens, however many requests have failed by then."""
        assert self.breaker is not None
        async with self._looking:
            if self._seen is None or self._seen[0] != self.breaker.opened:
                self._seen = self.breaker.opened, await self.health()
            return self._seen[1]

    async def _up(self, base: URL) -> bool:
        """Whether one server works."""
        url = URL(f"{str(base).rstrip('/')}{self._config.health.path}")
        return (await self._checked(url, self._probing)).healthy

    async def _checked(self, url: URL, proceed: Proceed) -> Health:
        check, began = self._config.health, time.monotonic()
        try:
            status = (await proceed(Request("GET", url, deadline=began + _PATIENCE))).status
        except Signal as signal:
            return Health(healthy=False, detail=str(signal), seconds=time.monotonic() - began, status=signal.status)
        healthy = status in check.status if check.status else 200 <= status < 400  # noqa: PLR2004  statuses
        return Health(healthy, f"GET {check.path} answered {status}", time.monotonic() - began, status)

    def for_deliveries(self) -> DeliveryHandle:
        """This service for a sink."""
        return DeliveryHandle(self)

    def clean(self, text: str) -> str:
        """A text without our secrets."""
        return self._clean(text)

    def limits(self) -> list[LimitState]:
        """The rate limits as they are now."""
        return [] if self.limiter is None else self.limiter.states

    def info(self) -> ServiceInfo:
        """What it is and how it fares."""
        return described(self)

    @property
    def addresses(self) -> dict[str, bool]:
        """Origins of the API's servers, with whether each counts as up."""
        if self.balancer is not None:
            return {str(each.base.origin()): not each.down for each in self.balancer.servers}
        down = self.breaker is not None and self.breaker.state == "open"
        return {str(self._base.origin()): not down}

    def _told(self, state: str, reason: str) -> None:
        level = logging.WARNING if state == "open" else logging.INFO
        log.log(level, "service %s: circuit %s: %s", self.name, state.replace("_", " "), reason)

    def _below(self, url: URL) -> str:
        """The path below the base URL: what endpoint patterns match."""
        base, path = self._base.path.rstrip("/"), url.path
        return path[len(base) :] if base and path.startswith(base + "/") else path

    def _url(self, path: str, method: str) -> URL:
        """The full URL, which must lie at the API's own origin, as it gets the credentials."""
        if not _ABSOLUTE.match(path):
            return URL(f"{self._root}/{path.lstrip('/')}")
        try:
            url = URL(path, encoded=True)
            url.origin(), url.port  # each looks at a part of it
        except ValueError:
            raise Permanent(f"{self.name}: {method} leads to what is no URL") from None
        if self.balancer is not None:
            url = self.balancer.home(url)
        if url.origin() != self._base.origin():
            raise Permanent(
                f"{self.name}: {method} leads from {self._base.origin()} to {url.origin()}, where our credentials must "
                "not go; if the API has moved, change the service's base_url"
            )
        return url


def _shared(deployment: str, name: str, limit: RateLimit) -> Shared | None:
    if limit.redis is None:
        return None
    from hub.services.limits.shared import SharedLimits  # noqa: PLC0415  an extra

    return SharedLimits(limit.redis, limit.key or f"{deployment}.{name}")


def _led(url: URL, location: str, asked: str) -> str:
    """Where a redirect leads."""
    try:
        return str(url.join(URL(location)))
    except ValueError:
        raise Permanent(f"{asked} was redirected to what is no URL") from None


def _nobody(name: str) -> Asked:
    raise ConfigError(f"there is no service {name} to fall back to")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
