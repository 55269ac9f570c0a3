"""The sections of a schema file as pydantic models: what users write, before names are looked up.

Field names are the keys in the file. What a section's ``with:`` may hold is the connector's to say.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from hub.contracts.mode import Mode
from hub.deployment.polled import CursorSection, EverySection, as_every
from hub.deployment.trial import TestSection
from hub.sdk.config import Config, Duration, Size, has_expression

# RFC 3339 § 5.6 date-time.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""One name, or a list of them."""


def _start(value: str) -> str:
    if value in ("latest", "earliest"):
        return value
    try:
        if _TIME.match(value) and datetime.fromisoformat(value.upper()):
            return value
    except ValueError:
        pass
    raise ValueError(f"expected latest, earliest or a time such as 2026-11-20T10:00:00Z; got `{value:.60}`")


Start = Annotated[str, AfterValidator(_start)]
"""Where a new unit begins to read: ``latest``, ``earliest``, or an RFC 3339 time."""


def _expression(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


Expression = Annotated[str, BeforeValidator(_expression, json_schema_input_type=str | bool), Field(min_length=1)]
"""An expression without ``= ``; YAML's ``true`` and ``false`` are expressions too."""


class Retry(Config):
    """How often a delivery that failed for a passing reason is tried again: exponential backoff with full jitter."""

    initial_interval: Duration = Field(default="500ms", validate_default=True)
    """Upper bound of the first wait; doubles with each attempt."""
    max_interval: Duration = Field(default="30s", validate_default=True)
    """Upper bound of any wait."""
    max_retries: int = Field(default=8, ge=0)
    """Attempts after the first; then the event is dead-lettered."""
    max_elapsed_time: Duration | None = None
    """Gives up after this time, whichever comes first."""


class OnError(Config):
    """What becomes of events that can't be handled."""

    dlq: str | None = Field(default=None, min_length=1)
    """Topic for dead letters; ``<deployment>.<unit>.dlq`` if not given."""


_ORDER = "later events of the key go on; only sinks can keep the order of a key over dead letters"


class SourceOnError(OnError):
    """What becomes of events that a source can't store as they are."""

    instead: ClassVar[Mapping[str, str]] = {
        "retry": "a poll that failed is repeated for as long as it takes, after 1 s to 60 s, and a sender whose "
        "request was refused sends again; `retry` is for sinks",
        "dlq_order": _ORDER,
    }


class RouteOnError(OnError):
    """What becomes of events that a route can't map."""

    instead: ClassVar[Mapping[str, str]] = {
        "retry": "an expression that failed would fail again, so that the event is dead-lettered at once, and outages "
        "of Kafka are waited out; `retry` is for sinks",
        "dlq_order": _ORDER,
    }


class SinkOnError(OnError):
    """What becomes of events that a sink can't deliver."""

    retry: Retry = Retry()
    """How often a delivery that failed for a passing reason is tried again; then the event is dead-lettered."""
    dlq_order: Literal["none", "key"] = "none"
    """``key`` keeps the order of each key over dead letters: once an event of a key is one, the key's later events are
    parked in the DLQ behind it, until it is replayed or discarded."""


class ServiceSection(Config):
    """An external API, shared by the units that name it."""

    use: str
    """The connector whose API it is."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """What the connector wants to know."""
    auth: dict[str, Any] = {}
    """Credentials, e.g. ``{ token: "${env:TOKEN}" }``; see `hub.sdk.auth.Auth`."""
    # What follows is checked with the connector's own configuration, whose defaults it replaces: see
    # `hub.sdk.policies.ServiceConfig`. Null takes a connector's default away.
    rate_limit: Any = None
    """How many requests the API may get."""
    circuit_breaker: Any = None
    """When it is left alone."""
    retry: Any = None
    """How often requests of sources and look-ups are tried again."""
    cache: Any = None
    """Which answers are kept."""
    timeout: Any = None
    """How long one attempt may take."""
    fallback: Any = None
    """What takes the place of an answer."""
    endpoints: Any = None
    """Several servers of the API."""
    health: Any = None
    """What shows whether it works."""
    tls: Any = None
    """How it is verified, and how we prove who we are."""
    pool: Any = None
    """Connections."""
    usage: Any = None
    """Where answers say what they cost."""


def _lease(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= timedelta(minutes=5):
        raise ValueError("expected between 1s and 5m")
    return value


class LeaderSection(Config):
    """A lock in Redis, where workers of several Kafka clusters poll a far side that tolerates one of them alone."""

    redis: SecretStr
    """``redis://[user:password@]host[:port][/database]``, or ``rediss://…`` with TLS."""
    key: str | None = Field(default=None, min_length=1, max_length=200)
    """Name of the lock: whoever gives the same one takes turns. ``<deployment>.<source>`` if not given."""
    ttl: Annotated[Duration, AfterValidator(_lease)] = Field(default="10s", validate_default=True)
    """How long the lock lasts when its holder is gone; between ``1s`` and ``5m``."""


class SourceSection(Config):
    """A configured source."""

    use: str
    """The connector, or one of its kinds, e.g. ``github.webhook``."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """What the connector wants to know."""
    every: Annotated[EverySection, BeforeValidator(as_every, json_schema_input_type=str | EverySection)] | None = None
    """Time between the end of a poll and the next one, at least ``10ms``; ``{ min: 5s, max: 5m }`` adapts it to what
    comes. The connector's own if not given."""
    cursor: CursorSection = CursorSection()
    """How a polling source reads, so that it misses nothing and repeats nothing."""
    leader: LeaderSection | None = None
    """What decides, beside Kafka, which worker polls."""
    on_error: SourceOnError = SourceOnError()
    """What becomes of events that can't be handled: where dead letters go."""


def _setting(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool | int | float) else value


Setting = Annotated[str, BeforeValidator(_setting, json_schema_input_type=str | int | float | bool)]
"""A setting of Kafka's, which takes all of them as text."""


class TopicSection(Config):
    """Settings of a topic where the defaults don't do, or the declaration of one that others write."""

    partitions: int | None = Field(default=None, ge=1)
    """How many; more of them let more deliveries of different keys go on at once."""
    replication: int | None = Field(default=None, ge=1)
    """Copies of each partition; the broker's default if not given."""
    retention: Duration | None = None
    """How long events stay, e.g. ``7d``."""
    max_message: Size | None = None
    """Largest record that the topic takes."""
    cleanup: Literal["delete", "compact", "compact,delete"] = "delete"
    """``compact`` keeps the last event of each key."""
    config: dict[str, Setting] = {}
    """Further settings, by Kafka's own names."""


class ModeSection(Config):
    """How strictly a contract is kept, by direction."""

    produce: Mode | None = None
    """Where a source or route of this deployment publishes such events."""
    consume: Mode | None = None
    """Where a route or sink reads them."""


def _modes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value in tuple(Mode):
        return {"produce": value, "consume": value}
    close = difflib.get_close_matches(value, tuple(Mode), 1)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    raise ValueError(f"expected enforce, warn, evolve or trust; got `{value:.60}`{hint}")


class EventSection(Config):
    """A contract: an event type and the JSON Schema of its data."""

    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    """JSON Schema 2020-12: written out, or ``{ $ref: FILE.json }``. A connector's event type has the connector's."""
    mode: Annotated[ModeSection, BeforeValidator(_modes, json_schema_input_type=Mode | ModeSection)] = ModeSection()
    """``enforce``, ``warn``, ``evolve`` or ``trust``; one word is for both directions. By default what is declared is
    enforced where it is published, what a connector brings evolves there, and what is read is trusted."""
    topic: str | None = None
    """Topic of the event type; its own name if not given."""


class MapSection(Config):
    """What a route makes of an event. Attributes that aren't given stay as they are; so does ``data``."""

    type: str | None = None
    """The event type, e.g. ``review.wanted``."""
    subject: str | None = None
    """What the event is about, within its source."""
    source: str | None = None
    """Where the event comes from: a URI or a path."""
    id: str | None = None
    """The event's id; if not given that of the incoming event."""
    time: str | None = None
    """When it happened: an RFC 3339 time."""
    key: str | None = None
    """The partition key of the new event."""
    data: Any = None
    """The new payload: a tree in which text that starts with ``= `` is an expression, or one expression for all."""
    extensions: dict[str, str] = {}
    """Further CloudEvents attributes, by names of lower-case letters and digits."""


class ChoiceSection(Config):
    """A target that is computed per event: one of a list."""

    choose: str = Field(min_length=1)
    """An expression, with ``= `` in front, that gives one of the names in ``of``."""
    of: list[str] = Field(min_length=1)
    """Names of topics, event types and sinks."""


def _targets(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Targets = Annotated[
    list[str | ChoiceSection],
    BeforeValidator(_targets, json_schema_input_type=str | ChoiceSection | list[str | ChoiceSection]),
    Field(min_length=1),
]
"""Names of topics, event types and sinks, and choices of them."""


class ShapingSection(Config):
    """What becomes of an event: it is mapped, then fields are dropped, then fields are set. All else stays."""

    map: MapSection = MapSection()
    """What the new event is made of; attributes that aren't given stay as they are, and so does the payload."""
    drop: Names = []
    """Fields that go, e.g. ``data.user.email``, ``data.commits[].author`` or ``subject``."""
    set_: dict[str, Any] = Field(default={}, alias="set")
    """Fields that change, e.g. ``data.user.name: = expression``."""
    key: str | None = None
    """The partition key of the new event, as ``map.key``."""


class BranchSection(ShapingSection):
    """One branch of ``switch``: what it makes of an event, on top of what the route does."""

    when: Expression | None = None
    """Only the last branch may do without: it takes what no other took."""
    to: Targets = []
    """Instead of the route's ``to``."""


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("expected a duration longer than 0s")
    return value


Positive = Annotated[Duration, AfterValidator(_positive)]
"""A length of time above zero."""


class AnswersSection(Config):
    """Which answers of a look-up are kept, by each worker for itself."""

    ttl: Positive
    """How long an answer counts; that there is nothing counts as an answer."""
    size: int = Field(default=10_000, ge=1, le=10_000_000)
    """Answers that are kept; beyond that those that weren't wanted for longest go."""
    stale_if_error: Positive | None = None
    """How much longer an answer will do where none can be had; the event is then marked ``hubdegraded: stale``."""


class LookupRetry(Retry):
    """How often a question that failed for a passing reason is asked again: exponential backoff with full jitter."""

    initial_interval: Duration = Field(default="200ms", validate_default=True)
    """Upper bound of the first wait; doubles with each attempt."""
    max_interval: Duration = Field(default="5s", validate_default=True)
    """Upper bound of any wait."""
    max_retries: int = Field(default=4, ge=0)
    """Attempts after the first; then the question has no answer."""


class LookupOnError(Config):
    """What becomes of events whose look-up fails."""

    retry: LookupRetry = LookupRetry()
    """How often a question that failed for a passing reason is asked again."""
    fallback: Any = None
    """Takes the place of an answer that can't be had, and marks the event ``hubdegraded: fallback``; it may be null. If
    it isn't given, the event is dead-lettered."""
    outage: Literal["wait", "fallback"] = "wait"
    """``wait`` pauses the route while the far side is down; ``fallback`` goes on with what `fallback` gives."""

    @model_validator(mode="after")
    def _is_possible(self) -> LookupOnError:
        if self.outage == "fallback" and not self.falls_back:
            raise ValueError("`outage: fallback` needs a `fallback`; null is one, too")
        if has_expression(self.fallback):
            raise ValueError("expected a fixed value in `fallback`; got an expression")
        return self

    @property
    def falls_back(self) -> bool:
        """Whether there is a fallback."""
        return "fallback" in self.model_fields_set


class LookupSection(Config):
    """What is looked up for an event, before it is mapped."""

    use: str
    """The connector, or one of its kinds, e.g. ``github.issue``."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """What the connector wants to know; the same for all events."""
    key: Any
    """What is asked for: a tree in which text that starts with ``= `` is an expression, or one expression for all."""
    when: Expression | None = None
    """An expression without ``= ``; where it is false nothing is asked, and the answer is null."""
    cache: AnswersSection | None = None
    """Which answers are kept; none beyond a batch if not given."""
    batch: int | None = Field(default=None, ge=1, le=10_000)
    """Keys in one call at most; the connector's own figure if not given, which is also the most."""
    concurrency: int | None = Field(default=None, ge=1, le=1_000)
    """Calls under way at once at most; the connector's own figure if not given."""
    timeout: Positive = Field(default="1m", validate_default=True)
    """How long a call may take; then it has failed for a passing reason."""
    on_error: LookupOnError = LookupOnError()
    """What becomes of events whose look-up fails."""


class RouteSection(ShapingSection):
    """Topics → predicate → look-ups → split → shape → topics and sinks."""

    from_: Names = Field(alias="from", min_length=1)
    """Topics or event types to read."""
    where: Expression | None = None
    """An expression without ``= ``; events for which it is false are left out."""
    enrich: dict[str, LookupSection] = {}
    """What is looked up for events that pass ``where``; all other expressions see the answers by their names."""
    split: Expression | None = None
    """Gives a list; one event is made of each of its elements."""
    switch: list[BranchSection] = []
    """The first branch whose ``when`` is true takes the event."""
    to: Targets = []
    """Topics, event types and sinks; or ``{ choose: = expression, of: [names] }``."""
    start: Start = "latest"
    """Where a new route begins to read: ``latest``, ``earliest``, or a time."""
    renamed_from: str | None = None
    """The route's former name, whose position it takes over."""
    on_error: RouteOnError = RouteOnError()
    """What becomes of events that can't be handled: where dead letters go."""


class SinkSection(Config):
    """A configured sink."""

    use: str
    """The connector, or one of its kinds."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """What the connector wants to know; text that starts with ``= `` is an expression where the connector allows it."""
    from_: Names = Field(default=[], alias="from")
    """Topics to read, beside what routes send to the sink by its name."""
    start: Start = "latest"
    """Where a new sink begins to read: ``latest``, ``earliest``, or a time."""
    renamed_from: str | None = None
    """The sink's former name, whose position it takes over."""
    concurrency: int | None = Field(default=None, ge=1, le=10_000)
    """Deliveries under way at once at most, each of another key; the connector's own figure if not given. Below it the
    number adapts to how the far side answers."""
    reply: str | None = None
    """Topic for the events that the far side answers."""
    on_error: SinkOnError = SinkOnError()
    """What becomes of events that can't be delivered: how often they are tried, where dead letters go."""


class SchemaFile(Config):
    """One schema file. Any file of a deployment may hold any of the sections."""

    deployment: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    env: list[str] = []
    """Environment variables that expressions may read as ``env.NAME``."""
    services: dict[str, ServiceSection] = {}
    sources: dict[str, SourceSection] = {}
    topics: dict[str, TopicSection] = {}
    events: dict[str, EventSection] = {}
    tables: dict[str, dict[str, Any]] = {}
    """Constant tables for ``lookup(table, key)``."""
    routes: dict[str, RouteSection] = {}
    processors: dict[str, Any] = {}
    sinks: dict[str, SinkSection] = {}
    tests: dict[str, TestSection] = {}
