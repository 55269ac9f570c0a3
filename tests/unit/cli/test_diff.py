"""``hub diff`` by the events of a file: what it prints, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from hub.cli import app

OLD = """
deployment: shop
topics: { in: {}, out: {}, alerts: {} }
routes:
  reviews: { from: in, where: data.n < 5, map: { data: { labels: = data.labels } }, to: out }
  gone: { from: in, to: out }
  same: { from: in, to: alerts }
"""
NEW = """
deployment: shop
topics: { in: {}, out: {}, alerts: {} }
routes:
  reviews:
    from: in
    where: data.n < 6 && data.n != 1
    map: { data: { labels: "= data.labels.filter(l, l != 'x3')" } }
    to: [out, alerts]
  fresh: { from: in, where: 10 / data.n > 2, to: out }
  same: { from: in, to: alerts }
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two versions and ten events; the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.yaml").write_text(text)
    events = [
        {
            "specversion": "1.0",
            "id": str(n),
            "source": "/s",
            "type": "in",
            "data": {"n": n, "labels": [f"x{n}", "secret"]},
        }
        for n in range(10)
    ]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(map(orjson.dumps, events)))
    return tmp_path


def diff(*options: str, old: str = "old", new: str = "new") -> Result:
    clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HUB_")}
    return CliRunner(env=clean).invoke(app, ["diff", old, new, *options])


def test_each_route_has_a_line(shop):
    """In the order of the new version; removed ones behind; the most frequent fields are named."""
    shown = diff("--from-file", "events.jsonl")
    assert shown.exit_code == 1
    *lines, total = shown.stdout.splitlines()
    assert lines == [
        " route reviews  10 events · 1 newly matches · 1 no longer matches · 1 differs in data.labels ·",
        "                4 go elsewhere (+alerts)",
        " route fresh    new  10 events · 3 match · 1 newly fails",
        " route same     10 events · no difference",
        " route gone     removed  10 events · 10 matched",
    ]
    assert total.startswith("10 events of in, ")


def test_examples_tell_what_and_why(shop):
    """Which event, what decided in the version that keeps it out, what came out before and comes out now."""
    shown = diff("--from-file", "events.jsonl", "--examples", "1")
    text = shown.stdout
    for part in (
        "newly matches  events.jsonl:6  5  in",
        "     old: data.n < 5 is false: data.n is 5",
        "     new: data.n != 1 is false: data.n is 1",
        '     data.labels: ["x3","secret"] → ["secret"]',
        "     +alerts",
        "     10 / data.n: division by zero (where 1:1)",
    ):
        assert part in text
    hidden = diff("--from-file", "events.jsonl", "--examples", "1", "--no-values").stdout
    assert "     data.labels: a list of 2 → a list of 1" in hidden
    assert "secret" not in hidden


def test_programs_get_everything(shop):
    """Counts by stable names, fields, and examples."""
    document = orjson.loads(diff("--from-file", "events.jsonl", "--examples", "2", "--json").stdout)
    reviews = document["routes"][0]
    assert (document["differs"], document["events"]) == (True, 10)
    assert (reviews["newly_match"], reviews["no_longer_match"], reviews["differ"], reviews["go_elsewhere"]) == (
        1,
        1,
        1,
        4,
    )
    (example,) = [each for each in reviews["examples"] if each["kind"] == "differ"]
    assert example["changes"] == [{"path": "data.labels", "before": ["x3", "secret"], "after": ["secret"]}]
    assert b"secret" not in diff("--from-file", "events.jsonl", "--examples", "2", "--json", "--no-values").stdout_bytes


def test_equal_versions_end_with_0(shop):
    """So that CI can gate on it."""
    shown = diff("--from-file", "events.jsonl", new="old")
    assert shown.exit_code == 0
    assert "no difference" in shown.stdout


def test_only_topics_that_are_asked_for_count(shop):
    """Events of others in the file are passed over; a name given for the topic holds for all events of a file."""
    shown = diff("--from-file", "events.jsonl", "--topic", "in", "--json")
    assert orjson.loads(shown.stdout)["topics"] == {"in": {"events": 10, "unreadable": 0, "missing": False}}
    shown = diff("--from-file", "events.jsonl", "--topic", "inn")
    assert (shown.exit_code, "did you mean in?" in shown.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"), [("{", "events.jsonl:1: expected a JSON document"), (None, "can't be read")]
)
def test_a_file_that_holds_something_else_is_wrong_input(shop, content, message):
    """With the line."""
    file = shop / "events.jsonl"
    file.unlink() if content is None else file.write_text(content)
    shown = diff("--from-file", "events.jsonl")
    assert (shown.exit_code, message in shown.stderr) == (2, True)


def test_without_kafka_it_is_said_what_to_do(shop):
    """Exit code 3."""
    shown = diff()
    assert (shown.exit_code, "no Kafka to work with" in shown.stderr) == (3, True)


def test_an_invalid_version_is_shown_with_its_findings(shop):
    """As `hub validate` shows them; exit code 2."""
    (shop / "new" / "shop.yaml").write_text(NEW.replace("data.n <", "dta.n <"))
    shown = diff("--from-file", "events.jsonl")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("the deployment in new is not valid\nshop.yaml:7:12  error  ")
    document = orjson.loads(diff("--from-file", "events.jsonl", "--json").stderr)
    assert document["error"]["findings"][0]["line"] == 7
