"""Answers that are kept: cache-aside, by the rules of RFC 9111 for a private cache."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Hashable, Mapping

from hub.sdk.errors import NotConnected, Transient
from hub.sdk.policies import Cache, compile_endpoint
from hub.sdk.service import Origin, Response
from hub.services.pipeline import Proceed
from hub.services.request import SAFE, Request
from hub.services.throttling import answered_at, date_of

_CONDITIONS = frozenset({"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "range"})
_DIRECTIVE = re.compile(r'([a-z-]+)(?:\s*=\s*"?(\d{1,12})"?)?')
_OVERHEAD = 1024  # bytes that an answer takes beside its body, about
_NONE: Mapping[str, str] = {}
_OK = 200
_NOT_MODIFIED = 304

Key = str | tuple[str, str, str]
"""A URL; or method, URL and user where it's no GET of the service's own."""


class Kept:
    """An answer as it is kept.

    Attributes:
        response: the answer.
        size: bytes.
        fresh_until: by the cache's clock.
        stale_until: until when it may stand in for a far side that fails.
        varying: the request's headers that it depends on, with their values.
    """

    __slots__ = ("fresh_until", "response", "size", "stale_until", "varying")

    def __init__(self, response: Response, varying: tuple[tuple[str, str], ...]) -> None:
        self.response = response
        self.varying = varying
        self.size = len(response.body) + _OVERHEAD
        self.fresh_until = self.stale_until = 0.0

    def given(self, origin: Origin) -> Response:
        """The answer, marked with where it came from."""
        held = self.response
        return Response(held.status, held.headers, held.body, held.url, origin)


class ResponseCache:
    """Gives answers that are still fresh, asks whether others have changed, and stands in for a far side that fails.

    Those who ask the same at once share one request. A request that changes something at a URL forgets its answer.

    Args:
        config: what is kept, and for how long.
        clock: gives the time in seconds.
    """

    def __init__(self, config: Cache, clock: Callable[[], float] = time.monotonic) -> None:
        from hub.services.shelf import Shelf  # noqa: PLC0415  only where answers are kept

        self._clock = clock
        self._ttl = None if config.ttl is None else config.ttl.total_seconds()
        self._stale = config.stale_if_error.total_seconds()
        self._matching = [compile_endpoint(each) for each in config.match]
        self._shelf: Shelf[Kept] = Shelf(config.max_entries, config.max_bytes, config.eviction)
        self._under_way: dict[Hashable, asyncio.Future[Response] | None] = {}
        self.hits = 0
        """Answers given without asking."""
        self.misses = 0
        """Answers that weren't there."""
        self.revalidated = 0
        """Answers that hadn't changed."""
        self.stale = 0
        """Answers given in place of a failure."""
        self.shared = 0
        """Answers given to several who asked at once."""

    @property
    def entries(self) -> int:
        """Answers kept now."""
        return len(self._shelf)

    @property
    def size(self) -> int:
        """Bytes of the answers kept now."""
        return self._shelf.size

    def clear(self) -> None:
        """Forgets all answers."""
        self._shelf.clear()

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """The answer kept, or the far side's."""
        method, headers = request.method, request.headers
        if method not in ("GET", "HEAD"):
            return await self._changing(request, proceed)
        if not request.look_up or request.streamed or not self._meant(request):
            return await proceed(request)
        key = _key(method, request)
        kept = self._kept(key, request)
        if request.fresh:
            return await self._fetch(key, kept, request, proceed)
        if kept is not None and self._clock() < kept.fresh_until:
            self.hits += 1
            return kept.given("cache")
        # Those share a request who ask with the same headers, and are content with the same.
        flight = (key, request.degraded, tuple(headers.items())) if headers or request.degraded else key
        if flight in self._under_way:
            return await self._join(flight, key, request, proceed)
        return await self._ask(flight, key, kept, request, proceed)

    async def _changing(self, request: Request, proceed: Proceed) -> Response:
        response = await proceed(request)
        if request.method not in SAFE and response.status < 400:  # noqa: PLR2004  a status
            for method in ("GET", "HEAD"):
                self._shelf.pop(_key(method, request))
        return response

    async def _join(self, flight: Hashable, key: Key, request: Request, proceed: Proceed) -> Response:
        """Waits for somebody else's answer."""
        while flight in self._under_way:
            under_way = self._under_way[flight]
            if under_way is None:
                under_way = self._under_way[flight] = asyncio.get_running_loop().create_future()
            await asyncio.wait([under_way])  # which is cancelled where we are, and isn't where they are
            if under_way.cancelled():
                continue  # who asked has given up: one of the others asks
            self.shared += 1
            return under_way.result()
        return await self._ask(flight, key, self._kept(key, request), request, proceed)

    async def _ask(self, flight: Hashable, key: Key, kept: Kept | None, request: Request, proceed: Proceed) -> Response:
        self._under_way[flight] = None
        response: Response | None = None
        failure: Exception | None = None
        asking = self._asking(kept, request)
        try:
            response = self._answered(key, kept, asking, request, await proceed(asking))
        except (Transient, NotConnected) as signal:
            response = self._standing_in(kept, request)
            if response is None:
                failure = signal
                raise
        except Exception as error:
            failure = error
            raise
        finally:
            # There is a future only if somebody waits for it.
            if (waiting := self._under_way.pop(flight)) is not None:
                _tell(waiting, response, failure)
        return response

    async def _fetch(self, key: Key, kept: Kept | None, request: Request, proceed: Proceed) -> Response:
        """As `_ask`, for oneself alone."""
        asking = self._asking(kept, request)
        try:
            return self._answered(key, kept, asking, request, await proceed(asking))
        except (Transient, NotConnected):
            if (stale := self._standing_in(kept, request)) is not None:
                return stale
            raise

    def _asking(self, kept: Kept | None, request: Request) -> Request:
        """The request; where an answer is kept, it asks whether that has changed."""
        if kept is None or not (conditions := _conditions(kept.response.headers)):
            self.misses += 1
            return request
        asking = request.again()
        asking.headers.update(conditions)
        return asking

    def _answered(self, key: Key, kept: Kept | None, asking: Request, request: Request, response: Response) -> Response:
        status = response.status
        if status == _OK:
            return self._keep(key, response, request, "api")
        if status == _NOT_MODIFIED and kept is not None and asking is not request:
            self.revalidated += 1
            # RFC 9111 § 3.2: what it says now counts from now on.
            headers = {**kept.response.headers, **response.headers}
            for name in ("content-length", "content-encoding", "transfer-encoding"):
                headers.pop(name, None)
            held = kept.response
            return self._keep(key, Response(held.status, headers, held.body, held.url), request, "cache")
        if status >= 500 or status == 429:  # noqa: PLR2004  statuses
            return self._standing_in(kept, request) or response
        self._shelf.pop(key)
        return response

    def _keep(self, key: Key, response: Response, request: Request, origin: Origin) -> Response:
        headers = response.headers
        directives = dict(_DIRECTIVE.findall(said.lower())) if (said := headers.get("cache-control")) else _NONE
        vary = headers.get("vary")
        if "no-store" in directives or (vary and "*" in vary):
            self._shelf.pop(key)
        else:
            names = [each.strip().lower() for each in vary.split(",")] if vary else ()
            kept = Kept(
                response, tuple((name, request.headers.get(name, "")) for name in names if name) if vary else ()
            )
            lifetime = _lifetime(directives, headers) if self._ttl is None else self._ttl
            stale = max(self._stale, float(directives.get("stale-if-error") or 0)) if directives else self._stale
            kept.fresh_until = self._clock() + (0.0 if "no-cache" in directives else lifetime)
            kept.stale_until = kept.fresh_until + (0.0 if "must-revalidate" in directives else stale)
            if lifetime > 0 or stale > 0 or "etag" in headers or "last-modified" in headers:
                self._shelf.put(key, kept)
        if origin == "api":
            return response
        return Response(response.status, headers, response.body, response.url, origin)

    def _standing_in(self, kept: Kept | None, request: Request) -> Response | None:
        if kept is None or not request.degraded or self._clock() >= kept.stale_until:
            return None
        self.stale += 1
        return kept.given("stale")

    def _kept(self, key: Hashable, request: Request) -> Kept | None:
        kept = self._shelf.get(key)
        if kept is None or not kept.varying:
            return kept
        same = all(request.headers.get(name, "") == value for name, value in kept.varying)
        return kept if same else None

    def _meant(self, request: Request) -> bool:
        if request.headers and not _CONDITIONS.isdisjoint(request.headers):
            return False  # who asks so keeps answers themselves
        return not self._matching or any(
            method in (None, request.method) and path.match(request.path) for method, path in self._matching
        )


def _tell(waiting: asyncio.Future[Response], response: Response | None, failure: Exception | None) -> None:
    """Gives those who wait what became of a request."""
    if response is not None:
        waiting.set_result(response)
    elif failure is not None:
        waiting.set_exception(failure)
        waiting.exception()  # who waited may have given up
    else:
        waiting.cancel()


def _key(method: str, request: Request) -> Key:
    return request.text if method == "GET" and not request.user else (method, request.text, request.user)


def _conditions(headers: Mapping[str, str]) -> dict[str, str]:
    """What asks whether an answer with these headers has changed (RFC 9110 § 13.1)."""
    conditions = {}
    if "etag" in headers:
        conditions["if-none-match"] = headers["etag"]
    if "last-modified" in headers:
        conditions["if-modified-since"] = headers["last-modified"]
    return conditions


def _lifetime(directives: Mapping[str, str], headers: Mapping[str, str]) -> float:
    """Seconds for which an answer says to be fresh (RFC 9111 § 4.2.1); none are guessed."""
    age = headers.get("age", "")
    old = float(age) if age.isdigit() else 0.0
    if directives.get("max-age"):
        return max(float(directives["max-age"]) - old, 0.0)
    if "expires" in headers:
        expires = date_of(headers["expires"])
        if expires is None:
            return 0.0  # § 5.3: what isn't valid is in the past
        return max(expires.timestamp() - answered_at(headers).timestamp() - old, 0.0)
    return 0.0
