"""Log lines: one per thing that happened, no payloads, nothing that a terminal would obey."""

from __future__ import annotations

import io
import logging

import orjson
import pytest
from aiokafka.errors import KafkaError

from hub.cli.logs import Json, Level, LogFormat, Plain, Sparing, configure


def record(message: str, name: str = "hub.unit.a", level: int = logging.INFO, error: Exception | None = None):
    found = logging.LogRecord(name, level, "", 0, message, (), (type(error), error, None) if error else None)
    found.created = 1_763_632_931.482
    return found


def test_a_plain_line_has_time_level_and_text():
    """In UTC, to the millisecond."""
    assert Plain().format(record("sink a: RUNNING")) == "2025-11-20T10:02:11.482Z info     sink a: RUNNING"


def test_nobody_forges_a_log_line():
    """Line breaks of a far side's message are indented, control characters shown."""
    text = Plain().format(record("no\n2025-11-20T10:02:11.482Z info forged\x1b[1A"))
    assert text.splitlines()[1] == "    2025-11-20T10:02:11.482Z info forged\\x1b[1A"


def test_a_json_line_is_one_object():
    """With the exception where there is one."""
    document = orjson.loads(Json().format(record("a\nb", error=ValueError("x"))))
    assert document["time"] == "2025-11-20T10:02:11.482Z"
    assert (document["level"], document["logger"], document["message"]) == ("info", "hub.unit.a", "a\nb")
    assert "ValueError: x" in document["exception"]


def test_client_libraries_repeat_themselves_once_a_minute():
    """Without tracebacks; our own lines all pass."""
    sparing = Sparing()
    first = record("unable to connect", "aiokafka.conn", error=OSError("x"))
    assert sparing.filter(first)
    assert first.exc_info is None
    assert not sparing.filter(record("unable to connect", "aiokafka.conn"))
    assert sparing.filter(record("something else", "aiokafka.conn"))
    assert all(sparing.filter(record("sink a: RUNNING")) for _ in range(3))


@pytest.mark.parametrize("level", Level)
def test_clients_never_log_payloads(level):
    """Not even when the hub itself is asked for everything: they write keys, values and passwords at DEBUG."""
    stream = io.StringIO()
    configure(LogFormat.PLAIN, level, [logging.StreamHandler(stream)])
    for name in ("aiokafka.producer.producer", "aio_pika.connection", "aiormq.connection"):
        logging.getLogger(name).debug("payload secret")
        logging.getLogger(name).info("payload secret")
    logging.getLogger("hub.unit.a").error("ours")
    assert stream.getvalue() == "ours\n"


def test_what_clients_warn_of_is_for_those_who_look_for_it():
    """What matters of it is said in our own words."""
    stream = io.StringIO()
    configure(LogFormat.PLAIN, Level.INFO, [logging.StreamHandler(stream)])
    logging.getLogger("aiokafka.conn").error("unable to connect")
    configure(LogFormat.PLAIN, Level.DEBUG, [logging.StreamHandler(stream)])
    logging.getLogger("aiokafka.conn").error("unable to connect")
    assert stream.getvalue() == "unable to connect\n"


def test_what_a_client_library_left_lying_about_is_no_news_of_ours():
    """Asyncio reports such exceptions when a server dies; an exception of our own is shown."""
    sparing = Sparing()
    assert not sparing.filter(record("Unclosed AIOKafkaConsumer\nconsumer: <…>", "asyncio"))
    assert not sparing.filter(record("Future exception was never retrieved", "asyncio", error=KafkaError("closed")))
    assert sparing.filter(record("Task exception was never retrieved", "asyncio", error=ValueError("a bug")))
    assert sparing.filter(record("slow callback", "asyncio"))
