"""Topics of a deployment: who writes and who reads each, seen from the schema files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli.servers import needs
from hub.cli.topics import Listed, flows
from hub.deployment import Deployment, load

TEXT = """\
deployment: shop
services:
  github: { use: github, auth: { token: "${env:TOKEN}" } }
sources:
  hook: { use: github.webhook, with: { path: /hook, secret: "${env:SECRET:-none}" } }
routes:
  pulls: { from: github.pull_request, to: [wanted, tasks] }
sinks:
  tasks: { use: rabbitmq, with: { url: "${env:AMQP_URL}", exchange: tasks } }
  also: { from: wanted, use: rabbitmq, with: { url: "amqp://127.0.0.1/", exchange: also }, on_error: { dlq: lost } }
topics: { wanted: {} }
"""


@pytest.fixture
def shop(tmp_path: Path) -> Deployment:
    (tmp_path / "shop.yaml").write_text(TEXT)
    return load(tmp_path)


def test_every_topic_has_its_role_writers_and_readers(shop):
    """Event topics, inboxes, dead letter topics and the hub's own tables."""
    listed = flows(shop)

    def seen(name: str) -> tuple[str, list[str], list[str]]:
        return listed[name].role, listed[name].writers, listed[name].readers

    assert seen("github.pull_request") == ("event", ["hook"], ["pulls"])
    assert seen("wanted") == ("event", ["pulls"], ["also"])
    assert seen("hub.shop.inbox.tasks") == ("inbox", ["pulls"], ["tasks"])
    assert seen("hub.shop.inbox.also") == ("inbox", [], ["also"])
    assert seen("lost") == ("dlq", ["also"], [])
    assert seen("shop.pulls.dlq") == ("dlq", ["pulls"], [])
    assert seen("hub.shop.cursors") == ("table", [], [])
    assert set(listed) == {spec.name for spec in shop.topic_specs()}


@pytest.mark.parametrize(
    ("retention", "compacted", "text"),
    [
        (7 * 86_400_000, False, "7 d"),
        (90 * 60_000, False, "1.5 h"),
        (1, False, "1 ms"),
        (0, False, "0 ms"),
        (None, False, "for ever"),
        (None, True, "last of each key"),
        (86_400_000, True, "last of each key, 1 d"),
    ],
)
def test_how_long_events_stay_is_told_in_words(retention, compacted, text):
    """Retention, compaction, both or neither."""
    assert Listed("a", "event", retention_ms=retention, compacted=compacted).kept == text


def test_a_variable_is_needed_by_the_units_that_run(shop):
    """Where it has no default; services count always."""
    assert needs(shop, [], "AMQP_URL")
    assert needs(shop, ["tasks"], "AMQP_URL")
    assert not needs(shop, ["also", "pulls"], "AMQP_URL")
    assert not needs(shop, [], "SECRET")
    assert needs(shop, ["pulls"], "TOKEN")
