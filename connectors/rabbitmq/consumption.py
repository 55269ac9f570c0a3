"""What a schema file says of a RabbitMQ source."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from connectors.rabbitmq.config import Exchange, Keys, Name, Url, named
from hub.sdk import TLS, Config, Duration, Mapped, Size, SourceConfig

_MILLISECOND = timedelta(milliseconds=1)
_KEYLESS = ("fanout", "headers")


class Binding(Config):
    """What of an exchange comes into the queue."""

    exchange: Annotated[Exchange, BeforeValidator(named, json_schema_input_type=str | Exchange)]
    """The exchange: a name, or a section."""
    keys: Keys = []
    """Binding key or keys, e.g. `order.*.eu`, or `#` for all of a topic exchange; none for `fanout` and `headers`."""
    arguments: dict[str, Any] = {}
    """Arguments of the binding: for a headers exchange the headers and `x-match`."""

    @model_validator(mode="after")
    def _binds_something(self) -> Binding:
        if not self.keys and not self.arguments and self.exchange.type not in _KEYLESS:
            raise ValueError(
                "expected `keys`: which of the exchange's messages, `#` for all of a topic exchange; none are needed "
                "with `exchange: { name: …, type: fanout }`"
            )
        return self


class DeadLetter(Config):
    """Where the broker puts what a queue gives up: rejected, expired, too many, or delivered too often."""

    exchange: Annotated[Exchange | None, BeforeValidator(named, json_schema_input_type=str | Exchange)] = None
    """The exchange that gets it; if not given the default one, which delivers to `queue`."""
    routing_key: Name | None = None
    """Its routing key there; if not given the message's own, but on the default exchange the name of `queue`."""
    queue: Name | None = None
    """A quorum queue that keeps it; declared if there is none of this name, and bound to `exchange`."""
    strategy: Literal["at-most-once", "at-least-once"] | None = None
    """`at-least-once` loses none on its way there; for quorum queues with `overflow: reject-publish`."""

    @property
    def binding_keys(self) -> list[str]:
        """With what `queue` is bound to `exchange`."""
        if self.exchange is not None and self.exchange.type in _KEYLESS:
            return [""]
        return [self.routing_key or "#"]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> DeadLetter:
        if self.exchange is None and self.queue is None and self.routing_key is None:
            raise ValueError("expected `exchange` or `queue`: nothing says where dead letters go")
        direct = self.exchange is not None and self.exchange.type == "direct"
        if direct and self.queue is not None and self.routing_key is None:
            raise ValueError("expected `routing_key`: a direct exchange delivers to `queue` by one key")
        return self

    @property
    def arguments(self) -> dict[str, Any]:
        """As arguments of the queue that gives up messages."""
        key = self.routing_key or (self.queue if self.exchange is None else None)
        found: dict[str, Any] = {"x-dead-letter-exchange": self.exchange.name if self.exchange else ""}
        if key is not None:
            found["x-dead-letter-routing-key"] = key
        if self.strategy is not None:
            found["x-dead-letter-strategy"] = self.strategy
        return found


class SourceQueue(Config):
    """A queue to consume. A name alone is short for ``{name: NAME, if_missing: true}``."""

    name: Name
    """Its name."""
    bind: list[Binding] = []
    """What comes into it; nothing where others publish to it by its name, or bind it."""
    type: Literal["quorum", "classic"] = "quorum"
    """Quorum queues are replicated, and count how often a message was delivered."""
    durable: bool = True
    """Whether it survives a restart of the broker; quorum queues always do."""
    passive: bool = False
    """Declare nothing: it must exist, as whatever it is."""
    if_missing: bool = False
    """Declare it only if there is none of this name, and use what there is as it is."""
    dead_letter: DeadLetter | None = None
    """Where the broker puts what this queue gives up; without one that is lost."""
    delivery_limit: int | None = Field(default=None, ge=0)
    """How often a message may be delivered again before a quorum queue gives it up."""
    message_ttl: Duration | None = None
    """How long a message waits at most, e.g. `1h`; then the queue gives it up."""
    expires: Duration | None = None
    """After how long without a consumer the queue itself is deleted."""
    max_length: int | None = Field(default=None, ge=1)
    """How many messages wait at most."""
    max_length_bytes: Size | None = None
    """How many bytes wait at most."""
    overflow: Literal["drop-head", "reject-publish", "reject-publish-dlx"] | None = None
    """What happens to more than that."""
    max_priority: int | None = Field(default=None, ge=1, le=255)
    """Highest priority of messages; for classic queues."""
    single_active_consumer: bool = False
    """One consumer at a time, the others stand by: keeps messages in order though several workers run."""
    arguments: dict[str, Any] = {}
    """Further arguments of the declaration."""

    @model_validator(mode="after")
    def _is_possible(self) -> SourceQueue:
        quorum = self.type == "quorum"
        if self.passive:
            return self
        if quorum and not self.durable:
            raise ValueError("expected `durable: true` with `type: quorum`; for a transient queue say `type: classic`")
        if quorum and self.max_priority is not None:
            raise ValueError("expected `type: classic` with `max_priority`: quorum queues know no priorities")
        if not quorum and self.delivery_limit is not None:
            raise ValueError("expected `type: quorum` with `delivery_limit`: classic queues don't count deliveries")
        careful = self.dead_letter is not None and self.dead_letter.strategy == "at-least-once"
        if careful and not (quorum and self.overflow == "reject-publish"):
            raise ValueError("expected `type: quorum` and `overflow: reject-publish` with `strategy: at-least-once`")
        return self

    @property
    def declared(self) -> dict[str, Any]:
        """The arguments of its declaration."""
        given: dict[str, Any] = {
            "x-queue-type": self.type,
            "x-delivery-limit": self.delivery_limit,
            "x-message-ttl": None if self.message_ttl is None else self.message_ttl // _MILLISECOND,
            "x-expires": None if self.expires is None else self.expires // _MILLISECOND,
            "x-max-length": self.max_length,
            "x-max-length-bytes": self.max_length_bytes,
            "x-overflow": self.overflow,
            "x-max-priority": self.max_priority,
            "x-single-active-consumer": self.single_active_consumer or None,
            **(self.dead_letter.arguments if self.dead_letter else {}),
        }
        return {**{name: value for name, value in given.items() if value is not None}, **self.arguments}


class RabbitMQSourceConfig(SourceConfig):
    """The ``with:`` section of a RabbitMQ source."""

    url: Url
    """`amqp://user:password@host:port/vhost` or `amqps://…`, special characters percent-encoded."""
    queue: Annotated[SourceQueue, BeforeValidator(named, json_schema_input_type=str | SourceQueue)]
    """The queue to consume: a name, or a section. If somebody deletes it, it is declared again."""
    prefetch: int = Field(default=1_000, ge=1, le=65_535)
    """How many messages are held unacknowledged at most."""
    prefetch_bytes: Size = Field(default=32 * 2**20, ge=1)
    """How many bytes of them, about: fewer messages are asked for where they are large."""
    priority: int | None = Field(default=None, ge=-(2**31), lt=2**31)
    """Of this consumer among several: those of lower priority get what it has no room for."""
    poison: Literal["dead_letter", "reject"] = "dead_letter"
    """What becomes of a message that can't be taken: a dead letter here, or rejected to the queue's `dead_letter`."""
    types: list[Annotated[str, Field(min_length=1)]] = []
    """Event types that CloudEvents in the queue may have, or that `type` may give."""
    type: Mapped[str] | None = None
    """Event type of messages that are no CloudEvents; `rabbitmq.message` if neither this nor `types` is given."""
    id: Mapped[str] | None = None
    """Id of their events, which makes a repeated message known; the message's `message_id` if not given."""
    source: Mapped[str] | None = None
    """CloudEvents source of their events; `/deployment/source` if not given."""
    subject: Mapped[str] | None = None
    """Subject of their events."""
    time: Mapped[str] | None = None
    """Time of their events, RFC 3339; the message's `timestamp` if not given, else the time of arrival."""
    key: Mapped[str] | None = None
    """Partition key of events that have none of their own: events of one key keep their order."""
    content_type: Annotated[str, Field(min_length=1)] = "application/octet-stream"
    """Media type of messages that say none, e.g. `application/json`."""
    deduplicate: bool = True
    """Whether a message that comes again with the same id and body is left out."""
    max_body: Size = Field(default=32 * 2**20, ge=1)
    """Largest body once `gzip` or `deflate` is undone."""
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """Longest wait for the connection, its log-in and the declarations."""
    tls: TLS = TLS()
    """For `amqps://`."""

    @model_validator(mode="after")
    def _types_are_known(self) -> RabbitMQSourceConfig:
        if self.type is not None and not self.type.constant and not self.types:
            raise ValueError("expected `types`, the event types that `type` may give, since each has a topic")
        return self

    @model_validator(mode="after")
    def _rejected_somewhere(self) -> RabbitMQSourceConfig:
        queue = self.queue
        known = queue.passive or queue.if_missing or "x-dead-letter-exchange" in queue.declared
        if self.poison == "reject" and not known:
            raise ValueError("expected `queue.dead_letter` with `poison: reject`; without it the broker drops messages")
        return self
