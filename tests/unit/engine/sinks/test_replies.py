"""What a far side answers: stored before anything is settled, kept to its contract, never delivered itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hub.engine.sinks.courier import Courier
from hub.kafka.errors import TooLarge
from hub.kafka.publisher import Record as Written
from hub.sdk import Delivery, Event, HubError
from tests.unit.engine.sinks import stages
from tests.unit.engine.sinks.test_courier import Far, Stage


class Answering(Far):
    """Answers each delivery with what a test says."""

    events = {"answer": None}

    def __init__(self) -> None:
        super().__init__()
        self.type = "answer"
        self.data: Any = {"x": 1}

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        await super().write(batch)
        return [each.reply(self.type, self.data) for each in batch]


class Outlet(stages.Outlet):
    """Keeps what is published, and the stages of dead letters."""

    def __init__(self, settled: list[int]) -> None:
        super().__init__()
        self.settled = settled
        self.published: list[Written] = []
        self.stages: list[str] = []
        self.down: HubError | None = None
        self.large = False
        self.delivered_before: int | None = None

    async def publish(self, records: Sequence[Written]) -> dict[int, TooLarge]:
        if self.down is not None:
            raise self.down
        if self.large:
            return {index: TooLarge("replies", 10, 5) for index in range(len(records))}
        self.published += records
        self.delivered_before = len(self.settled)
        return {}

    async def bury(self, *given: Any, stage: str, **more: Any) -> Any:
        self.stages.append(stage)
        return await super().bury(*given, stage=stage, **more)


class Replying(Stage):
    """A courier whose far side answers."""

    def __init__(self, *read: stages.Record) -> None:
        super().__init__(*read, parking=False)
        self.settled: list[int] = []
        self.far, self.outlet = Answering(), Outlet(self.settled)
        courier: Courier = self.courier
        courier._sink, courier._outlet, courier._reply = self.far, self.outlet, "replies"
        settle = self.intake.settle

        def noted(parcel: Any) -> bool:
            self.settled.append(parcel.record.offset)
            return settle(parcel)

        self.intake.settle = noted  # type: ignore[method-assign]


def answers(stage: Replying) -> list[Event]:
    return [Event.from_kafka(each.key, each.value, each.headers) for each in stage.outlet.published]


async def test_a_reply_is_stored_before_its_delivery_is_settled():
    """A position may be committed as soon as something is settled, so the reply comes first."""
    stage = Replying(*stages.records(0, 1))
    await stage.through()
    assert stage.outlet.delivered_before == 0
    assert stage.settled == [0, 1]
    assert [each.attributes["causationid"] for each in answers(stage)] == ["0", "1"]
    assert {each.key for each in answers(stage)} == {"k"}


async def test_a_reply_that_cannot_be_stored_settles_nothing():
    """The events are delivered again in the unit's next life, and answered with the same ids."""
    stage = Replying(*stages.records(0))
    stage.outlet.down = HubError("Kafka is down")
    parcels = stage.intake.schedule.take(50, several=True)
    with pytest.raises(HubError, match="Kafka is down"):
        await stage.courier.deliver(parcels)
    assert stage.settled == []
    assert stage.unit.ledger.delivered == 0
    stage.outlet.down = None
    await stage.courier.deliver(parcels)
    (again,) = answers(stage)
    expected = parcels[0].delivery.reply("answer", {}).id
    assert again.id == expected
    assert stage.settled == [0]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda stage: setattr(stage.far, "type", "other"), "InvalidEvent"),
        (lambda stage: setattr(stage.far, "data", {"x": float("nan")}), "InvalidPayload"),
        (lambda stage: setattr(stage.outlet, "large", True), "TooLarge"),
    ],
)
async def test_a_reply_that_cannot_be_published_is_a_dead_letter_of_its_own(change, error):
    """What was delivered stays delivered; the stage tells the letter from those of deliveries."""
    stage = Replying(*stages.records(0))
    change(stage)
    await stage.through()
    assert stage.settled == [0]
    assert stage.unit.ledger.delivered == 1
    assert stage.unit.ledger.dead_lettered == {}
    assert stage.outlet.stages == ["reply"]
    assert stage.outlet.buried[0][1] == error
    assert stage.outlet.published == []


def test_several_replies_of_one_delivery_have_ids_of_their_own():
    """By what tells them apart, the same at every attempt; trace and correlation go along."""
    given = Event(
        type="t", source="/s", id="1", partitionkey="k", data={}, headers=[("traceparent", b"00-a"), ("x", b"y")]
    ).replace(correlationid="c")
    delivery = Delivery(given, "key")
    first, second, third = (
        delivery.reply("a", 1),
        delivery.reply("a", 1, part="b"),
        delivery.reply("a", 2, source="/far"),
    )
    assert [each.id for each in (first, second, third)] == ["1/reply/key", "1/reply/key/b", "1/reply/key"]
    assert first.attributes["causationid"] == "1"
    assert first.attributes["correlationid"] == "c"
    assert first.headers == (("traceparent", b"00-a"),)
    assert (first.source, third.source, first.key) == ("/s", "/far", "k")


def test_a_reply_of_an_event_without_key_and_correlation_has_none():
    """Nothing is made up."""
    reply = Delivery(Event(type="t", source="/s", id="1", data={}), "key").reply("a", None)
    assert (reply.key, "correlationid" in reply.attributes, reply.raw) == (None, False, None)


@pytest.mark.parametrize("wrong", [{"x": 1}, None, "x"])
async def test_what_is_no_event_for_a_reply_is_not_delivered_for_again_and_again(wrong):
    """The connector's slip: its events are dead letters, which are seen, and the far side has each of them once."""
    stage = Replying(*stages.records(0))
    calls = 0

    async def write(_batch: Sequence[Delivery]) -> Sequence[Any]:
        nonlocal calls
        calls += 1
        return [wrong]

    stage.far.write = write  # type: ignore[method-assign]
    await stage.through()
    assert (calls, stage.outlet.published, stage.outlet.stages) == (1, [], ["write"])
