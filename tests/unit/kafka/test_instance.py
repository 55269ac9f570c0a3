"""Which process is the Kafka of a directory."""

import os
import subprocess
import sys
import time

import pytest

from hub.kafka import instance
from hub.kafka.instance import Instance


@pytest.fixture
def process(tmp_path):
    """A process that is marked as the Kafka of `tmp_path`."""
    started = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()", instance.mark(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    started.stdout.readline()  # until then the system may not know its arguments yet
    yield started
    started.kill()
    started.communicate()


def test_nothing_written_is_nothing_running(tmp_path):
    assert instance.read(tmp_path) is None
    assert instance.running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"pid": 1}', '{"unknown": 1}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path, text):
    (tmp_path / "instance.json").write_text(text)

    assert instance.read(tmp_path) is None


def test_a_process_with_the_mark_of_the_directory_is_the_one(tmp_path, process):
    written = Instance(process.pid, 9092, 9093, time.time())
    instance.write(tmp_path, written)

    assert instance.running(tmp_path) == written


def test_another_process_with_the_same_id_is_not(tmp_path):
    instance.write(tmp_path, Instance(os.getpid(), 9092, 9093, time.time()))

    assert instance.running(tmp_path) is None
    assert instance.read(tmp_path) is not None


def test_the_kafka_of_another_directory_is_not(tmp_path, process):
    other = tmp_path / "other"
    other.mkdir()
    instance.write(other, Instance(process.pid, 9092, 9093, time.time()))

    assert instance.running(other) is None


def test_a_process_that_has_ended_is_not_even_before_it_is_reaped(tmp_path, process):
    instance.write(tmp_path, Instance(process.pid, 9092, 9093, time.time()))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert instance.running(tmp_path) is None
