"""Whether events that wait will be deleted before they are read: an alarm before it is a loss."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from hub.kafka import clients, topics
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings

SHARE = 0.2
"""Share of the retention below which what is left of it alarms."""
AN_HOUR = 3600.0
"""Seconds, likewise, where the retention is at least twice as long."""
REFRESH = 300.0
"""Seconds after which a topic's retention is asked for again: it may be changed at any time."""


@dataclass(frozen=True)
class Kept:
    """How long a topic keeps events.

    Attributes:
        seconds: None for ever.
        bytes: of each partition; None without a bound.
    """

    seconds: float | None = None
    bytes: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, str]) -> Kept:
        """By the topic's configuration."""
        if "delete" not in config.get("cleanup.policy", "delete"):
            return cls()
        age, size = int(config.get("retention.ms", -1)), int(config.get("retention.bytes", -1))
        return cls(None if age < 0 else age / 1000, None if size < 0 else size)

    def near(self, left: float) -> bool:
        """Whether so many seconds, until the oldest event that waits may be deleted, are too few."""
        return self.seconds is not None and left < max(self.seconds * SHARE, min(AN_HOUR, self.seconds / 2))


class Retentions:
    """How long topics keep events, as the brokers say; asked for when needed and remembered for a while.

    Args:
        settings: how to reach Kafka.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._known: dict[str, tuple[float, Kept]] = {}

    async def of(self, names: Collection[str]) -> dict[str, Kept]:
        """By topic; one that isn't there is left out.

        Raises:
            HubError: Kafka can't be reached.
        """
        now = time.monotonic()
        old = [name for name in names if name not in self._known or now - self._known[name][0] > REFRESH]
        if old:
            described = await topics.describe_topics(self._settings, old)
            self._known |= {name: (now, Kept.of(topic.config)) for name, topic in described.items()}
        return {name: self._known[name][1] for name in names if name in self._known}


class Seen(NamedTuple):
    """When a unit was last at work.

    Attributes:
        at: the time.
        safe: everything that was made before had been settled by then.
    """

    at: datetime
    safe: datetime


async def positions_kept(settings: KafkaSettings) -> timedelta | None:
    """How long brokers keep the positions of a group that has no members any more; None where they don't say.

    Raises:
        HubError: Kafka can't be reached.
    """
    async with clients.running(clients.admin(settings)) as admin:
        try:
            cluster = await admin.describe_cluster()
            brokers = [each["node_id"] for each in cluster["brokers"]]
            if not brokers:
                return None
            (answer, *_) = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, str(brokers[0]))])
        except (KafkaError, TimeoutError) as error:
            raise kafka_error(error, "asking how long positions are kept") from error
    entries = {entry[0]: entry[1] for code, _, _, _, found in answer.resources if code == 0 for entry in found}
    minutes = entries.get("offsets.retention.minutes")
    return None if minutes is None else timedelta(minutes=int(minutes))


@dataclass(frozen=True)
class Outlook:
    """What retention means for what waits.

    Attributes:
        left: seconds until the oldest event that waits may be deleted, the least of all partitions; where nothing
            waits, the whole retention; None where nothing is ever deleted by its age.
        alarm: what to do something about, in a line; empty if nothing.
    """

    left: float | None = None
    alarm: str = ""


def outlook(
    kept: Mapping[str, Kept],
    ages: Mapping[TopicPartition, float],
    spans: Mapping[TopicPartition, tuple[int, int, int]],
) -> Outlook:
    """Looks ahead.

    Args:
        kept: how long topics keep events.
        ages: seconds since the oldest event that waits on a partition was made; 0 where none waits.
        spans: where each partition begins, where we stand and where it ends; of topics whose size is bounded.
    """
    left: float | None = None
    alarm = ""
    for at, age in ages.items():
        each = kept.get(at.topic, Kept())
        if each.seconds is not None:
            remains = max(0.0, each.seconds - age)
            if left is None or remains < left:
                left = remains
                if age and each.near(remains):
                    alarm = (
                        f"retention deletes unread events of {at.topic} in {span(remains)}: the oldest is {span(age)} "
                        f"old, and the topic keeps them for {span(each.seconds)}"
                    )
        if age and each.bytes is not None and at in spans and not alarm:
            alarm = _by_size(at, each.bytes, spans[at])
    return Outlook(left, alarm)


def _by_size(at: TopicPartition, size: int, offsets: tuple[int, int, int]) -> str:
    beginning, position, end = offsets
    # Where nothing has been deleted yet, the bound is further away than anybody can tell.
    if beginning == 0 or position - beginning >= SHARE * (end - beginning):
        return ""
    return (
        f"retention deletes unread events of {at.topic} soon: it keeps {size:,} bytes, and all but "
        f"{max(0, position - beginning):,} of its {end - beginning:,} offsets wait"
    )


def span(seconds: float) -> str:
    """A length of time for people."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
