"""The lag of a consumer whose partitions change while brokers are being asked."""

from __future__ import annotations

from aiokafka import TopicPartition

from hub.engine.reading.lag import Lag
from hub.kafka.settings import KafkaSettings

HERE, THERE = TopicPartition("t", 0), TopicPartition("t", 1)


class Asked:
    """Answers where partitions end; meanwhile something happens."""

    def __init__(self, meanwhile):
        self.meanwhile = meanwhile

    async def end_offsets(self, partitions):
        self.meanwhile()
        return dict.fromkeys(partitions, 7)


async def test_a_look_that_a_rebalance_has_overtaken_counts_for_nothing():
    """Partitions of which it tells aren't ours any more: it neither fails nor is taken for the lag of others."""
    lag = Lag(KafkaSettings.plain("nowhere:1"), lambda _: 3)
    await lag.measure(Asked(lag.begin), [HERE])
    assert lag.events == 0


async def test_a_rebalance_amidst_a_look_into_a_partition_is_no_failure(monkeypatch):
    """The look takes as long as a fetch; all that was known may be forgotten when it ends."""
    lag = Lag(KafkaSettings.plain("nowhere:1"), lambda _: 3)

    async def look(_):
        lag.begin()

    monkeypatch.setattr(lag, "_look", look)
    await lag.measure(Asked(lambda: None), [HERE, THERE])
    assert (lag.events, lag.seconds) == (0, 0.0)


async def test_without_a_rebalance_it_is_what_waits(monkeypatch):
    """From the position to the end, of every partition."""
    lag = Lag(KafkaSettings.plain("nowhere:1"), lambda _: 3)

    async def look(_):
        pass

    monkeypatch.setattr(lag, "_look", look)
    await lag.measure(Asked(lambda: None), [HERE, THERE])
    assert lag.events == 8
