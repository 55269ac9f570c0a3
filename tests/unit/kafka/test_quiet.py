"""Aiokafka's log."""

import logging
from collections.abc import Iterator

import pytest

from hub.kafka import clients
from hub.kafka import quiet as module
from hub.kafka.quiet import Seldom, quiet

LOUDEST = ("aiokafka.producer.producer", "aiokafka.conn")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", *module._LOGGERS)]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def record(line: int, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.WARNING, "client.py", line, "can't reach %s", arguments, None)


def test_even_where_everything_is_logged_there_are_no_keys_and_values():
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("aiokafka", *LOUDEST):
        logging.getLogger(name).setLevel(logging.DEBUG)
    quiet()

    for name in (*LOUDEST, "aiokafka.coordinator.whatever"):
        assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)
        assert logging.getLogger(name).isEnabledFor(logging.INFO)


def test_only_warnings_where_nobody_asks_for_more():
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)
    quiet()

    assert not logging.getLogger("aiokafka.consumer.fetcher").isEnabledFor(logging.INFO)
    assert logging.getLogger("aiokafka.consumer.fetcher").isEnabledFor(logging.WARNING)


def test_who_wants_to_hear_less_hears_less():
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    quiet()

    assert logging.getLogger("aiokafka").level == logging.CRITICAL


def test_every_logger_that_aiokafka_has_at_work_is_known():
    theirs = {
        name
        for name, logger in logging.Logger.manager.loggerDict.items()
        # Not those of its own assignors, which log at a rebalance only, nor of a helper that we don't use.
        if isinstance(logger, logging.Logger)
        and name.startswith("aiokafka.")
        and not name.startswith(("aiokafka.coordinator", "aiokafka.helpers"))
    }

    assert clients.AIOKafkaAdminClient.__module__ in theirs
    assert theirs <= set(module._LOGGERS)


def test_of_many_lines_of_a_kind_one_passes_and_the_next_one_counts_them(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    seldom = Seldom()

    assert seldom.filter(record(1, "a"))
    assert not any(seldom.filter(record(1, number)) for number in range(7))
    assert seldom.filter(record(2, "a")), "another kind"
    now += 31
    late = record(1, "b")
    assert seldom.filter(late)
    assert late.getMessage() == "can't reach b [and 7 more like this since the last one]"
    now += 31
    later = record(1, "c")
    assert seldom.filter(later)
    assert later.getMessage() == "can't reach c"
