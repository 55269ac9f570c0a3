"""The picture of a running deployment: complete at a hundred columns, never wider than its terminal."""

from __future__ import annotations

import pytest

from hub.cli.picture import Row, Server, View, ledger_line
from hub.engine.ledger.ledger import Totals
from hub.engine.unit import State, Unit

SERVERS = {
    "kafka": Server("kafka", "Apache Kafka 4.1.0 at 127.0.0.1:9092, .hub/kafka", "ready in 3.1 s"),
    "rabbitmq": Server("rabbitmq", "amqp://127.0.0.1:5672, .hub/rabbitmq", "ready in 5.2 s"),
}
ROWS = [
    Row("source", "deliveries", "http://127.0.0.1:8080/webhooks/github", State.RUNNING,
        totals=Totals(received=1204, delivered=1193, filtered={"duplicate": 11})),
    Row("source", "issues", "every 30 s, cursor 2026-11-20T10:02:11Z", State.RUNNING,
        totals=Totals(received=40, delivered=40)),
    Row("route", "reviews", "github.pull_request → review.wanted, tasks", State.RUNNING,
        totals=Totals(received=1150, delivered=94, filtered={"where": 1054}, dead_lettered={"Permanent": 2})),
    Row("sink", "announce", "chat.example", State.PAUSED,
        "503 Service Unavailable from chat.example: the far side is down for maintenance; trying again in 12 s",
        totals=Totals(received=64, delivered=23, in_flight=41, lag=41)),
    Row("sink", "tasks", "RabbitMQ exchange tasks", State.UNASSIGNED),
]  # fmt: skip
PICTURE = """\
 kafka     Apache Kafka 4.1.0 at 127.0.0.1:9092, .hub/kafka     ready in 3.1 s
 rabbitmq  amqp://127.0.0.1:5672, .hub/rabbitmq                 ready in 5.2 s
                                                                        delivered filtered dead lag
 source    deliveries  http://127.0.0.1:8080/webhooks/github    RUNNING     1,193       11    ·   ·
 source    issues      every 30 s, cursor 2026-11-20T10:02:11Z  RUNNING        40        ·    ·   ·
 route     reviews     github.pull_request → review.wanted, t…  RUNNING        94    1,054    2   ·
 sink      announce    chat.example                             PAUSED         23        ·    ·  41
                       503 Service Unavailable from chat.example: the far side is down for
                       maintenance; trying again in 12 s
 sink      tasks       RabbitMQ exchange tasks                  …               ·        ·    ·   ·
 received 2,458 · delivered 1,350 · filtered 1,065 · dead-lettered 2 · in flight 41 (lag included)
 admin http://127.0.0.1:8081 · Ctrl-C drains and stops"""


def picture(view: View, width: int = 100, height: int | None = None) -> list[str]:
    return [line.plain for line in view.lines(width, height)]


def test_the_whole_picture():
    """Servers, units with their numbers, why one is paused, the ledger, and where to look further."""
    view = View(SERVERS, ROWS, "admin http://127.0.0.1:8081 · Ctrl-C drains and stops")
    assert picture(view) == PICTURE.splitlines()


def test_columns_of_noughts_are_left_out():
    """Before the first event there is room for what the units are."""
    row = Row("route", "reviews", "github.pull_request → review.wanted, tasks", State.RUNNING)
    lines = picture(View(rows=[row]))
    assert len(lines) == 2
    assert "github.pull_request → review.wanted, tasks" in lines[0]
    assert lines[0].rstrip().endswith("RUNNING")


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100])
def test_no_line_is_wider_than_the_terminal(width):
    """Whatever has to give, nothing wraps."""
    view = View(SERVERS, ROWS, "footer " * 30)
    assert all(line.cell_len <= max(width, 60) for line in view.lines(width))
    assert all(line.cell_len <= width for line in View(rows=ROWS).lines(max(width, 60)) if width >= 60)


def test_units_that_find_no_room_are_counted_and_those_in_trouble_stay():
    """A picture higher than its terminal would scroll away."""
    rows = [Row("route", f"r{number}", "a → b", State.RUNNING) for number in range(50)]
    rows.insert(30, Row("sink", "broken", "x", State.FAILED, "wrong password"))
    lines = picture(View(SERVERS, rows, "footer"), height=20)
    assert len(lines) <= 20
    assert any("broken" in line for line in lines)
    assert any("wrong password" in line for line in lines)
    assert any("units more" in line for line in lines)
    assert lines[-2].startswith(" received")


def test_a_server_that_is_being_started_moves():
    """Its progress is shown where the address will be."""
    view = View({"kafka": Server("kafka", "fetching 12 of 45 jars, 11 of 43 MB")})
    first, second = (view.lines(frame=frame)[0].plain for frame in (0, 1))
    assert "fetching 12 of 45 jars" in first
    assert first != second


def test_text_from_outside_is_shown_not_obeyed():
    """A far side's words can't move the cursor or break a line."""
    row = Row("sink", "a\x1b[2J", "x\ny\x07", State.FAILED, "no\x1b]0;owned\x07 way")
    text = "\n".join(picture(View(rows=[row])))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "x y" in text


def test_wide_characters_take_two_columns():
    """Alignment is by what a terminal shows, not by characters."""
    rows = [Row("route", "注文", "注文 → 請求", State.RUNNING), Row("route", "ab", "c → d", State.RUNNING)]
    first, second = View(rows=rows).lines()[:2]
    assert first.cell_len == second.cell_len


def test_a_source_shows_the_time_in_its_cursor():
    """In place of its topics, where it has one."""

    class Polling(Unit):
        kind = "source"
        cursor = '{"since":"2026-11-20T10:02:11Z","at_since":["x@2026-11-20T10:02:11Z"]}'

        async def run(self) -> None:
            raise NotImplementedError

    assert Row.of(Polling("issues", flow="every 30 s → github.issue")).flow == "every 30 s, cursor 2026-11-20T10:02:11Z"


def test_the_ledger_fits_its_line():
    """Shorter words, then an ellipsis, on a narrow terminal."""
    totals = Totals(received=2_000_000, delivered=1_999_999, in_flight=1)
    assert ledger_line(totals, 100).plain.endswith("in flight 1")
    assert ledger_line(totals, 120).plain.endswith("in flight 1 (lag included)")
    assert ledger_line(totals, 40).cell_len <= 40
