"""How a service treats an external API: what stands beside ``auth:`` under ``services:`` in a schema file.

A connector gives its API's own as defaults of its `ServiceConfig`; what isn't declared isn't done.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.sdk.auth import Auth
from hub.sdk.config import Config, Duration, Size
from hub.sdk.tls import TLS

_PATTERN = re.compile(r"(?:(?P<method>[A-Z]+|\*)\s+)?(?P<path>/\S*)\Z")


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("expected a duration longer than 0s")
    return value


Span = Annotated[Duration, AfterValidator(_positive)]
"""A length of time above zero."""


def _endpoint(value: str) -> str:
    if not _PATTERN.match(value):
        raise ValueError(
            "expected a path such as /repos/*/issues, with a method in front where only that is meant "
            f"(POST /repos/*/issues); got `{value:.80}`"
        )
    return value


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""Requests by method and path below the base URL: ``*`` stands for one segment, ``**`` for any number of them."""


def compile_endpoint(pattern: str) -> tuple[str | None, re.Pattern[str]]:
    """The method (``None``: any) and the paths that an `Endpoint` means."""
    found = _PATTERN.match(pattern)
    if found is None:
        raise ValueError(f"no endpoint: {pattern}")
    parts = {"**": ".*", "*": "[^/]*"}
    path = "".join(parts.get(each) or re.escape(each) for each in re.split(r"(\*\*|\*)", found["path"]))
    return None if found["method"] in (None, "*") else found["method"], re.compile(path + r"\Z", re.DOTALL)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _Section(Config):
    # Built when it is first used: all of them take a tenth of what it takes to import `hub.sdk`.
    model_config = ConfigDict(defer_build=True)


class Limit(_Section):
    """So many requests in so much time."""

    count: int = Field(ge=1, le=1_000_000)
    """Requests in each `interval`."""
    interval: Span
    """The time that `count` is for."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    """Of ``token_bucket``: requests that may follow each other at once after a rest; up to `count` + `burst` can fall
    into one interval. A hundredth of `count`, at least 1, if not given."""
    algorithm: Literal["token_bucket", "sliding_window"] = "token_bucket"
    """``token_bucket`` spreads requests; ``sliding_window`` lets `count` of them through at once, and never more in any
    stretch of `interval`."""
    by: Literal["service", "user"] = "service"
    """Whether all requests share the limit, or each user that requests are made for has one."""

    @model_validator(mode="after")
    def _burst_is_of_a_bucket(self) -> Self:
        if self.burst is not None and self.algorithm != "token_bucket":
            raise ValueError("`burst` is for token_bucket; a sliding_window has none")
        return self


class EndpointLimit(Limit):
    """A limit of some endpoints, on top of the service's own."""

    match: Annotated[
        list[Endpoint], BeforeValidator(_listed, json_schema_input_type=Endpoint | list[Endpoint]), Field(min_length=1)
    ]
    """Which requests count, e.g. ``POST /repos/*/issues``; those of a list count together."""


class RateLimit(_Section):
    """How many requests the API may get, by what we know and by what it says."""

    count: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests in each `interval`; no limit of our own if not given."""
    interval: Span | None = None
    """The time that `count` is for."""
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    """Of ``token_bucket``: requests that may follow each other at once after a rest; a hundredth of `count` if not
    given."""
    algorithm: Literal["token_bucket", "sliding_window"] = "token_bucket"
    """``token_bucket`` spreads requests; ``sliding_window`` lets `count` of them through at once."""
    by: Literal["service", "user"] = "service"
    """Whether all requests share the limit, or each user that requests are made for has one."""
    endpoints: list[EndpointLimit] = []
    """Limits of some endpoints, on top; a request keeps all that match it."""
    adaptive: bool = True
    """Whether to learn from ``X-RateLimit-*``, ``RateLimit`` and ``Retry-After`` of the answers: the rest of a limit is
    spread over the time until it starts anew, and a pause that the API asks for is kept."""
    slow_below: float = Field(default=0.5, gt=0, le=1)
    """Part of the API's limit below which requests are spread."""
    max_wait: Duration = Field(default="30s", validate_default=True)
    """How long a request waits for its turn at most; whoever would wait longer pauses, and comes again by then."""
    redis: SecretStr | None = None
    """``redis://…`` of a Redis through which all processes share the limits; each counts for itself if not given."""
    key: str | None = Field(default=None, min_length=1, max_length=200)
    """Name of the limits in Redis: whoever gives the same one shares them. ``<deployment>.<service>`` if not given."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.count is None) != (self.interval is None):
            raise ValueError("expected `count` and `interval` together")
        self.limit  # noqa: B018  what a `Limit` refuses is refused here
        if self.key is not None and self.redis is None:
            raise ValueError("`key` names limits in Redis; give `redis`, too")
        return self

    @property
    def limit(self) -> Limit | None:
        """The service's own."""
        if self.count is None or self.interval is None:
            return None
        return Limit(count=self.count, interval=self.interval, burst=self.burst, algorithm=self.algorithm, by=self.by)


class CircuitBreaker(_Section):
    """When an API that fails is left alone, and how it is tried again."""

    failure_threshold: int = Field(default=5, ge=1)
    """Failures in a row that open the circuit."""
    failure_rate: float | None = Field(default=0.5, gt=0, le=1)
    """Part of the requests within `window` whose failure opens it, however they are mixed with successes."""
    window: Span = Field(default="30s", validate_default=True)
    """The time that `failure_rate` is measured over."""
    sample_rate: int = Field(default=20, ge=1)
    """Requests that must fall into `window` before `failure_rate` counts."""
    breaker_timeout: Span = Field(default="30s", validate_default=True)
    """How long nothing is sent before a probe, unless the API asks for longer."""
    half_open_max: int = Field(default=1, ge=1, le=1000)
    """Probes at once."""
    success_threshold: int = Field(default=2, ge=1)
    """Probes in a row that must succeed before all requests go out again."""


class ServiceRetry(_Section):
    """How often the requests of sources and look-ups are tried again: exponential backoff with full jitter.

    A sink's deliveries are retried by its ``on_error.retry`` alone. Only what may be repeated is: by its method, or by
    an idempotency key.
    """

    initial_interval: Span = Field(default="250ms", validate_default=True)
    """Upper bound of the first wait; doubles with each attempt."""
    max_interval: Span = Field(default="10s", validate_default=True)
    """Upper bound of any wait; an API that asks for a longer one isn't asked again by the service, but later."""
    max_retries: int = Field(default=3, ge=0, le=100)
    """Attempts after the first."""
    max_elapsed_time: Span = Field(default="1m", validate_default=True)
    """No attempt begins after this time."""
    budget: float = Field(default=0.2, ge=0, le=10)
    """Retries per request on the average, so that retries don't multiply the load of an API that is in trouble."""
    budget_floor: float = Field(default=1.0, ge=0, le=1000)
    """Retries per second that are possible however few requests there are."""


class Cache(_Section):
    """Which answers are kept, and for how long. Only those of GET and HEAD are; each user has their own."""

    ttl: Duration | None = None
    """How long an answer counts as fresh; as its ``Cache-Control`` or ``Expires`` say if not given."""
    stale_if_error: Duration = Field(default="0s", validate_default=True)
    """How long beyond that it may be given where the API fails and an old one will do; counted, and marked."""
    max_entries: int = Field(default=1000, ge=1, le=1_000_000)
    """Answers kept at most."""
    max_bytes: Size = Field(default="64MiB", validate_default=True)
    """Bytes of them at most."""
    eviction: Literal["lru", "lfu", "fifo"] = "lru"
    """Which goes first: the least recently used, the least frequently used, or the oldest."""
    match: list[Endpoint] = []
    """Which endpoints; all if none is given."""


class Timeout(_Section):
    """How long one attempt may take."""

    connect: Span = Field(default="10s", validate_default=True)
    """To connect to each of a server's addresses, with TLS. Finding them by DNS counts for `total` alone."""
    read: Span = Field(default="30s", validate_default=True)
    """Without a byte of the answer."""
    total: Span = Field(default="2m", validate_default=True)
    """All of it."""


class Fallback(_Section):
    """In place of an answer that neither the API nor the cache gives, where a look-up says that it will do."""

    match: Endpoint = "/**"
    """Which requests."""
    value: Any = None
    """A fixed answer, given as JSON."""
    service: str | None = None
    """Another service, asked the same."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if ("value" in self.model_fields_set) == (self.service is not None):
            raise ValueError("expected either `value` or `service`")
        return self


class Pool(_Section):
    """Connections, which are kept and used again."""

    connections: int = Field(default=16, ge=1, le=10_000)
    """Requests under way at once; others wait for their turn."""
    keepalive: Span = Field(default="15s", validate_default=True)
    """How long an idle connection is kept."""


class HealthCheck(_Section):
    """A request that shows whether the API works."""

    path: str = Field(default="/", pattern=r"^/")
    """Where, below the base URL."""
    interval: Span = Field(default="10s", validate_default=True)
    """Time between two checks of an endpoint that has failed."""
    status: list[int] = []
    """What counts as healthy; any 2xx or 3xx if none is given."""


class Endpoints(_Section):
    """Several servers of one API, of which the healthy ones are used."""

    urls: list[Annotated[str, Field(pattern=r"^https?://\S+$")]] = []
    """Base URLs, on top of ``base_url``. They get the same credentials."""
    srv: str | None = Field(default=None, pattern=r"^_[\w-]+\._(tcp|udp)\.\S+$")
    """A DNS name such as ``_api._tcp.example.com``, whose SRV records name the servers instead of ``base_url``'s."""
    refresh: Span = Field(default="1m", validate_default=True)
    """How often the SRV records are asked for."""
    choose: Literal["round_robin", "least_pending", "first"] = "round_robin"
    """Which of the healthy ones a request goes to; ``first`` keeps to their order, for stand-bys."""
    failures: int = Field(default=3, ge=1)
    """Failures in a row after which one counts as down."""


class Usage(_Section):
    """Where answers say what they cost: a header's name, or a dotted path into a JSON body."""

    tokens: str | None = Field(default=None, examples=["usage.total_tokens"])
    """Tokens of the request, e.g. ``usage.total_tokens``."""
    cost: str | None = None
    """Cost of the request, in the API's own unit."""
    price: float | None = Field(default=None, ge=0)
    """Cost of a thousand tokens, where the API doesn't say the cost."""

    @field_validator("tokens", "cost")
    @classmethod
    def _lower(cls, value: str | None) -> str | None:
        return value.strip() if value else None


class ServiceConfig(_Section):
    """What a schema file says of a service: its ``with:`` section, and what stands beside it as fields of the name."""

    base_url: str = Field(pattern=r"^https?://\S+$")
    """Where the API is; a connector gives the public one as default."""
    auth: Auth = Field(default_factory=Auth)
    rate_limit: RateLimit | None = None
    """How many requests the API may get."""
    circuit_breaker: CircuitBreaker | None = None
    """When it is left alone."""
    retry: ServiceRetry | None = None
    """How often requests of sources and look-ups are tried again."""
    cache: Cache | None = None
    """Which answers are kept."""
    timeout: Timeout = Field(default_factory=Timeout)
    """How long one attempt may take."""
    fallback: list[Fallback] = []
    """What takes the place of an answer; the first that matches and works."""
    endpoints: Endpoints | None = None
    """Several servers of the API."""
    health: HealthCheck = Field(default_factory=HealthCheck)
    """What shows whether it works."""
    tls: TLS = Field(default_factory=TLS)
    """How it is verified, and how we prove who we are."""
    pool: Pool = Field(default_factory=Pool)
    """Connections."""
    usage: Usage | None = None
    """Where answers say what they cost."""


BESIDE_WITH = tuple(each for each in ServiceConfig.model_fields if each != "base_url")
"""Keys of a service that stand beside its ``with:``."""
