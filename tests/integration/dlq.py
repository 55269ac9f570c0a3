"""What tests of dead letters share: a deployment whose unit has failed on some events, as the engine leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hub.deployment import Deployment, Registry, load
from hub.engine.dlq.deadletter import Origin
from hub.engine.dlq.deadletters import DeadLetters, Letter, queues_of
from hub.engine.dlq.outlet import Outlet
from hub.engine.dlq.replay import Replay
from hub.engine.dlq.resolutions import Resolutions
from hub.engine.dlq.selection import Selection
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk import Event, Permanent
from hub.testing.scripted import Script
from tests.integration.engine import event

TEXT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 3 }}
sinks:
  announce:
    use: script
    from: {name}.in
  other:
    use: script
    from: {name}.in
"""


async def deployed(directory: Path, kafka: KafkaSettings, name: str, text: str = TEXT) -> Deployment:
    """A deployment, loaded, and its topics."""
    (directory / "deployment.yaml").write_text(text.format(name=name))
    deployment = load(directory, registry=Registry([Script().connector]))
    await ensure_topics(kafka, deployment.topic_specs())
    return deployment


async def failed(
    kafka: KafkaSettings,
    deployment: Deployment,
    events: Iterable[Event],
    *,
    unit: str = "announce",
    error: Exception | None = None,
    partition: int = 0,
) -> None:
    """Dead letters of events that a unit could not deliver."""
    spec = deployment.units[unit]
    outlet = Outlet(kafka, unit=unit, dlq=spec.dlq, connector=getattr(spec, "use", ""))
    await outlet.start()
    for number, each in enumerate(events):
        cause = error or Permanent("403 Forbidden", status=403)
        await outlet.bury(
            each.to_kafka(), cause, stage="write", origin=Origin(f"{deployment.name}.in", partition, number)
        )
    await outlet.stop()


async def listed(kafka: KafkaSettings, deployment: Deployment, selection: Selection | None = None) -> list[Letter]:
    """The dead letters that a selection sees, in its order."""
    resolutions = Resolutions(kafka, deployment.name)
    await resolutions.refresh()
    try:
        letters = DeadLetters(kafka, queues_of(deployment), resolutions)
        return [letter async for letter in letters.read(selection or Selection())]
    finally:
        await resolutions.stop()


async def replayed(kafka: KafkaSettings, deployment: Deployment, *units: str, force: bool = False) -> Replay:
    """A replay of all dead letters of the units, done."""
    replay = Replay(kafka, deployment, Selection(units=frozenset(units)), force=force)
    await replay.replay()
    return replay


def ids(letters: Sequence[Letter]) -> list[str]:
    """The events' ids."""
    return [letter.event.id for letter in letters]


def numbered(count: int, *, keys: int = 4) -> list[Event]:
    """So many events of so many keys."""
    return [event(number, key=f"k{number % keys}") for number in range(count)]
