"""What a schema file says of an HTTP sink."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from hub.sdk import Config, Duration, Mapped, SinkConfig, Size

Method = Annotated[str, Field(pattern=r"^(POST|PUT|PATCH|DELETE|GET)$")]
Verdict = Literal["success", "transient", "unavailable", "permanent"]
Status = Annotated[int, Field(ge=100, le=599)]


class Basic(Config):
    """Name and password for HTTP's Basic scheme."""

    username: str
    password: SecretStr


class Auth(Config):
    """Credentials; one of them."""

    bearer: SecretStr | None = None
    """Token for ``Authorization: Bearer``."""
    basic: Basic | None = None
    """Name and password for ``Authorization: Basic``."""
    headers: dict[str, SecretStr] = {}
    """Headers with secret values, e.g. ``X-Api-Key``."""


class TLS(Config):
    """How an ``https://`` server is verified, and how we prove who we are."""

    ca_file: str | None = None
    """PEM file with the authorities to trust; the system's own if not given."""
    cert_file: str | None = None
    """PEM file with the client certificate."""
    key_file: str | None = None
    """PEM file with the certificate's key, where `cert_file` doesn't hold it."""
    verify: bool = True
    """Whether the server's certificate and host name are checked."""


class HttpConfig(SinkConfig):
    """Settings of an HTTP sink."""

    url: Mapped[str]
    """Where to send; may be computed."""
    method: Mapped[Method] = Mapped("POST")
    """HTTP method; may be computed."""
    json_: Mapped[Any] | None = Field(default=None, alias="json")
    """JSON body, any part of which may be computed; the event's own payload if neither this nor ``body`` is given."""
    body: Mapped[str] | None = None
    """Text body; may be computed."""
    headers: dict[str, Mapped[str]] = {}
    """Further headers; may be computed. Secrets belong under ``auth``."""
    auth: Auth = Auth()
    tls: TLS = TLS()
    timeout: Duration = Field(default="15s", validate_default=True)
    """For the whole request, from connecting to the answer's last byte."""
    connect_timeout: Duration = Field(default="5s", validate_default=True)
    """For the connection alone."""
    idempotency_header: str | None = "Idempotency-Key"
    """Header with the delivery's idempotency key; none if empty."""
    statuses: dict[Status, Verdict] = {}
    """What a status means at this API, where that differs from the rule."""
    reply_type: str | None = None
    """Event type of the answers, which go to the sink's ``reply:`` topic; they are dropped if not given."""
    max_response: Size = 1_048_576
    """Largest answer that is read for a reply."""
    use_proxy: bool = False
    """Whether ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` of the environment count."""

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_ is not None and self.body is not None:
            raise ValueError("expected `json` or `body`, or neither for the event's own payload; got both")
        if self.auth.bearer and self.auth.basic:
            raise ValueError("expected one of `bearer` and `basic` under `auth`; got both")
        return self
