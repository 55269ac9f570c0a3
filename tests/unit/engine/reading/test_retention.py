"""What retention means for what waits."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from hub.engine.reading.retention import Kept, outlook, span

P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)
HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"cleanup.policy": "delete", "retention.ms": "60000", "retention.bytes": "-1"}, Kept(60.0, None)),
        ({"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "1000"}, Kept(None, 1000)),
        ({"cleanup.policy": "compact", "retention.ms": "60000"}, Kept()),
        ({"cleanup.policy": "compact,delete", "retention.ms": "60000"}, Kept(60.0)),
    ],
)
def test_a_topic_keeps_what_its_configuration_says(config, kept):
    """By age, by size, both or neither; one that is only compacted deletes nothing by age."""
    assert Kept.of(config) == kept


@pytest.mark.parametrize(
    ("retention", "left", "near"),
    [
        (7 * DAY, 1.5 * DAY, False),
        (7 * DAY, 1.3 * DAY, True),
        (3 * HOUR, 1.1 * HOUR, False),
        (3 * HOUR, 0.9 * HOUR, True),
        (60.0, 31.0, False),
        (60.0, 29.0, True),
        (None, 0.0, False),
    ],
)
def test_a_fifth_of_the_retention_or_an_hour_is_near(retention, left, near):
    """Where retention is short, half of it."""
    assert Kept(retention).near(left) is near


def test_nothing_that_waits_is_no_alarm():
    """The whole retention is left."""
    assert outlook({"t": Kept(DAY)}, {P0: 0.0, P1: 0.0}, {}) == (outlook({"t": Kept(DAY)}, {P0: 0.0}, {}))
    found = outlook({"t": Kept(DAY)}, {P0: 0.0}, {})
    assert (found.left, found.alarm) == (DAY, "")


def test_the_partition_that_is_worst_off_is_told():
    """The least of what is left, with how old and how long."""
    found = outlook({"t": Kept(7 * DAY)}, {P0: DAY, P1: 6 * DAY}, {})
    assert found.left == DAY
    assert found.alarm == (
        "retention deletes unread events of t in 24.0 h: the oldest is 6.0 d old, and the topic keeps them for 7.0 d"
    )


def test_a_topic_of_bounded_size_alarms_where_its_beginning_comes_near():
    """Only where something was deleted already, or nobody can tell how far away the bound is."""
    kept = {"t": Kept(None, 1000)}
    assert outlook(kept, {P0: 5.0}, {P0: (0, 0, 100)}).alarm == ""
    assert outlook(kept, {P0: 5.0}, {P0: (100, 140, 200)}).alarm == ""
    assert outlook(kept, {P0: 0.0}, {P0: (100, 110, 200)}).alarm == ""
    found = outlook(kept, {P0: 5.0}, {P0: (100, 110, 200)})
    assert found.left is None
    assert "it keeps 1,000 bytes, and all but 10 of its 100 offsets wait" in found.alarm


def test_lengths_of_time_are_told_in_one_unit():
    """Seconds, minutes, hours, days."""
    assert [span(each) for each in (3, 130, 2 * HOUR, 3.5 * DAY)] == ["3 s", "2.2 min", "2.0 h", "3.5 d"]
