"""`hub diff`: two versions of a deployment's routes, compared by events of Kafka or of a file."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.deployment import Deployment
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import ConfigError, InvalidEvent
from hub.sdk.event import Event
from hub.workbench.answers import GivenAnswers
from hub.workbench.comparison import Comparison
from hub.workbench.differing import RouteDifference, Sample
from hub.workbench.samples import of_file, of_record
from hub.workbench.traffic import Traffic


@dataclass
class TopicRead:
    """What was read of a topic.

    Attributes:
        records: how many.
        unreadable: how many hold no event; both versions dead-letter them.
        problem: of the first of these.
        missing: whether the topic doesn't exist.
    """

    records: int = 0
    unreadable: int = 0
    problem: str = ""
    missing: bool = False


class Difference:
    """Compares two versions; to be read once, from Kafka or from a file.

    Args:
        old, new: the versions.
        environ: for both; what their expressions read of the environment.
        topics: whose events; those that a route of either version reads if there is none.
        examples: how many to keep for each route and kind of difference.
        answers: of look-ups; nobody outside is asked.

    Attributes:
        topics: what was read of each.
        routes: the result.
        first, last: when the oldest and the newest event were written.
        seconds: how long it took.

    Raises:
        ConfigError: no route of either version reads one of the topics.
        InvalidDeployment: an environment variable that a route reads isn't set.
    """

    def __init__(
        self,
        old: Deployment,
        new: Deployment,
        environ: Mapping[str, str],
        *,
        topics: Collection[str] = (),
        examples: int = 0,
        answers: GivenAnswers | None = None,
    ) -> None:
        self._versions = (old, new)
        self._comparison = Comparison(old, new, environ, examples=examples, answers=answers)
        self._named = bool(topics)
        known = self._comparison.topics
        for topic in topics:
            if topic not in known:
                close = difflib.get_close_matches(topic, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"they read {', '.join(known) or 'nothing'}"
                raise ConfigError(f"no route of either version reads the topic {topic}; {hint}")
        self.topics = {topic: TopicRead() for topic in topics or known}
        self.routes: list[RouteDifference] = []
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.seconds = 0.0
        self._began = time.monotonic()

    @property
    def differs(self) -> bool:
        """Whether any route does."""
        return any(route.differs for route in self.routes)

    @property
    def records(self) -> int:
        """How many records were read."""
        return sum(each.records for each in self.topics.values())

    async def read_kafka(self, settings: KafkaSettings, *, last: int | None, since: datetime | None) -> None:
        """Compares by what lies on Kafka: the newest events over all topics, or all since a time.

        Raises:
            ConfigError: a topic that was asked for by its name doesn't exist.
            HubError: Kafka's.
        """
        traffic = Traffic(settings, list(self.topics), last, since)
        async for batch in traffic.batches():
            for record in batch:
                self._read(record)
        for topic in traffic.missing:
            self.topics[topic].missing = True
        if self._named and traffic.missing:
            missing = ", ".join(sorted(traffic.missing))
            raise ConfigError(f"there is no topic {missing} on this Kafka, so there is nothing to compare by")
        self._finish()

    def _read(self, record: Any) -> None:
        read = self.topics[record.topic]
        read.records += 1
        try:
            sample = of_record(record)
        except InvalidEvent as error:
            read.unreadable += 1
            read.problem = read.problem or f"{record.topic}-{record.partition}@{record.offset}: {error}"
        else:
            self._compare(sample)

    def read_file(self, path: Path) -> None:
        """Compares by the events of a file; those of other topics than the ones that are wanted are passed over.

        Raises:
            ConfigError: the file can't be read, or holds something else.
        """
        for sample in of_file(path, self._topic_of()):
            if isinstance(sample, InvalidEvent):
                raise ConfigError(str(sample))
            if sample.topic in self.topics:
                self.topics[sample.topic].records += 1
                self._compare(sample)
        self._finish()

    def _topic_of(self) -> Callable[[Event], str]:
        """The topic of an event that doesn't lie on one: its type's; or the only one that is wanted."""
        if self._named and len(self.topics) == 1:
            (only,) = self.topics
            return lambda _: only
        scopes = [spec.scope for version in reversed(self._versions) for spec in version.routes.values()]
        return lambda event: scopes[0].topic(event.type) if scopes else event.type

    def _compare(self, sample: Sample) -> None:
        self.first = min(self.first or sample.at, sample.at)
        self.last = max(self.last or sample.at, sample.at)
        self._comparison.add(sample)

    def _finish(self) -> None:
        self.routes = self._comparison.finish()
        self.seconds = time.monotonic() - self._began
