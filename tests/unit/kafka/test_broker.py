"""What the embedded Kafka is told."""

from pathlib import Path

from hub.kafka import broker
from hub.kafka.specs import DLQ_ROOM, MAX_MESSAGE


def settings(**overrides: str) -> dict[str, str]:
    return broker.properties(Path("/data"), 1234, 1235, overrides)


def test_it_listens_on_this_machine_only():
    found = settings()

    assert found["listeners"] == "PLAINTEXT://127.0.0.1:1234,CONTROLLER://127.0.0.1:1235"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1234"


def test_it_takes_as_much_as_any_topic_of_the_hubs_by_default():
    assert int(settings()["message.max.bytes"]) >= MAX_MESSAGE + DLQ_ROOM


def test_a_misspelt_topic_is_not_made():
    assert settings()["auto.create.topics.enable"] == "false"


def test_overrides_win():
    assert broker.properties(Path("/data"), 1, 2, {"num.partitions": "9"})["num.partitions"] == "9"


def test_any_path_survives_javas_properties_format(tmp_path):
    broker.write_properties(tmp_path / "p", {"log.dirs": "/näïve\\dir/\U0001f389", "plain": "a=b:c"})

    assert (tmp_path / "p").read_text() == ("log.dirs=/n\\u00e4\\u00efve\\\\dir/\\ud83c\\udf89\nplain=a=b:c\n")
