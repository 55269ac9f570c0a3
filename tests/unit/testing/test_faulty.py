"""The source and sink that fail as they are told: in proportion, repeatably, and in schema files."""

from pathlib import Path

import pytest

from hub.deployment import Registry, check
from hub.sdk import Delivery, Event, NotConnected, Permanent, Transient, UnitContext, WriteFailed
from hub.testing import faulty
from hub.testing.conformance.reader import Reader
from hub.testing.conformance.writer import Writer

DEPLOYMENT = """
deployment: storm
sources: { storm: { use: faults.numbers, with: { count: 1000, batch: 50, not_connected: 0.05, transient: 0.1 } } }
sinks:
  flaky:
    use: faults
    from: [faults.number]
    with: { transient: 0.2, permanent: 0.01, delay: 5ms, outage: { every: 100, for: 3 } }
"""


def numbers(**settings: object) -> faulty.Numbers:
    return faulty.Numbers(faulty.NumbersConfig.model_validate(settings), UnitContext("storm"))


def sink(**settings: object) -> faulty.FaultySink:
    return faulty.FaultySink(faulty.FaultyConfig.model_validate(settings), UnitContext("flaky"))


def deliveries(count: int) -> list[Delivery]:
    return [
        Delivery(Event(type="faults.number", source="/test", id=str(n), data=n), f"flaky/{n}") for n in range(count)
    ]


async def read(**settings: object) -> tuple[Reader, list[type[Exception]]]:
    source = numbers(**settings)
    reader = Reader(lambda: source)
    await reader.to_the_end()
    return reader, [type(each) for each in reader.signals]


async def test_numbers_come_once_each_over_all_failures() -> None:
    """About as many batches fail as the settings say, and the same ones in every run."""
    settings = {"count": 1000, "batch": 10, "not_connected": 0.1, "transient": 0.1}
    reader, failed = await read(**settings)
    assert [event.data["n"] for event in reader.events] == list(range(1000))
    assert 10 <= len(failed) <= 45  # of 100 batches a fifth, and a fifth of those once more
    assert {NotConnected, Transient} == set(failed)
    assert (await read(**settings))[1] == failed
    assert (await read(**settings, seed=1))[1] != failed
    assert not (await read(count=100))[1]


async def test_a_sink_fails_in_proportion(tmp_path: Path) -> None:
    """Refusals stay refusals at every attempt; what got no answer is written again; all is noted in the file."""
    file = tmp_path / "written"
    flaky = sink(transient=0.2, permanent=0.1, unanswered=0.1, file=str(file))
    writer = Writer(lambda: flaky)
    await writer.open()
    batch = deliveries(400)
    await writer.write_all(batch)
    assert all(isinstance(each, Permanent) for each in writer.failed.values())
    assert 20 <= len(writer.failed) <= 60
    assert set(writer.written) | set(writer.failed) == {each.idempotency_key for each in batch}
    assert file.read_text().split() == flaky.written
    assert set(flaky.written) == set(writer.written)
    assert len(flaky.written) > len(set(flaky.written))


async def test_an_outage_takes_so_many_calls() -> None:
    """Again and again."""
    flaky = sink(outage={"every": 3, "for": 2})
    said = []
    for _ in range(10):
        try:
            await flaky.write(deliveries(1))
        except NotConnected:
            said.append("away")
        else:
            said.append("there")
    assert said == ["there", "there", "there", "away", "away"] * 2


async def test_a_failure_names_the_delivery() -> None:
    """The others of a call are written."""
    flaky = sink(permanent=0.5)
    batch = deliveries(8)
    with pytest.raises(WriteFailed) as failed:
        await flaky.write(batch)
    refused = {batch[index].idempotency_key for index in failed.value.failures}
    assert refused | set(flaky.written) == {each.idempotency_key for each in batch}
    assert refused.isdisjoint(flaky.written)


def test_they_work_in_schema_files(tmp_path: Path) -> None:
    """Those of the documentation; and the installed hub doesn't know them."""
    (tmp_path / "deployment.yaml").write_text(DEPLOYMENT)
    assert not [str(each) for each in check(tmp_path, registry=Registry([faulty.connector])).findings]
    assert any("faults" in str(each) for each in check(tmp_path).findings)
