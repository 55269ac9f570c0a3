"""What a schema file says of an HTTP sink."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

import yarl
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

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


class HttpConfig(SinkConfig):
    """The ``with:`` section of an HTTP sink."""

    url: Mapped[str]
    """Where to send: an absolute URL. Only scheme, host and port of it are ever shown."""
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
    reply_type: str | None = Field(default=None, min_length=1)
    """Event type of the answers: each becomes an event `{status, body}` for the sink's `reply:` topic."""
    max_response: Size = Field(default=2**20, gt=0)
    """Largest answer that becomes an event."""
    proxy: SecretStr | None = None
    """Proxy, `http://user:password@host:port`. The environment's proxies are ignored."""
    tls: TLS = TLS()
    """For `https://`."""

    @field_validator("url", "method")
    @classmethod
    def _is_possible(cls, value: Mapped[str], info: Any) -> Mapped[str]:
        if value.constant:
            {"url": absolute_url, "method": method}[info.field_name](value.source)
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
        names = [name.lower() for name in (*self.headers, *self.auth.headers)]
        if self.auth.bearer is not None or self.auth.basic is not None:
            names.append("authorization")
        if self.idempotency_header is not None:
            names.append(self.idempotency_header.lower())
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"expected each header once; got {', '.join(twice)} twice, counting `auth` and the key")
        return self
