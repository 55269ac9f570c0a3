"""What a schema file says of an HTTP sink."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import yarl
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from connectors.http.paths import is_path
from hub.sdk import TLS, Config, Duration, Mapped, SinkConfig, Size

# RFC 9110 § 5.6.2: the characters of methods and field names.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
# RFC 9110 § 5.5: field values hold no control characters; a line break would begin another field.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What frames a message is the client's to say: with two opinions, proxies and servers see different requests.
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"})

Verdict = Literal["success", "transient", "wait", "permanent"]


def absolute_url(text: str) -> yarl.URL:
    """The URL, if a request can go there.

    Raises:
        ValueError: says what was expected, but not what came: it may hold a secret.
    """
    try:
        url = yarl.URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("expected an absolute URL, http://… or https://…")
    if url.user is not None or url.password is not None:
        raise ValueError("expected a URL without user and password; they go to `auth.basic`")
    return url


def method(text: str) -> str:
    """The method in upper case, if it is one.

    Raises:
        ValueError: says what was expected.
    """
    if not _TOKEN.match(text) or text.upper() == "CONNECT":
        raise ValueError(f"expected an HTTP method such as POST; got {text!r:.40}")
    return text.upper()


def below(text: str) -> str:
    """The path, if it leads below a service's base URL.

    Raises:
        ValueError: says what was expected, but not what came: it may hold a secret.
    """
    path = unquote(text.partition("?")[0])
    if not text.startswith("/") or text.startswith("//") or _CONTROL.search(text) or "#" in text:
        raise ValueError("expected a path that begins with one `/`, below the service's base_url")
    if {".", ".."} & set(path.split("/")):
        raise ValueError("expected a path without `.` and `..`")
    return text


def header_name(text: str) -> str:
    """The name, if it is one that we may set.

    Raises:
        ValueError: says what was expected.
    """
    if not _TOKEN.match(text) or text.lower() in _FRAMING:
        raise ValueError(f"expected the name of a header that doesn't frame the message; got {text!r:.40}")
    return text


def header_value(value: str | int) -> str:
    """The value as it travels.

    Raises:
        ValueError: says what was expected, but not what came: it may be a secret.
    """
    text = str(value)
    if _CONTROL.search(text):
        raise ValueError("expected a header's value without control characters")
    return text.strip()


def _status(key: Any) -> Any:
    return str(key) if isinstance(key, int) and not isinstance(key, bool) else key


def _secret(value: SecretStr | None) -> SecretStr | None:
    """An empty one, as an environment variable may be, is none."""
    if value is None or not value.get_secret_value():
        return None
    header_value(value.get_secret_value())
    return value


Place = Annotated[str, AfterValidator(is_path)]
HeaderName = Annotated[str, AfterValidator(header_name)]
Secret = Annotated[SecretStr | None, AfterValidator(_secret)]
Status = Annotated[str, BeforeValidator(_status, json_schema_input_type=int | str), Field(pattern=r"^[1-5](\d\d|xx)$")]


class Basic(Config):
    """User and password (RFC 7617)."""

    username: str = Field(pattern=r"^[^:\x00-\x1f\x7f]*$")
    """The user; without colon."""
    password: SecretStr
    """The password."""


class Auth(Config):
    """How requests prove who sends them: one of these, or none. An empty secret is the same as none."""

    bearer: Secret = None
    """A token, sent as `Authorization: Bearer …`."""
    basic: Basic | None = None
    """User and password, sent as `Authorization: Basic …`."""
    headers: dict[HeaderName, Secret] = {}
    """Headers with secrets, e.g. `X-Api-Key`."""

    @model_validator(mode="after")
    def _only_one(self) -> Auth:
        given = self.bearer is not None, self.basic is not None, bool(self.headers)
        if sum(given) > 1:
            raise ValueError("expected only one of `bearer`, `basic` and `headers`")
        return self


class Results(Config):
    """What the answer to a batch says of each of its events. A sink believes nothing else once this is given."""

    path: Place = ""
    """Place of the list of results in the answer, e.g. `items`; the answer itself if not given."""
    index: Place | None = None
    """Place in a result of the number of the event that it is about, from 0 on; the results have the order of the
    events if not given. Events without a result have succeeded then."""
    status: Place | None = None
    """Place in a result of its status, e.g. `*.status`, which means what the status of an answer would mean."""
    error: Place | None = None
    """Place in a result of what went wrong: there is nothing, or null, where all is well. Without `status` it is for
    good."""

    @model_validator(mode="after")
    def _says_something(self) -> Results:
        if self.index is None and self.status is None and self.error is None:
            raise ValueError("expected `status` or `error`, or `index` where only failures are listed")
        return self


class BatchConfig(Config):
    """Many events in one request."""

    count: int = Field(default=100, ge=2, le=2500)
    """Events in a request at most."""
    size: Size = Field(default=2**20, gt=0)
    """Bytes of its body at most, unless one event has more."""
    format: Literal["array", "ndjson"] = "array"
    """A JSON array, or a JSON value on each line. With `ndjson` a `json` that is a list makes a line of each of its
    values."""
    within: Annotated[str, Field(min_length=1), AfterValidator(is_path)] | None = None
    """Place of the array in a JSON object, e.g. `records`."""
    envelope: dict[str, Any] = {}
    """Other fields of that object."""
    results: Results | None = None
    """What the answer says of each event; the answer's status counts for all of them if not given."""
    split: bool = True
    """Whether a batch that is refused is sent again in halves, to find the event that is to blame."""

    @model_validator(mode="after")
    def _is_consistent(self) -> BatchConfig:
        if self.format == "ndjson" and self.within is not None:
            raise ValueError("`within` is for the format array")
        if self.envelope and self.within is None:
            raise ValueError("expected `within` beside `envelope`: where the array goes")
        return self


_SERVICE_HAS = ("auth", "timeout", "connect_timeout", "proxy", "tls")


class HttpConfig(SinkConfig):
    """The ``with:`` section of an HTTP sink."""

    url: Mapped[str] | None = None
    """Where to send: an absolute URL. Only scheme, host and port of it are ever shown."""
    service: str | None = None
    """Instead of `url`: the entry under `services:` that says where the API is, how to sign in, and what its limits
    are. Its circuit breaker, timeouts, TLS and accounting count."""
    path: Mapped[str] | None = None
    """With `service`: path below its `base_url`, e.g. `= "/orders/" + string(data.id)`; `/` if not given."""
    params: dict[str, Mapped[str | int | float | bool | None]] = {}
    """Query parameters; one whose value is null is left out."""
    method: Mapped[str] = Mapped("POST")
    """HTTP method."""
    json_: Mapped[Any] | None = Field(default=None, alias="json")
    """Body, as JSON. Without `json` and `body` the event's own payload is sent, as a CloudEvent in binary mode."""
    body: Mapped[str] | None = None
    """Body, as text in UTF-8; say its `Content-Type` in `headers`."""
    headers: dict[HeaderName, Mapped[str | int | None]] = {}
    """Further headers; one whose value is null is left out. Secrets go to `auth`."""
    auth: Auth = Auth()
    """How requests prove who sends them."""
    idempotency_header: HeaderName | None = "Idempotency-Key"
    """Header that carries the same key at every attempt for the same event; none with null."""
    timeout: Duration = Field(default=timedelta(seconds=15), gt=timedelta(0))
    """Longest time from the first byte sent to the last one received, connecting included."""
    connect_timeout: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """Longest wait for a connection: name, TCP and TLS."""
    statuses: dict[Status, Verdict] = {}
    """What answers mean where it differs from the table below, e.g. `{409: success, 404: transient, 4xx: wait}`."""
    compression: Literal["gzip"] | None = None
    """How bodies of more than 512 bytes are packed."""
    batch: BatchConfig | None = None
    """Many events in one request; each has its own if not given."""
    reply_type: str | None = Field(default=None, min_length=1)
    """Event type of the answers: each becomes an event `{status, body}` for the sink's `reply:` topic."""
    max_response: Size = Field(default=2**20, gt=0)
    """Largest answer that becomes an event."""
    proxy: SecretStr | None = None
    """Proxy, `http://user:password@host:port`. The environment's proxies are ignored."""
    tls: TLS = TLS()
    """For `https://`."""

    @field_validator("url", "method", "path")
    @classmethod
    def _is_possible(cls, value: Mapped[str] | None, info: Any) -> Mapped[str] | None:
        if value is not None and value.constant:
            {"url": absolute_url, "method": method, "path": below}[info.field_name](value.source)
        return value

    @field_validator("headers")
    @classmethod
    def _are_possible(cls, headers: dict[str, Mapped[Any]]) -> dict[str, Mapped[Any]]:
        for value in headers.values():
            if value.constant and value.source is not None:
                header_value(value.source)
        return headers

    @field_validator("proxy")
    @classmethod
    def _is_proxy(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is None or not proxy.get_secret_value():
            return None
        try:
            usable = yarl.URL(proxy.get_secret_value()).scheme == "http"
        except ValueError:
            usable = False  # the parser's message would repeat the password
        if not usable:
            raise ValueError("expected http://user:password@host:port")
        return proxy

    @model_validator(mode="after")
    def _is_unambiguous(self) -> HttpConfig:
        if self.json_ is not None and self.body is not None:
            raise ValueError("expected `json` or `body`, not both")
        self._has_one_target()
        self._fits_batches()
        names = [name.lower() for name in (*self.headers, *self.auth.headers)]
        if self.auth.bearer is not None or self.auth.basic is not None:
            names.append("authorization")
        if self.idempotency_header is not None:
            names.append(self.idempotency_header.lower())
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"expected each header once; got {', '.join(twice)} twice, counting `auth` and the key")
        return self

    def _has_one_target(self) -> None:
        if (self.url is None) == (self.service is None):
            raise ValueError("expected `url`, or `service` with `path`")
        if self.service is None and self.path is not None:
            raise ValueError("`path` goes with `service`; a `url` has its own")
        given = [each for each in _SERVICE_HAS if each in self.model_fields_set]
        if self.service is not None and given:
            raise ValueError(f"`{given[0]}` is the service's own matter; write it beside its `use:`")

    def _fits_batches(self) -> None:
        if self.batch is None:
            return
        if self.body is not None:
            raise ValueError("`body` is text for one event; batches are made of `json`, or of the events themselves")
        if self.reply_type is not None and self.batch.results is None:
            raise ValueError("`reply_type` of a batch needs `results`: what the answer says of each event")
