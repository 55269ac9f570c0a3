"""``hub cursors`` on the real Kafka: what sources stand at, put elsewhere, and never under a running source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.engine.sources.cursors import CursorStore
from hub.engine.status import STALE, Report
from hub.engine.unit import State, Status
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.kafka.specs import table_topic
from hub.kafka.topics import ensure_topics
from hub.sdk.event import KafkaMessage
from tests.integration.called import called
from tests.integration.engine import publish

TEXT = """
deployment: {name}
services:
  github: {{ use: github }}
sources:
  issues: {{ use: github.issues, with: {{ service: github, repository: apache/kafka }} }}
  hook: {{ use: github.webhook, with: {{ path: /hook, secret: abc }} }}
"""


@pytest.fixture
def shop(tmp_path: Path, unique: str) -> str:
    """A deployment with a polling source and a webhook source; its name."""
    (tmp_path / "shop.yaml").write_text(TEXT.format(name=unique))
    return unique


async def stored(kafka: KafkaSettings, shop: str, source: str, cursor: str | None = None) -> str | None:
    """Stores a cursor as the engine does, where one is given; gives what is stored."""
    await ensure_topics(kafka, [table_topic(names.cursors(shop))])
    store = CursorStore(kafka, shop)
    await store.start()
    try:
        if cursor is not None:
            await store.put(source, cursor)
        return await store.get(source)
    finally:
        await store.stop()


async def reported(kafka: KafkaSettings, shop: str, state: State, age: timedelta = timedelta()) -> None:
    """A worker's report on the source, of an age."""
    await ensure_topics(kafka, [table_topic(names.status(shop))])
    now = datetime.now(UTC)
    status = Status(unit="issues", kind="source", state=state, since=now)
    report = Report(worker="here-1", at=now - age, status=status)
    await publish(kafka, names.status(shop), [KafkaMessage(b"issues|here-1", report.model_dump_json().encode(), [])])


CURSOR = '{"since":"2026-11-20T10:02:11Z","at_since":["I_1@2026-11-20T10:02:11Z"],"etag":null}'


async def test_cursors_are_listed_with_their_age(kafka, shop, tmp_path):
    """Polling sources only; one that never polled says so."""
    assert "issues never polled" in " ".join((await called(kafka, tmp_path, "cursors", "list")).out.split())
    await stored(kafka, shop, "issues", '{"since": "2026-11-20T10:02:11Z"}')
    shown = await called(kafka, tmp_path, "cursors", "list")
    assert "2026-11-20T10:02:11Z" in shown.out
    assert "ago" in shown.out
    assert "hook" not in shown.out
    (one,) = (await called(kafka, tmp_path, "cursors", "list", "--json")).json()
    assert (one["source"], one["cursor"], one["problem"]) == ("issues", {"since": "2026-11-20T10:02:11Z"}, None)


async def test_one_that_does_not_fit_and_one_without_a_source_are_marked(kafka, shop, tmp_path):
    """What would stop the source is seen before it does."""
    await stored(kafka, shop, "issues", '{"until": 1}')
    await stored(kafka, shop, "gone", '{"at": 3}')
    issues, gone = (await called(kafka, tmp_path, "cursors", "list", "--json")).json()
    assert "until: Extra inputs are not permitted" in issues["problem"]
    assert gone["problem"] == "the deployment has no such polling source"
    assert "gone" in (await called(kafka, tmp_path, "cursors", "reset", "gone", "--yes")).out
    assert await stored(kafka, shop, "gone") is None


async def test_one_is_shown_as_json(kafka, shop, tmp_path):
    """Indented for people; a source that never polled shows where it would begin."""
    fresh = await called(kafka, tmp_path, "cursors", "show", "issues")
    assert "no cursor yet: it begins with {" in " ".join(fresh.out.split())
    await stored(kafka, shop, "issues", CURSOR)
    assert '  "since": "2026-11-20T10:02:11Z"' in (await called(kafka, tmp_path, "cursors", "show", "issues")).out
    document = (await called(kafka, tmp_path, "cursors", "show", "issues", "--json")).json()
    assert document["cursor"]["since"] == "2026-11-20T10:02:11Z"


async def test_a_cursor_is_set_and_the_old_one_is_shown(kafka, shop, tmp_path):
    """Also before the first poll; the source goes on from there."""
    new = '{"since": "2026-01-01T00:00:00Z"}'
    first = await called(kafka, tmp_path, "cursors", "set", "issues", new)
    assert first.code == 0
    assert "old none" in " ".join(first.out.split())
    again = (await called(kafka, tmp_path, "cursors", "set", "issues", "{}", "--json")).json()
    assert again["old"]["since"] == "2026-01-01T00:00:00Z"
    assert again["new"]["since"] is None
    assert '"since":null' in await stored(kafka, shop, "issues")


@pytest.mark.parametrize(
    ("cursor", "message"),
    [
        ('{"since": 7}', "since: Input should be a valid string"),
        ('{"sice": "2026-01-01T00:00:00Z"}', "sice: Extra inputs are not permitted"),
        ("{nope", "cursor: Invalid JSON"),
        ("[]", "cursor: Input should be an object"),
    ],
)
async def test_a_cursor_that_does_not_fit_is_refused(kafka, shop, tmp_path, cursor, message):
    """Exit code 2, the field that is wrong, and the fields that there are; nothing is stored."""
    await stored(kafka, shop, "issues", CURSOR)
    refused = await called(kafka, tmp_path, "cursors", "set", "issues", cursor)
    assert refused.code == 2
    assert message in refused.err
    assert "Its fields: streams (dict[str, StreamState]), since (str | None)" in refused.err
    assert await stored(kafka, shop, "issues") == CURSOR


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
async def test_a_running_source_keeps_its_cursor(kafka, shop, tmp_path, state):
    """Exit code 1 and what to do; with force it is done all the same."""
    await stored(kafka, shop, "issues", CURSOR)
    await reported(kafka, shop, state)
    for arguments in (["set", "issues", "{}"], ["reset", "issues", "--yes"]):
        refused = await called(kafka, tmp_path, "cursors", *arguments)
        assert refused.code == 1
        assert f"source issues is {state} at here-1" in refused.err
    assert await stored(kafka, shop, "issues") == CURSOR
    assert (await called(kafka, tmp_path, "cursors", "set", "issues", "{}", "--force")).code == 0


@pytest.mark.parametrize(
    ("state", "age"),
    [(State.STOPPED, timedelta()), (State.FAILED, timedelta()), (State.RUNNING, STALE + timedelta(seconds=5))],
)
async def test_a_source_that_stands_still_may_be_moved(kafka, shop, tmp_path, state, age):
    """Stopped, failed (for instance over its cursor), or of a worker that is gone."""
    await reported(kafka, shop, state, age)
    assert (await called(kafka, tmp_path, "cursors", "set", "issues", "{}")).code == 0


async def test_a_reset_asks_first(kafka, shop, tmp_path):
    """No is no; yes forgets the cursor."""
    await stored(kafka, shop, "issues", CURSOR)
    refused = await called(kafka, tmp_path, "cursors", "reset", "issues", input="n\n")
    assert refused.code == 1
    assert "read everything again" in refused.err
    assert await stored(kafka, shop, "issues") == CURSOR
    done = await called(kafka, tmp_path, "cursors", "reset", "issues", input="y\n")
    assert done.code == 0
    assert "new none: it begins anew" in " ".join(done.out.split())
    assert await stored(kafka, shop, "issues") is None


@pytest.mark.parametrize("arguments", [["show"], ["set"], ["reset", "--yes"]])
async def test_sources_without_a_cursor_are_told_from_unknown_ones(kafka, shop, tmp_path, arguments):
    """Both are exit code 2, and name the sources that have one."""
    value = ["{}"] if arguments == ["set"] else []
    hook = await called(kafka, tmp_path, "cursors", arguments[0], "hook", *value, *arguments[1:])
    assert hook.code == 2
    assert "source hook is called instead of polling, so it has no cursor; those with a cursor: issues" in hook.err
    typo = await called(kafka, tmp_path, "cursors", arguments[0], "isues", *value, *arguments[1:])
    assert typo.code == 2
    assert "no polling source named isues" in typo.err
