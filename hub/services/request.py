"""One attempt's worth of a request, as it travels through a service's policies down to the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from yarl import URL

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that only read (RFC 9110 § 9.2.1)."""
IDEMPOTENT = SAFE | {"PUT", "DELETE"}
"""Methods that may be repeated (RFC 9110 § 9.2.2)."""
IDEMPOTENCY_HEADER = "idempotency-key"


class Options(TypedDict, total=False):
    """Keyword arguments of `hub.sdk.Service.request`, as they are handed on."""

    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None
    json: Any
    body: bytes | None
    user: str
    idempotency_key: str | None
    fresh: bool
    degraded: bool
    timeout: float | None


class Request:
    """What is asked of a far side. A policy that changes it for those below puts it back as it was.

    Attributes:
        method: HTTP method in upper case.
        url: full URL.
        made: the URL as it was asked for, before a server was chosen or a key added.
        headers: with lower-case names.
        body: as it is sent.
        path: below the service's base URL, without the query, with a slash in front: what endpoint patterns match.
        user: for whom it is asked, where an API counts by user; empty for the service itself.
        retries: whether a failure may be answered by asking again, which for a sink's deliveries the engine decides.
        look_up: whether a fresh answer of the cache may take the place of the far side's.
        degraded: whether, where that gives none, an old or a declared one may.
        fresh: whether an answer of the cache won't do.
        deadline: `time.monotonic` seconds after which no attempt begins; ``None`` for no limit.
        streamed: whether the answer's body is left on the wire for the caller to read.
        attempt: 1 for the first.
        hops: how many services have already been asked in vain, by fallbacks.
    """

    __slots__ = (
        "_text",
        "attempt",
        "body",
        "deadline",
        "degraded",
        "fresh",
        "headers",
        "hops",
        "look_up",
        "made",
        "method",
        "path",
        "retries",
        "streamed",
        "url",
        "user",
    )

    def __init__(
        self,
        method: str,
        url: URL,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        path: str | None = None,
        user: str = "",
        retries: bool = True,
        look_up: bool = True,
        deadline: float | None = None,
        streamed: bool = False,
        hops: int = 0,
        fresh: bool = False,
        degraded: bool = False,
        text: str | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers if headers is not None else {}
        self.body = body
        self.path = path if path is not None else url.path
        self.made = url
        self._text = text
        self.user = user
        self.retries = retries
        self.look_up = look_up
        self.deadline = deadline
        self.streamed = streamed
        self.attempt = 1
        self.hops = hops
        self.fresh = fresh
        self.degraded = degraded

    @property
    def text(self) -> str:
        """`made` as text."""
        if self._text is None:
            self._text = str(self.made)
        return self._text

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent twice: by its method, or as an idempotency key makes one of two."""
        return self.method in IDEMPOTENT or IDEMPOTENCY_HEADER in self.headers

    def again(self, **changes: Any) -> Request:
        """A copy with headers of its own."""
        copy = Request(
            self.method,
            self.url,
            dict(self.headers),
            self.body,
            path=self.path,
            user=self.user,
            retries=self.retries,
            look_up=self.look_up,
            deadline=self.deadline,
            streamed=self.streamed,
            hops=self.hops,
            fresh=self.fresh,
            degraded=self.degraded,
        )
        copy.attempt = self.attempt
        for name, value in changes.items():
            setattr(copy, name, value)
        copy.made = copy.url
        return copy

    def __repr__(self) -> str:
        # No headers, body or query: they may hold secrets.
        return f"Request({self.method} {self.path})"
