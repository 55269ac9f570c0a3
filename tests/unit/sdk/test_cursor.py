"""The time cursor: no change missed or repeated, however they share a tick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import TimeCursor


def record(key: int, time: int) -> dict[str, str]:
    return {"id": str(key), "at": f"2026-01-01T00:00:{time:02}Z"}


def test_a_new_cursor_takes_everything():
    """Before its first record nothing is old."""
    cursor = TimeCursor().seen([record(1, 1), record(2, 2)], key="id", by="at")
    assert cursor.new == [record(1, 1), record(2, 2)]
    assert cursor.since == "2026-01-01T00:00:02Z"
    assert cursor.at_since == {"2@2026-01-01T00:00:02Z"}


def test_records_of_the_same_tick_are_told_apart():
    """A record that arrives later with the newest time is new; one that was seen is not."""
    cursor = TimeCursor().seen([record(1, 5)], key="id", by="at")
    cursor = cursor.seen([record(1, 5), record(2, 5)], key="id", by="at")
    assert cursor.new == [record(2, 5)]
    assert cursor.seen([record(1, 5), record(2, 5)], key="id", by="at").new == []


def test_the_same_record_changed_is_new():
    """Its version is part of what the cursor remembers."""
    cursor = TimeCursor().seen([record(1, 5)], key="id", by="at").seen([record(1, 6)], key="id", by="at")
    assert cursor.new == [record(1, 6)]


def test_it_is_stored_and_read_as_json():
    """What was new is not part of the position."""
    cursor = TimeCursor().seen([record(1, 5)], key="id", by="at")
    again = TimeCursor.model_validate_json(cursor.model_dump_json())
    assert (again.since, again.at_since, again.new) == (cursor.since, cursor.at_since, [])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=40), st.integers(1, 7), st.randoms())
def test_pages_in_any_cut_give_each_version_once(changes, page, random):
    """Reading ordered changes page by page, each page asked for from the cursor, gives every version exactly once."""
    stored = sorted({(time, key) for key, time in changes})
    cursor, got = TimeCursor(), []
    while True:
        since = cursor.since
        found = [record(key, time) for time, key in stored if since is None or record(key, time)["at"] >= since]
        # Asking by time alone, a page must reach past the records that share the cursor's own time.
        cursor = cursor.seen(found[: page + len(cursor.at_since)], key="id", by="at")
        if not cursor.new:
            break
        random.shuffle(cursor.new)
        got += cursor.new
    assert sorted((each["at"], each["id"]) for each in got) == [
        (record(key, time)["at"], str(key)) for time, key in stored
    ]
