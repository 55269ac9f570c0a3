"""What a connector sees of an external API: a client that already signs, limits, times out and counts its requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hub.sdk.strictjson import read

Origin = Literal["api", "cache", "stale", "fallback"]


@dataclass(frozen=True)
class LimitState:
    """A rate limit as it is now.

    Attributes:
        name: ``service``, an endpoint's pattern, or the API's own name of it.
        limit: requests in its window.
        remaining: how many of them are left, by the API.
        interval: seconds of its window.
        reset: seconds until it starts anew, by the API.
        wait: seconds until the next request may go.
        waiting: requests that wait for it.
    """

    name: str
    limit: int | None = None
    remaining: int | None = None
    interval: float | None = None
    reset: float | None = None
    wait: float = 0.0
    waiting: int = 0


class Response:
    """An answer of a service with a 2xx status, or 304 where the request was conditional.

    Attributes:
        status: HTTP status.
        headers: with lower-case names.
        body: the whole body.
        origin: who gave it: ``api``; ``cache``; ``stale``, the cache where the API failed; or ``fallback``, where both
            did.
    """

    __slots__ = ("_url", "body", "headers", "origin", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, url: object, origin: Origin = "api"
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self._url = url
        self.origin = origin

    @property
    def url(self) -> str:
        """The URL that answered."""
        return str(self._url)  # most are never looked at

    @url.setter
    def url(self, value: str) -> None:
        self._url = value

    @property
    def marks(self) -> dict[str, str]:
        """Extensions for the events that are made of it: ``hubdegraded`` says that the API itself gave nothing."""
        return {"hubdegraded": self.origin} if self.origin in ("stale", "fallback") else {}

    def json(self) -> Any:
        """The body as JSON. Integers keep their value, whatever their size; of a key that stands twice the last counts.

        Raises:
            orjson.JSONDecodeError: it isn't.
        """
        return read(self.body)


class StreamedResponse(Protocol):
    """An answer whose body is read in pieces."""

    status: int
    headers: Mapping[str, str]
    url: str

    def chunks(self, size: int = 65536) -> AsyncIterator[bytes]:
        """The body in pieces of at most ``size`` bytes; the far side waits while nobody asks for more.

        Raises:
            Transient: it broke off.
        """
        ...


@dataclass(frozen=True)
class Health:
    """What a health check found.

    Attributes:
        healthy: whether the API answered as it should.
        detail: what it answered, for people.
        seconds: how long that took.
        status: HTTP status that it answered; ``None`` if there was no answer.
    """

    healthy: bool
    detail: str
    seconds: float
    status: int | None = None


@dataclass(frozen=True)
class ServiceInfo:
    """What a service is, and how it fares.

    Attributes:
        name: in the schema files.
        address: origins of the API's servers, with whether each counts as up.
        policies: names of the policies that are declared.
        circuit: ``closed``, ``open`` or ``half_open``; ``None`` without a circuit breaker.
        next_probe: seconds until an open circuit lets a probe through.
        reason: why the circuit has last opened.
        limits: rate limits as they are now.
        figures: counters by name: requests, statuses, latency, error_rate, availability, retries, cache, tokens, cost …
    """

    name: str
    address: Mapping[str, bool]
    policies: tuple[str, ...] = ()
    circuit: str | None = None
    next_probe: float = 0.0
    reason: str = ""
    limits: tuple[LimitState, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


class Service(Protocol):
    """An external API with its policies; one per entry under ``services:``, shared by all units that name it."""

    name: str

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
        degraded: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109  of all attempts together
    ) -> Response:
        """One request; ``path`` is relative to the service's base URL, or a URL with the same origin.

        A conditional request (``if-none-match`` among the headers) whose answer hasn't changed gives a response with
        status 304 and an empty body, and costs no rate limit where the far side honours that. A source keeps the ETag
        in its cursor: what an answer held counts as read only once its events are stored.

        Args:
            method: HTTP method.
            path: path or full URL.
            params: query parameters; those that are ``None`` are left out.
            headers: further headers.
            json: body to send as JSON.
            body: body to send as it is.
            user: for whom it is asked, where limits count by user.
            idempotency_key: makes one of several requests with the same key, where the far side honours that; sent as
                ``Idempotency-Key``, and lets a POST be tried again.
            fresh: whether an answer of the cache won't do.
            degraded: whether, where the API gives none, an old answer or a declared one will do, see `Response.origin`.
                Never for a list that moves a cursor: what such an answer leaves out would be taken for read.
            timeout: seconds for the request with all waits and attempts; no further limit if not given.

        Raises:
            NotConnected: it can't be reached or throttles; ``retry_after`` says how long it asked us to wait.
            Transient: it failed in a way that may pass.
            Permanent: it refused the request.
        """
        ...

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        user: str = "",
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """A large answer, whose body is read in pieces within ``async with``; it is neither kept nor bounded.

        Raises:
            Signal: as `request`, before there is a body.
        """
        ...

    def clean(self, text: str) -> str:
        """A text without the service's secrets: to be asked for what of an answer is shown or kept in errors."""
        ...

    def limits(self) -> list[LimitState]:
        """The rate limits as they are now: those that are declared, and those that the API tells of."""
        ...

    def info(self) -> ServiceInfo:
        """What it is and how it fares, without asking it."""
        ...

    async def health(self) -> Health:
        """Asks whether it works, past the cache and the circuit breaker."""
        ...
