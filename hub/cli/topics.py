"""``hub topics``: the topics of a deployment as they are on Kafka, and who writes and reads each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer

from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.output import Json, commands, console, plural, print_json, run_async, table
from hub.deployment import Deployment, RouteSpec, SinkSpec, SourceSpec
from hub.kafka import nearby
from hub.kafka import topics as kafka
from hub.kafka.settings import KafkaSettings

app = commands()

_DAY = 86_400_000
_UNITS = ((_DAY, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))


@dataclass
class Listed:
    """A topic of a deployment.

    Attributes:
        name: on Kafka.
        role: ``event``, ``inbox``, ``dlq`` or ``table``.
        writers: names of units.
        readers: names of units.
        exists: whether it was made already; where not, partitions and retention are what it will be made with.
        partitions: how many.
        events: how many offsets it holds, an upper bound of its records; ``None`` where it doesn't exist.
        retention_ms: how long events stay; ``None``: for ever.
        compacted: whether only the last event of each key stays.
        differs: where the topic is not as the deployment says.
    """

    name: str
    role: str
    writers: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)
    exists: bool = False
    partitions: int = 0
    events: int | None = None
    retention_ms: int | None = None
    compacted: bool = False
    differs: list[str] = field(default_factory=list)

    @property
    def notable(self) -> bool:
        """Whether it holds something, or somebody waits for its events."""
        return bool(self.events) or bool(self.differs) or (self.role == "event" and bool(self.readers))

    @property
    def kept(self) -> str:
        """How long events stay, for people."""
        last = "last of each key" if self.compacted else ""
        if self.retention_ms is None:
            return last or "for ever"
        size, unit = next((size, unit) for size, unit in _UNITS if self.retention_ms >= size or size == 1)
        length = f"{self.retention_ms / size:.3g} {unit}"
        return f"{last}, {length}" if last else length


@app.command()
def topics(
    directory: workspace.Here = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Empty ones, too, that no route and no sink reads.")] = False,
    json: Json = False,
) -> None:
    """List a deployment's topics: partitions, events, how long they stay, who writes and who reads them.

    Topics that aren't made yet are listed as they will be. Events are counted by offsets, so that compaction and
    transactions make the number an upper bound. `--json` prints an array of all topics.
    """
    configure(level=Level.ERROR)
    deployment = workspace.deployment(directory)
    listed = run_async(describe(deployment, nearby.kafka()))
    if json:
        print_json([asdict(each) for each in listed])
        return
    routed = {name for route in deployment.routes.values() for name in route.outputs}
    _show([each for each in listed if every or each.notable or (each.role == "event" and each.name in routed)], listed)


async def describe(deployment: Deployment, settings: KafkaSettings) -> list[Listed]:
    """Every topic of a deployment: event topics first, then inboxes, dead letter topics and the hub's own tables."""
    specs = deployment.topic_specs()
    names = [spec.name for spec in specs]
    there = await kafka.describe_topics(settings, names)
    counts = await kafka.counts(settings, list(there))
    differences = await kafka.differences(settings, [spec for spec in specs if spec.name in there])
    listed = flows(deployment)
    for spec in specs:
        each = listed[spec.name]
        topic = there.get(spec.name)
        config = topic.config if topic else spec.config
        policy = config.get("cleanup.policy", "delete")
        retention = int(config.get("retention.ms", 7 * _DAY))  # Kafka's default, where the topic isn't made yet
        each.exists = topic is not None
        each.partitions = topic.partitions if topic else spec.partitions
        each.events = counts.get(spec.name)
        each.compacted = "compact" in policy
        each.retention_ms = retention if retention >= 0 and "delete" in policy else None
        each.differs = [str(difference) for difference in differences if difference.topic == spec.name]
    order = ("event", "inbox", "dlq", "table")
    return sorted(listed.values(), key=lambda each: order.index(each.role))


def flows(deployment: Deployment) -> dict[str, Listed]:
    """The topics of a deployment with their roles, writers and readers, in the order of its files."""
    inboxes = {unit.inbox for unit in (*deployment.routes.values(), *deployment.sinks.values())}
    dlqs = {unit.dlq for unit in deployment.units.values()} - set(deployment.topics)
    listed: dict[str, Listed] = {}
    for spec in deployment.topic_specs():
        role = "inbox" if spec.name in inboxes else "dlq" if spec.name in dlqs else "event"
        listed[spec.name] = Listed(spec.name, "table" if spec.name.startswith("hub.") and role == "event" else role)
    for unit in deployment.units.values():
        writes, reads = _ends(unit)
        for name in writes:
            listed[name].writers.append(unit.name)
        for name in reads:
            listed[name].readers.append(unit.name)
    return listed


def _ends(unit: SourceSpec | RouteSpec | SinkSpec) -> tuple[Iterable[str], Iterable[str]]:
    """Topics that a unit writes and reads."""
    match unit:
        case SourceSpec():
            return [*unit.topics(), unit.dlq], []
        case RouteSpec():
            return dict.fromkeys([*unit.outputs, unit.dlq]), [*unit.inputs, unit.inbox]
        case SinkSpec():
            return dict.fromkeys([*([unit.reply] if unit.reply else []), unit.dlq]), [*unit.inputs, unit.inbox]


def _flow(listed: Listed) -> str:
    if listed.role == "table":
        return "the hub itself"
    writers = [*listed.writers, *(["replays"] if listed.role == "inbox" else [])]
    return f"{', '.join(writers) or '·'} → {', '.join(listed.readers) or '·'}"


def _show(shown: Sequence[Listed], every: Sequence[Listed]) -> None:
    out = console()
    rows = [
        (
            each.name,
            str(each.partitions),
            "not made" if each.events is None else f"{each.events:,}",
            each.kept,
            _flow(each),
        )
        for each in shown
    ]
    headings = ("topic", "partitions", "events", "kept", "written by → read by")
    out.print(table(headings, rows, right=("partitions", "events")))
    for each in shown:
        for difference in each.differs:
            out.print(f"warning  {difference}", style="yellow")
    if hidden := len(every) - len(shown):
        out.print(f"and {plural(hidden, 'topic')} more that are empty; --all lists them", style="dim")
