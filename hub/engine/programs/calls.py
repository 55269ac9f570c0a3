"""What users' own programs call: `subscribe` to handle events, `tap` to look at them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, overload

from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.deployment.model import Start
from hub.engine.programs.subscription import Subscription
from hub.engine.programs.tap import Tap
from hub.engine.sinks.attempts import RetryPolicy
from hub.kafka import nearby
from hub.kafka.names import check_topic
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


@overload
def subscribe(
    topic: str,
    *,
    group: str,
    model: type[M],
    settings: KafkaSettings | None = None,
    retry: RetryPolicy | None = None,
    dlq: bool | str = True,
    concurrency: int = 1,
    start: str = "latest",
) -> Subscription[M]: ...


@overload
def subscribe(
    topic: str,
    *,
    group: str,
    model: None = None,
    settings: KafkaSettings | None = None,
    retry: RetryPolicy | None = None,
    dlq: bool | str = True,
    concurrency: int = 1,
    start: str = "latest",
) -> Subscription[Any]: ...


def subscribe(
    topic: str,
    *,
    group: str,
    model: type[BaseModel] | None = None,
    settings: KafkaSettings | None = None,
    retry: RetryPolicy | None = None,
    dlq: bool | str = True,
    concurrency: int = 1,
    start: str = "latest",
) -> Subscription[Any]:
    """The events of a topic, for as long as they are iterated.

    async for delivery in hub.subscribe("review.wanted", group="changelog"):
        async with delivery as event:     # leaving the block acknowledges; an exception retries, then dead-letters
            await append(event.data)

    While it is iterated, SIGTERM ends it after the block that is under way, unless the program handles SIGTERM itself.
    So does leaving the loop; ``async with contextlib.aclosing(hub.subscribe(…)) as deliveries`` says at which point.

    Args:
        topic: must exist.
        group: consumer group. Programs of one group share the events; each group gets them all.
        model: what each payload must fit; ``delivery.data`` is then one of it. A payload that doesn't fit is
            dead-lettered.
        settings: how to reach Kafka; by the environment (``HUB_KAFKA__…``) if not given, or else the embedded one
            that runs in this directory.
        retry: when an event whose block failed comes again: 8 times, after pauses of up to 30 s, if not given.
        dlq: topic of the dead letters; ``<group>.dlq`` for True. With False, what can't be handled ends the iteration
            with its error, and is read again by the next one.
        concurrency: how many deliveries may be under way at once, each of another key, for programs that hand them to
            tasks.
        start: where a group that is new begins: ``latest``, ``earliest`` or an RFC 3339 time.

    Raises:
        ConfigError: an argument, or a setting in the environment, is wrong.
        EnvironmentProblem: no Kafka was named, and none runs here.
    """
    try:
        TypeAdapter(Start).validate_python(start)
    except ValidationError as error:
        raise ConfigError(error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from None
    if concurrency < 1:
        raise ConfigError(f"expected a concurrency of 1 or more; got {concurrency}")
    if not group:
        raise ConfigError("expected the name of a consumer group; got ''")
    check_topic(topic)
    dead_letters = check_topic(dlq if isinstance(dlq, str) else f"{group}.dlq") if dlq is not False else None
    if dead_letters == topic:
        raise ConfigError(f"dead letters need a topic of their own; {topic} is what the group reads")
    return Subscription(
        topic,
        group=group,
        model=model,
        settings=settings or nearby.kafka(),
        retry=retry or RetryPolicy(),
        dlq=dead_letters,
        concurrency=concurrency,
        start=start,
    )


def tap(
    *topics: str,
    settings: KafkaSettings | None = None,
    start: datetime | str = "latest",
    last: int | None = None,
    where: str | None = None,
) -> Tap:
    """What goes by on topics, for as long as it is iterated.

    async for sighting in hub.tap("review.wanted", last=10):
        print(sighting.event)

    Records of one partition come in their order. Those that were there before come first, in the order of time; then
    those that are written, as they come. It goes on over restarts of brokers, and picks up new partitions, and topics
    that are made later, from their beginning.

    Args:
        topics: they needn't exist yet.
        settings: how to reach Kafka; by the environment (``HUB_KAFKA__…``) if not given, or else the embedded one
            that runs in this directory.
        start: where to begin: ``latest``, ``earliest``, or a time.
        last: begins so many records before the end, over all topics; instead of ``start``.
        where: shows only events of which this expression is true; see `Tap` for those that have no value for it.

    Raises:
        ConfigError: an argument is wrong.
        EnvironmentProblem: no Kafka was named, and none runs here.
    """
    if not topics:
        raise ConfigError("expected the name of a topic")
    since = None
    if isinstance(start, datetime):
        since = start
    elif start not in ("latest", "earliest"):
        try:
            since = datetime.fromisoformat(start)
        except ValueError:
            raise ConfigError(
                f"expected latest, earliest or a time such as 2026-11-20T10:00:00Z; got {start!r}"
            ) from None
    if since is not None and since.tzinfo is None:
        raise ConfigError(f"expected a time with its zone, such as 2026-11-20T10:00:00Z; got {start}")
    if last is not None and last < 0:
        raise ConfigError(f"expected a number of records, 0 or more; got {last}")
    if start == "latest" and last is None:
        last = 0
    names = [check_topic(each) for each in dict.fromkeys(topics)]
    return Tap(settings or nearby.kafka(), names, since=since, last=last, where=where)
