"""What a schema file says of a RabbitMQ sink."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import yarl
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from hub.sdk import TLS, Config, Duration, Mapped, SinkConfig
from hub.sdk.config import parse_duration

# AMQP 0-9-1 § 4.2.5.3 "Strings": names and routing keys are short strings, with their length in one byte.
SHORT_STRING = 255
# AMQP 0-9-1 § 4.2.5.5 "Field Tables": "maximum length of 128 characters"; pamqp would cut a longer one.
_HEADER_NAME = 128


def short(value: str) -> str:
    """The text, if it is short enough for AMQP.

    Raises:
        ValueError: says what was expected.
    """
    size = len(value.encode())
    if size > SHORT_STRING:
        raise ValueError(f"expected at most {SHORT_STRING} bytes of UTF-8; got {size}")
    return value


def header_name(value: str) -> str:
    """The text, if it can name a header or a field of one.

    Raises:
        ValueError: says what was expected.
    """
    if not 0 < len(value.encode()) <= _HEADER_NAME:
        raise ValueError(f"expected header names of 1 to {_HEADER_NAME} bytes; got {value!r:.40}")
    return value


def priority(value: Any) -> int:
    """The value, if it is a priority.

    Raises:
        ValueError: says what was expected.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:  # noqa: PLR2004  one octet
        raise ValueError(f"expected a whole number from 0 to 255; got {value!r:.40}")
    return value


def amqp_url(url: SecretStr) -> SecretStr:
    """The URL, if it is one of AMQP's.

    Raises:
        ValueError: says what was expected, and nothing of what came.
    """
    try:
        parsed = yarl.URL(url.get_secret_value())
        usable = parsed.scheme in ("amqp", "amqps") and bool(parsed.host) and parsed.port != 0
    except ValueError:
        usable = False  # the parser's message would repeat the password
    if not usable:
        raise ValueError(
            "expected amqp://user:password@host:port/vhost or amqps://…, with special characters of the user, "
            "password and vhost percent-encoded"
        )
    return url


def place(url: SecretStr) -> str:
    """Host, port and vhost for people; never the user."""
    parsed = yarl.URL(url.get_secret_value())
    port = parsed.explicit_port or (5671 if parsed.scheme == "amqps" else 5672)
    return f"RabbitMQ {parsed.host}:{port} vhost {parsed.path.lstrip('/') or '/'}"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def named(value: Any) -> Any:
    """A name alone is short for a definition that is used only where nothing of that name exists."""
    if isinstance(value, str):
        return {"name": value, "if_missing": True} if value else None
    return value


Url = Annotated[SecretStr, AfterValidator(amqp_url)]
Name = Annotated[str, Field(min_length=1), AfterValidator(short)]
Keys = Annotated[
    list[Annotated[str, AfterValidator(short)]], BeforeValidator(_listed, json_schema_input_type=str | list[str])
]


class Exchange(Config):
    """An exchange to publish to. A name alone is short for ``{name: NAME, if_missing: true}``."""

    name: Name
    """Its name."""
    type: Name = "topic"
    """`topic`, `direct`, `fanout`, `headers`, or a type that a plugin of the broker adds."""
    durable: bool = True
    """Whether it survives a restart of the broker."""
    passive: bool = False
    """Declare nothing: it must exist, as whatever it is."""
    if_missing: bool = False
    """Declare it only if there is none of this name, and use what there is as it is."""
    arguments: dict[str, Any] = {}
    """Further arguments of the declaration, e.g. `alternate-exchange`."""


class Queue(Config):
    """A queue to have, bound to the exchange. A name alone is short for ``{name: NAME, if_missing: true}``."""

    name: Name
    """Its name."""
    bind: Keys | None = None
    """Binding key or keys; `#` if not given, but nothing for a `passive` queue or on the default exchange."""
    type: Literal["quorum", "classic"] = "quorum"
    """Quorum queues are replicated and keep what they confirmed."""
    durable: bool = True
    """Whether it survives a restart of the broker; quorum queues always do."""
    passive: bool = False
    """Declare nothing: it must exist, as whatever it is."""
    if_missing: bool = False
    """Declare it only if there is none of this name, and use what there is as it is."""
    arguments: dict[str, Any] = {}
    """Further arguments of the declaration, e.g. `x-max-length`, `x-overflow`, `x-dead-letter-exchange`."""

    @model_validator(mode="after")
    def _quorum_is_durable(self) -> Queue:
        if self.type == "quorum" and not (self.durable or self.passive):
            raise ValueError("expected `durable: true` with `type: quorum`; for a transient queue say `type: classic`")
        return self


class RabbitMQConfig(SinkConfig):
    """The ``with:`` section of a RabbitMQ sink."""

    url: Url
    """`amqp://user:password@host:port/vhost` or `amqps://…`, special characters percent-encoded."""
    exchange: Annotated[Exchange | None, BeforeValidator(named, json_schema_input_type=str | Exchange)] = None
    """Where to publish: a name, or a section. If not given the default one, whose routing keys are queues' names."""
    queue: Annotated[Queue | None, BeforeValidator(named, json_schema_input_type=str | Queue)] = None
    """A queue to have: a name, or a section. If somebody deletes it while the sink runs, it is declared again."""
    routing_key: Mapped[str] | None = None
    """Routing key; if not given the event's type, but on the default exchange the name of `queue`."""
    headers: dict[Annotated[str, AfterValidator(header_name)], Mapped[Any]] = {}
    """Further headers; one whose value is null is left out."""
    priority: Mapped[int] | None = None
    """Priority, 0 to 255, for queues with `x-max-priority`."""
    expiration: Mapped[str] | None = None
    """How long a queue keeps the message, e.g. `30s`."""
    mandatory: bool = True
    """Whether a message that no queue takes is dead-lettered; `false` loses it without a trace."""
    when_full: Literal["wait", "dead_letter"] = "wait"
    """What to do when the broker refuses a message because a queue is full."""
    timeout: Duration = Field(default=timedelta(seconds=15), gt=timedelta(0))
    """Longest wait for the confirmation of a message."""
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """Longest wait for the connection, its log-in and the declarations."""
    tls: TLS = TLS()
    """For `amqps://`."""

    @field_validator("routing_key", "priority", "expiration")
    @classmethod
    def _is_possible(cls, value: Mapped[Any] | None, info: Any) -> Mapped[Any] | None:
        if value is not None and value.constant:
            {"routing_key": short, "priority": priority, "expiration": parse_duration}[info.field_name](value.source)
        return value

    @model_validator(mode="after")
    def _leads_somewhere(self) -> RabbitMQConfig:
        if self.exchange is None and self.queue is None and self.routing_key is None:
            raise ValueError("expected `exchange`, `queue` or `routing_key`: nothing says where messages go")
        return self
