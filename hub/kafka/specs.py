"""What topics should be like: a plain description, and the ones that the hub itself needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hub.kafka import names

PARTITIONS = 3
"""Partitions of an event topic, where the schema file doesn't say."""

MAX_MESSAGE = 32 * 2**20
"""Largest record batch in bytes, where the schema file doesn't say: GitHub's webhooks have up to 25 MB. It is always
set on the topic, because brokers' own defaults differ (Apache Kafka's is 1 MiB)."""

DLQ_ROOM = 65_536
"""What a dead letter may be larger than its record: the headers with cause, origin and a stack trace that is cut."""

REMEMBER = timedelta(days=7)
"""How long a webhook delivery is known; GitHub lists deliveries, from which one can repeat them, for three days."""

BROKER_DEFAULT = -1
"""Replication that the broker decides by its ``default.replication.factor``."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic that must exist.

    Args:
        name: as Kafka knows it.
        partitions: how many it is made with; a topic that exists keeps its own.
        replication: copies of each partition; `BROKER_DEFAULT` leaves it to the broker.
        config: settings by Kafka's own names.
    """

    name: str
    partitions: int = PARTITIONS
    replication: int = BROKER_DEFAULT
    config: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names.check_topic(self.name)

    @property
    def max_message(self) -> int:
        """Largest record batch in bytes that this spec asks for; `MAX_MESSAGE` if it leaves that to the broker."""
        return int(self.config.get("max.message.bytes", MAX_MESSAGE))


def event_topic(
    name: str,
    *,
    partitions: int | None = None,
    replication: int | None = None,
    retention: timedelta | None = None,
    max_message: int | None = None,
    cleanup: str = "delete",
    config: Mapping[str, str] | None = None,
) -> TopicSpec:
    """A topic of events, of what a schema file says of it.

    Args:
        name: as Kafka knows it.
        partitions: `PARTITIONS` if not given.
        replication: the broker's if not given.
        retention: how long events stay; the broker's if not given.
        max_message: largest record in bytes; `MAX_MESSAGE` if not given.
        cleanup: ``delete``, ``compact`` or ``compact,delete``.
        config: further settings by Kafka's own names, which win.
    """
    settings = {
        "cleanup.policy": cleanup,
        "max.message.bytes": str(MAX_MESSAGE if max_message is None else max_message),
    }
    if retention is not None:
        settings["retention.ms"] = _milliseconds(retention)
    if "compact" in cleanup:
        settings |= _COMPACTION
    return TopicSpec(
        name,
        PARTITIONS if partitions is None else partitions,
        BROKER_DEFAULT if replication is None else replication,
        settings | dict(config or {}),
    )


def dlq_topic(name: str, *sources: TopicSpec, retention: timedelta = timedelta(days=28)) -> TopicSpec:
    """The dead letter topic of units that read the given topics.

    It has the partitions of the widest of them (a dead letter goes to its source partition modulo these), takes larger
    records than any of them, and keeps them four times as long as Kafka's default of seven days: somebody has to look.
    """
    return TopicSpec(
        name,
        max((each.partitions for each in sources), default=PARTITIONS),
        max((each.replication for each in sources), default=BROKER_DEFAULT),
        {
            "cleanup.policy": "delete",
            "retention.ms": _milliseconds(retention),
            "max.message.bytes": str(max((each.max_message for each in sources), default=MAX_MESSAGE) + DLQ_ROOM),
        },
    )


def inbox_topic(deployment: str, unit: str, *sources: TopicSpec) -> TopicSpec:
    """The inbox of one route or sink; as wide as the widest topic whose events reach it, and as roomy."""
    return TopicSpec(
        names.inbox(deployment, unit),
        max((each.partitions for each in sources), default=PARTITIONS),
        max((each.replication for each in sources), default=BROKER_DEFAULT),
        {
            "cleanup.policy": "delete",
            # The hub's own headers come on top of an event that just fitted its topic.
            "max.message.bytes": str(max((each.max_message for each in sources), default=MAX_MESSAGE) + DLQ_ROOM),
        },
    )


def table_topic(name: str, *, retention: timedelta | None = None) -> TopicSpec:
    """A compacted topic that holds a table.

    One partition, so that all changes have one order.

    Args:
        name: as Kafka knows it.
        retention: entries older than this may go; for ever if not given.
    """
    config = {"cleanup.policy": "compact" if retention is None else "compact,delete", **_COMPACTION}
    if retention is not None:
        config["retention.ms"] = _milliseconds(retention)
    return TopicSpec(name, 1, BROKER_DEFAULT, config)


def hub_topics(deployment: str, *, remember: timedelta = REMEMBER) -> list[TopicSpec]:
    """The tables of a deployment: cursors, unit status, webhook deliveries and resolutions of dead letters.

    Args:
        deployment: its name.
        remember: how long a webhook delivery is known as a duplicate.
    """
    return [
        table_topic(names.cursors(deployment)),
        table_topic(names.status(deployment)),
        table_topic(names.deliveries(deployment), retention=remember),
        table_topic(names.resolutions(deployment)),
    ]


def messages_topic(deployment: str) -> TopicSpec:
    """The table of what consuming sources have stored, of a deployment that has any."""
    return table_topic(names.messages(deployment), retention=REMEMBER)


# Tables are read whole at every start, so they are compacted early (Kafka waits until half is garbage, and never
# touches the newest segment, which it rolls after a week): a tenth is enough, and segments roll after ten minutes.
# A tombstone stays for a day, so that a reader that is that far behind still sees it.
_COMPACTION = {
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": "600000",
    "delete.retention.ms": "86400000",
}


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))
