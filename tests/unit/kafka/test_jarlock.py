"""The lock of Kafka's jars."""

import re

import pytest

from hub.kafka.jarlock import KAFKA, LOCK, Jar, read, write
from hub.sdk import EnvironmentProblem


def test_the_lock_holds_kafka_and_all_that_it_needs():
    jars = {jar.coordinates.rsplit(":", 1)[0]: jar for jar in read()}

    assert jars["org.apache.kafka:kafka_2.13"].coordinates.endswith(f":{KAFKA}")
    assert {"org.apache.kafka:kafka-clients", "org.scala-lang:scala-library", "org.slf4j:slf4j-simple"} <= set(jars)
    assert len(jars) == len(read()) == 46
    assert 40e6 < sum(jar.size for jar in jars.values()) < 50e6


def test_the_lock_names_no_address():
    assert not re.search(r"https?:|www\.|//", LOCK.read_text())


def test_every_jar_is_named_as_its_coordinates_say():
    for jar in read():
        _, artifact, version = jar.coordinates.split(":")
        assert jar.file == f"{artifact}-{version}.jar"


def test_what_is_written_is_read_again_in_order(tmp_path):
    jars = [Jar("b" * 64, 2, "b-1.jar", "g:b:1"), Jar("a" * 64, 1, "a-1.jar", "g:a:1")]
    write(jars, tmp_path / "lock")

    assert read(tmp_path / "lock") == jars[::-1]


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "A" * 64 + "  1  a.jar  g:a:1",
        "a" * 63 + "  1  a.jar  g:a:1",
        "a" * 64 + "  1  ../a.jar  g:a:1",
        "a" * 64 + "  1  a.jar  g:a",
        "a" * 64 + "  1  a.jar",
    ],
)
def test_a_damaged_line_is_named(tmp_path, line):
    (tmp_path / "lock").write_text(f"# head\n{line}\n")

    with pytest.raises(EnvironmentProblem, match=r"lock:2: expected 'sha256  size  file\.jar"):
        read(tmp_path / "lock")


@pytest.mark.parametrize("content", [None, b"# nothing\n", b"\xff\xfe"])
def test_no_lock_at_all_is_a_clear_error(tmp_path, content):
    if content is not None:
        (tmp_path / "lock").write_bytes(content)

    with pytest.raises(EnvironmentProblem, match="install the hub anew"):
        read(tmp_path / "lock")
