"""A deployment under load: its topics, its workers, its input and who reads its output meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from hub.deployment import Registry
from hub.deployment import load as load_deployment
from hub.engine.routing.route import RouteUnit
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from tests.chaos import check, workers
from tests.chaos.check import Verdict
from tests.chaos.load import Load, Message, plain
from tests.chaos.scale import SEED, quantile, scaled
from tests.chaos.watch import Watch
from tests.chaos.workers import Worker

PARTITIONS = 6
AHEAD = 10.0
"""Seconds of its rate that the load may be ahead of what comes out; then it waits, as on a slow machine it must."""
SETTLE_LIMIT = scaled(90.0, 240.0)
"""Seconds without any progress after which what is missing counts as lost."""
DEPLOYMENT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: {partitions} }}
  {name}.out: {{ partitions: {partitions} }}
  {name}.copy: {{ partitions: {partitions} }}
  {name}.twin: {{ partitions: {partitions} }}
  {name}.final: {{ partitions: {partitions} }}
routes:
  first:
    from: {name}.in
    start: earliest
    where: data.n % 10 != 9
    to: [{name}.out, {name}.copy]
  twin:
    from: {name}.in
    start: earliest
    where: data.n % 10 != 9
    to: {name}.twin
  second:
    from: {name}.out
    start: earliest
    to: {name}.final
"""


def comes_through(number: int) -> bool:
    """Whether the routes that read the input let an event pass."""
    return number % 10 != 9


@dataclass
class Outcome:
    """What a scene found."""

    events: int
    verdicts: dict[str, Verdict]
    disagreements: int
    """Partitions on which the reader that ran all the time saw something else than is there in the end."""
    resumptions: list[float]
    unresumed: int
    seconds: float
    repeated: int

    @property
    def clean(self) -> bool:
        return all(each.clean for each in self.verdicts.values()) and not self.disagreements and not self.unresumed

    @property
    def lost(self) -> int:
        return max(each.lost for each in self.verdicts.values())

    @property
    def duplicated(self) -> int:
        return max(each.duplicated for each in self.verdicts.values())

    @property
    def order_violations(self) -> int:
        return max(each.order_violations for each in self.verdicts.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "order_violations": self.order_violations,
            "reader_disagreements": self.disagreements,
            "resume_p50_s": quantile(self.resumptions, 0.5),
            "resume_p95_s": quantile(self.resumptions, 0.95),
            "resume_max_s": quantile(self.resumptions, 1.0),
            "unresumed": self.unresumed,
            "seconds": round(self.seconds, 1),
            "outputs": {topic: each.to_json() for topic, each in self.verdicts.items()},
        }


@dataclass
class Scene:
    """See the module; made by `scene`."""

    kafka: KafkaSettings
    name: str
    directory: Path
    load: Load
    watch: Watch
    outputs: tuple[str, ...]
    workers: list[Worker] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _started: int = 0

    async def add(self) -> Worker:
        """Starts another worker of the hub, and waits until it is at work."""
        worker = self.launch()
        await worker.ready(workers.SIGN)
        return worker

    def launch(self) -> Worker:
        """Starts another worker of the hub, without waiting."""
        self._started += 1
        worker = workers.hub(f"worker-{self._started}", self.directory / "deployment", self.kafka)
        worker.process.start()
        self.workers.append(worker)
        return worker

    async def add_control(self) -> Worker:
        """Starts a worker of scheme A."""
        self._started += 1
        worker = workers.scheme_a(f"control-{self._started}", self.name, self.directory / "deployment", self.kafka)
        worker.process.start()
        self.workers.append(worker)
        await worker.ready("at work")
        return worker

    def first(self) -> RouteUnit:
        """The first route, in this process, not started."""
        (unit,) = self.routes("first")
        return unit

    def routes(self, *names: str) -> list[RouteUnit]:
        """Routes, in this process, not started; those that read the same topic can be read for together."""
        deployment = load_deployment(self.directory / "deployment", registry=Registry([]))
        runtime = Runtime(deployment, self.kafka, only=names, ingress=IngressSettings(port=0), environ={})
        units = [runtime.supervisor.units[name] for name in names]
        assert all(isinstance(unit, RouteUnit) for unit in units)
        return cast("list[RouteUnit]", units)

    async def resumed(self, limit: float = scaled(60.0, 240.0)) -> None:
        """Waits until what was done last is over for every partition."""
        deadline = time.monotonic() + limit
        while self.watch.marks[-1].resumed is None and time.monotonic() < deadline:  # noqa: ASYNC110  another task sets it
            await asyncio.sleep(0.05)

    async def flowing(self) -> None:
        """Waits until events come out of every partition."""
        self.watch.mark()
        await self.resumed(SETTLE_LIMIT)
        assert self.watch.marks.pop().resumed is not None, f"nothing comes out\n{self.logs()}"

    def logs(self) -> str:
        """The end of every worker's log."""
        return "\n".join(f"--- {each.name}\n{each.log[-2000:]}" for each in self.workers)

    async def outcome(
        self, expected: Callable[[int], bool] = comes_through, others: Mapping[str, Callable[[int], bool]] | None = None
    ) -> Outcome:
        """Ends the load, waits until everything has come through, ends the workers, and compares.

        Args:
            expected: whether the event of a number comes through to the outputs.
            others: the same of outputs that get something else.
        """
        tests = {topic: (others or {}).get(topic, expected) for topic in self.outputs}
        self.load.end()
        await self.loading
        given = await check.read(self.kafka, f"{self.name}.in")
        wanted = {topic: given.selected(test) for topic, test in tests.items()}
        self.watch.last = time.monotonic()
        while not all(self.watch.holds(topic, count) for topic, count in wanted.items()):
            if time.monotonic() - self.watch.last > SETTLE_LIMIT:
                break
            await asyncio.sleep(0.1)
        seconds = time.monotonic() - self.began
        await asyncio.gather(*(each.process.stop() for each in self.workers))
        await check.stable(self.kafka, self.outputs)
        made = {topic: await check.read(self.kafka, topic) for topic in self.outputs}
        for _ in range(50):  # the reader sees the end a moment later than we do
            differing = [
                at for each in made.values() for at, seen in each.partitions.items() if self.watch.seen[at] != seen
            ]
            if not differing:
                break
            await asyncio.sleep(0.1)
        return Outcome(
            events=given.count,
            verdicts={
                topic.removeprefix(f"{self.name}."): check.compare(given, each, expected=tests[topic])
                for topic, each in made.items()
            },
            disagreements=len(differing),
            resumptions=self.watch.resumptions,
            unresumed=len(self.watch.marks) - len(self.watch.resumptions),
            seconds=seconds,
            repeated=self.load.repeated,
        )

    loading: Any = None


@asynccontextmanager
async def scene(
    kafka: KafkaSettings,
    name: str,
    directory: Path,
    *,
    rate: float,
    limit: int | None = None,
    outputs: tuple[str, ...] = ("out", "copy", "twin", "final"),
    make: Callable[[int, bytes], Message] = plain,
    more: str = "",
) -> AsyncIterator[Scene]:
    """A deployment with its input flowing, and no worker yet.

    Args:
        kafka: where.
        name: of the deployment.
        directory: for its schema file and its workers' logs.
        rate: events per second.
        limit: how many at most.
        outputs: which of its topics are checked.
        make: makes an event of its number and key.
        more: further sections of its schema file.
    """
    deployment = directory / "deployment"
    deployment.mkdir(parents=True, exist_ok=True)
    (deployment / "hub.yaml").write_text(DEPLOYMENT.format(name=name, partitions=PARTITIONS) + more)
    await ensure_topics(kafka, load_deployment(deployment, registry=Registry([])).topic_specs())
    topics = tuple(f"{name}.{each}" for each in outputs)
    watch = Watch(kafka, topics)

    def far_ahead(written: int) -> bool:
        return written - watch.furthest > AHEAD * rate

    load = Load(kafka, f"{name}.in", seed=SEED, rate=rate, limit=limit, make=make, waits=far_ahead)
    it = Scene(kafka, name, directory, load, watch, topics)
    await it.watch.start()
    watching = asyncio.create_task(it.watch.run())
    it.loading = asyncio.create_task(load.run())
    try:
        yield it
    finally:
        for each in (watching, it.loading):
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each
        for worker in it.workers:
            worker.process.kill()
