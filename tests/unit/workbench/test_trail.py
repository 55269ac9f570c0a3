"""What records tell of an event's way, whatever they hold; and that a trail stays within its bounds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hub.engine.dlq.deadletter import ORIGIN, ROUTE, Origin, dead_letter_headers, replay_headers
from hub.sdk import Event, Permanent
from hub.workbench.journey import following
from hub.workbench.journey.following import Trail
from hub.workbench.journey.footprint import footprint

ROOT = Origin("in", 0, 7)


def record(topic: str, offset: int, event: Event | None = None, headers: Any = (), value: bytes | None = None) -> Any:
    made = event.to_kafka()._asdict() if event else {"key": None, "value": value, "headers": []}
    made["headers"] = [*made["headers"], *headers]
    return SimpleNamespace(topic=topic, partition=0, offset=offset, timestamp=1_000, **made)


def event(id_: str = "1") -> Event:
    return Event(type="t", source="/s", id=id_, data={"n": 1})


def test_headers_tell_of_the_way():
    """Where it began, and through which routes it has come."""
    found = footprint(record("out", 3, event(), [(ORIGIN, b"in-0@7"), (ROUTE, b"a/b")]))
    assert (found.place, found.origin, found.root, found.routes) == (Origin("out", 0, 3), ROOT, ROOT, ("a", "b"))
    assert (found.id, found.type, found.failure) == ("1", "t", None)


def test_a_dead_letter_that_was_replayed_and_failed_again_leads_to_its_beginning():
    """By the first of its failures, not by the last."""
    first = dead_letter_headers([], unit="a", connector="", stage="map", error=Permanent("one"), origin=ROOT)
    back = replay_headers(first, source=Origin("dlq", 0, 1))
    inbox = Origin("inbox", 0, 5)
    second = dead_letter_headers(back, unit="a", connector="", stage="map", error=Permanent("two"), origin=inbox)
    found = footprint(record("dlq", 2, event(), second))
    assert (found.root, found.failed, found.failure.cause) == (ROOT, (ROOT, inbox), "two")


def test_whatever_a_record_holds_is_read_without_an_error():
    """Headers without a value or of other programs, no event, half a structured one."""
    junk = [("ce_id", None), (ORIGIN, b"\xff"), (ROUTE, b"\xff/"), ("__connect.errors.offset", b"many")]
    found = footprint(record("in", 1, headers=junk, value=b"\xff"))
    assert (found.id, found.origin, found.event) == ("", None, None)
    structured = [("content-type", b"application/cloudevents+json")]
    assert footprint(record("in", 1, headers=structured, value=b"{")).id == ""
    whole = b'{"specversion":"1.0","id":"9","source":"/s","type":"t"}'
    assert footprint(record("in", 1, headers=structured, value=whole)).id == "9"


def test_a_trail_takes_what_came_of_its_roots():
    """By their origin, by their failure, by the id that an answer bears; nothing else."""
    trail = Trail([ROOT], replies=True)
    letter = dead_letter_headers([], unit="a", connector="", stage="map", error=Permanent("x"), origin=ROOT)
    for each in (
        record("in", 7, event()),
        record("in", 8, event()),
        record("out", 1, event("new"), [(ORIGIN, b"in-0@7")]),
        record("out", 2, event("new"), [(ORIGIN, b"in-0@8")]),
        record("dlq", 1, event(), letter),
        record("answers", 1, event("new/reply/k")),
        record("answers", 2, event("other/reply/k")),
        record("later", 1, event("new/reply/k"), [(ORIGIN, b"answers-0@1")]),
    ):
        trail.take(each)
    assert [str(place) for place in trail.footprints] == ["in-0@7", "out-0@1", "dlq-0@1", "answers-0@1", "later-0@1"]


def test_what_is_learned_is_told_so_that_others_are_looked_for_again():
    """A replay's place, for what the route makes of it names that as its origin."""
    trail = Trail([ROOT])
    assert not trail.take(record("in", 7, event()))
    letter = dead_letter_headers([], unit="a", connector="", stage="map", error=Permanent("x"), origin=ROOT)
    replayed = record("inbox", 4, event(), replay_headers(letter, source=Origin("dlq", 0, 1)))
    made = record("out", 1, event(), [(ORIGIN, b"inbox-0@4")])
    assert not trail.take(made)
    assert trail.take(replayed)
    assert not trail.take(made)
    assert Origin("out", 0, 1) in trail.footprints


def test_a_trail_stays_within_its_bounds(monkeypatch):
    """So many records, and so many bytes of them; the rest are known by their headers."""
    monkeypatch.setattr(following, "MOST", 3)
    monkeypatch.setattr(following, "KEPT_BYTES", 20)
    trail = Trail([ROOT])
    for number in range(5):
        trail.take(record("out", number, event(), [(ORIGIN, b"in-0@7")]))
    assert len(trail.footprints) == 3
    assert trail.cut
    assert [each.event is not None for each in trail.footprints.values()] == [True, True, False]
