"""What a connector sees of an external API: a client that already signs, limits, times out and counts its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from hub.sdk.strictjson import read

Origin = Literal["api", "cache", "stale", "fallback"]


class Response:
    """An answer of a service with a 2xx status, or 304 where the request was conditional.

    Attributes:
        status: HTTP status.
        headers: with lower-case names.
        body: the whole body.
        url: the URL that answered.
        origin: who gave it: ``api``; ``cache``; ``stale``, the cache where the API failed; or ``fallback``, where both
            did.
    """

    __slots__ = ("body", "headers", "origin", "status", "url")

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, url: str, origin: Origin = "api"
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url
        self.origin = origin

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
        timeout: float | None = None,
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
            timeout: seconds for the request with all waits and attempts; no further limit if not given.

        Raises:
            NotConnected: it can't be reached or throttles; ``retry_after`` says how long it asked us to wait.
            Transient: it failed in a way that may pass.
            Permanent: it refused the request.
        """
        ...
