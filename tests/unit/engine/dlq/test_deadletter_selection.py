"""Which dead letters a selection takes, and how many of a kind there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.engine.dlq.census import Census
from hub.engine.dlq.deadletter import Origin, dead_letter_headers, read_dead_letter
from hub.engine.dlq.deadletters import Letter, Queue, check_units
from hub.engine.dlq.resolutions import Resolution
from hub.engine.dlq.selection import Selection, Where, given_up
from hub.engine.dlq.wayback import MOST_REPLAYS, Refusal, way_back
from hub.routes import ExpressionError
from hub.sdk import ConfigError, Event, Permanent
from hub.sdk.event import Header

NOW = datetime.now(UTC)


def letter(
    error: Exception | None = None,
    *,
    unit: str = "announce",
    offset: int = 0,
    key: str | None = "k",
    headers: list[Header] | None = None,
    resolution: Resolution | None = None,
    stage: str = "write",
    **data: object,
) -> Letter:
    event = Event(type="review.wanted", source="/s", id=f"e{offset}", data=data, partitionkey=key)
    message = event.to_kafka()
    written = dead_letter_headers(
        [*message.headers, *(headers or [])],
        unit=unit,
        connector="http",
        stage=stage,
        error=error or Permanent("403 Forbidden", status=403),
    )
    place = Origin("dlq", 0, offset)
    stamp = int(NOW.timestamp() * 1000)
    return Letter(unit, place, stamp, message.key, message.value, written, read_dead_letter(written), resolution)


def broken() -> Letter:
    """A record that holds no event and says nothing of a failure."""
    return Letter("", Origin("dlq", 0, 9), int(NOW.timestamp() * 1000), None, b"\xff", [], read_dead_letter([]))


RESOLVED = Resolution(kind="discarded", at=NOW, by="here-1", timestamp=1)


@pytest.mark.parametrize(
    ("selection", "matches"),
    [
        (Selection(), True),
        (Selection(units=frozenset({"announce"})), True),
        (Selection(units=frozenset({"other"})), False),
        (Selection(errors=frozenset({"PERMANENT"})), True),
        (Selection(errors=frozenset({"hub.sdk.errors.Permanent"})), True),
        (Selection(errors=frozenset({"Transient"})), False),
        (Selection(keys=frozenset({"k"})), True),
        (Selection(keys=frozenset({"x"})), False),
        (Selection(ids=frozenset({"e0"})), True),
        (Selection(ids=frozenset({"dlq-0@0"})), True),
        (Selection(ids=frozenset({"dlq-0@1"})), False),
        (Selection(since=NOW - timedelta(minutes=1)), True),
        (Selection(since=NOW + timedelta(hours=1)), False),
        (Selection(until=NOW + timedelta(hours=1)), True),
        (Selection(until=NOW - timedelta(minutes=1)), False),
        (Selection(where=Where("error.status == 403 && data.n == 1 && key == 'k'")), True),
        (Selection(where=Where("error.status == 404")), False),
        (Selection(keys=frozenset({"k"}), errors=frozenset({"Transient"})), False),
    ],
)
def test_all_that_is_asked_for_must_fit(selection, matches):
    """One by one, and together."""
    assert selection.matches(letter(n=1)) is matches


def test_what_was_resolved_is_left_out_unless_asked_for():
    """Replayed or discarded: done with."""
    assert not Selection().matches(letter(resolution=RESOLVED))
    assert Selection(resolved=True).matches(letter(resolution=RESOLVED))


def test_a_record_that_is_no_event_can_still_be_selected():
    """By what its headers say; its time is the record's own."""
    assert Selection(since=NOW - timedelta(seconds=1)).matches(broken())
    assert not Selection(ids=frozenset({"e0"})).matches(broken())
    assert not Selection(keys=frozenset({"k"})).matches(broken())
    assert Selection(where=Where("error.status == null")).matches(broken())


def test_a_time_without_a_zone_is_utc():
    """Another program's header must not break the comparison."""
    one = letter(headers=[])
    odd = Letter(
        one.unit,
        one.place,
        one.timestamp,
        one.key,
        one.value,
        one.headers,
        one.failure._replace(at="2026-11-20T10:00:00"),
    )
    assert given_up(odd) == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_what_an_expression_has_no_value_for_is_counted():
    """It doesn't match, and the first reason is kept."""
    where = Where("data.missing == 1")
    assert not where(letter(n=1))
    assert not where(broken())
    assert where.unevaluated == 2
    assert "missing" in where.problem


def test_an_expression_is_checked_when_it_is_given():
    """Not at the first dead letter."""
    with pytest.raises(ExpressionError):
        Where("errr.status == 403")


def test_the_event_bears_no_trace_of_the_failure():
    """As the unit would deliver it."""
    assert letter(headers=[("x", b"1")]).event.headers == (("x", b"1"),)
    assert broken().event is None


def test_failures_that_are_alike_are_one_cause():
    """Where messages differ in numbers and identifiers only, these are left out; otherwise they stay."""
    census = Census("announce", "sink")
    for number in range(3):
        census.add(letter(Permanent(f"order {number} is locked by 0a1b2c3d4e5f{number}", status=423)))
    for _ in range(5):
        census.add(letter())
    census.add(letter(Permanent("404 Not Found", status=404)))
    census.add(letter(resolution=RESOLVED))
    assert [tuple(cause) for cause in census.causes] == [
        ("Permanent", 403, "403 Forbidden", 5),
        ("Permanent", 423, "order … is locked by …", 3),
        ("Permanent", 404, "404 Not Found", 1),
    ]
    assert (census.open, census.resolved["discarded"]) == (9, 1)
    assert census.since <= census.until


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ("w" * 80, "w" * 80),
        ("w" * 81, "w" * 79 + "…"),
        ("word " * 16 + "word", "word " * 15 + "word…"),
        ("the far side says no, " * 5, "the far side says no, " * 3 + "the far side…"),
    ],
)
def test_a_long_cause_is_cut_behind_a_word(cause, text):
    """At 80 characters at most, and visibly so."""
    census = Census("announce", "sink")
    census.add(letter(Permanent(cause)))
    assert [each.text for each in census.causes] == [text]
    assert len(text) <= 80


def test_causes_that_are_cut_are_alike_whatever_the_length_of_their_numbers():
    """Numbers are left out before the text is cut."""
    census = Census("announce", "sink")
    for number in (7, 1_000_000):
        census.add(letter(Permanent(f"order {number} is locked " + "by somebody else " * 9)))
    assert [each.times for each in census.causes] == [2]


SINK = Queue("announce", "sink", ("dlq",), "inbox")
SOURCE = Queue("hook", "source", ("dlq",), types={"review.wanted": "reviews"})


def test_a_sink_s_letter_goes_to_its_inbox_with_its_failure():
    """And the count of replays raised."""
    back = way_back(SINK, letter(n=1), {"inbox": 10_000}, force=False)
    assert back.topic == "inbox"
    assert read_dead_letter(back.headers).replays == 1


def test_a_source_s_letter_goes_to_the_topic_of_its_type_without_its_failure():
    """Everybody who reads the topic would get the headers otherwise."""
    back = way_back(SOURCE, letter(n=1), {}, force=False)
    assert back.topic == "reviews"
    assert [name for name, _ in back.headers if name.startswith(("__connect", "hub_"))] == []


def test_a_reply_goes_to_the_topic_of_replies_and_never_to_the_far_side():
    """Its sink has delivered what it answers; without such a topic it stays."""
    sink = Queue("announce", "sink", ("dlq",), "inbox", reply="answers")
    back = way_back(sink, letter(stage="reply"), {}, force=False)
    assert back.topic == "answers"
    assert [name for name, _ in back.headers if name.startswith(("__connect", "hub_"))] == []
    refused = way_back(SINK, letter(stage="reply"), {}, force=True)
    assert (refused.why, refused.text) == ("no_way", "sink announce has no topic for replies")


def weary(replays: int) -> Letter:
    return letter(headers=[("hub_replays", str(replays).encode())])


@pytest.mark.parametrize(
    ("queue", "dead", "limits", "force", "why"),
    [
        (None, letter(unit="gone"), {}, False, "no_way"),
        (None, broken(), {}, False, "no_way"),
        (SOURCE, broken(), {}, False, "no_way"),
        (Queue("hook", "source", ("dlq",), types={}), letter(), {}, False, "no_way"),
        (SINK, weary(MOST_REPLAYS), {}, False, "looping"),
        (SINK, weary(MOST_REPLAYS), {}, True, None),
        (SINK, weary(MOST_REPLAYS - 1), {}, False, None),
        (SINK, letter(text="x" * 10_000), {"inbox": 10_000}, False, "too_large"),
        (SINK, letter(text="x" * 10_000), {"inbox": 10_000}, True, "too_large"),
        (SINK, broken(), {}, False, None),
    ],
)
def test_why_a_letter_has_to_stay(queue, dead, limits, force, why):
    """No unit, no topic, replayed too often, too large; a record that is no event may go back all the same."""
    back = way_back(queue, dead, limits, force=force)
    assert (back.why if isinstance(back, Refusal) else None) == why


def test_unknown_units_are_named_with_those_that_there_are():
    """A misspelt unit would otherwise have no dead letters."""
    check_units([SINK, SOURCE], ["hook"])
    with pytest.raises(ConfigError, match="no unit named announc; the deployment has announce, hook"):
        check_units([SINK, SOURCE], ["announc"])
