"""``hub explain DIR EVENT.json``: what decided, what comes out, what fails; nothing runs."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from hub.cli import app

SHOP = """
deployment: shop
env: [LIMIT]
topics: { in: {}, low: {}, out: {}, alerts: {} }
routes:
  reviews:
    from: in
    where: data.action == "opened" && data.pull.base.ref.startsWith("release/")
    to: out
  pick:
    from: in
    switch:
      - when: data.n > 60
        to: alerts
      - when: data.labels.exists(l, l.name == "bug")
        set: { data.title: = data.title.upperAscii(), subject: bug }
        to: [low, chat]
  made: { from: in, map: { type: review.wanted, data: { title: = data.title } }, to: out }
  each: { from: in, split: data.labels, to: out }
  none: { from: in, split: "data.labels.filter(l, l.name == 'q')", to: out }
  strict:
    from: in
    set: { data.level: = data.n / data.zero }
    to: out
  copy: { from: in, to: low }
  other: { from: low, where: env.LIMIT == "1", to: out }
sinks: { chat: { use: http, with: { url: "http://127.0.0.1:1" } } }
"""
EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/s",
    "type": "in",
    "data": {
        "action": "opened",
        "n": 51,
        "zero": 0,
        "title": "A title",
        "labels": [{"name": "x"}, {"name": "bug"}],
        "pull": {"base": {"ref": "main"}},
    },
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deployment and an event; the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "event.json").write_bytes(orjson.dumps(EVENT))
    return tmp_path


def explain(*arguments: str, stdin: bytes | None = None, **environ: str) -> Result:
    clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HUB_") or name == "LIMIT"}
    return CliRunner(env=clean | environ).invoke(app, ["explain", *arguments], input=stdin)


def test_each_route_is_told_with_what_decided(shop):
    """As in the design; within 100 columns."""
    shown = explain(".", "event.json")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        " event e1  in, topic in",
        ' route reviews  filtered  data.pull.base.ref.startsWith("release/") is false: base.ref is "main"',
        " route pick     matched  branch 2 of its switch, to low, sink chat",
        '     data.labels.exists(l, l.name == "bug") is true: l.name of data.labels[1] is "bug"',
        '     subject is new: "bug"',
        '     data.title: "A title" → "A TITLE"',
        " route made     matched  to out",
        '     type: "in" → "review.wanted"',
        '     data.title: "A title"',
        " route each     matched  2 events to out",
        "     1 of 2, to out",
        '     data.name: "x"',
        "     2 of 2, to out",
        '     data.name: "bug"',
        " route none     filtered  nothing to split: data.labels.filter(l, l.name == 'q') is []: data.labels",
        '                          is [{"name":"x"},{"name":"bug"}]',
        " route strict   failed  data.n / data.zero: division by zero (set.data.level 1:3)",
        "     data.n is 51",
        "     data.zero is 0",
        "     at shop.yaml:23:26",
        " route copy     matched  to low",
        "     unchanged",
        " route other    not read  it reads low",
    ]


def test_values_can_be_kept_back(shop):
    """Nothing of the event is shown but what kind its values are."""
    for more in ([], ["--json"]):
        shown = explain(".", "event.json", "--no-values", *more)
        assert "A title" not in shown.stdout
        assert '"main"' not in shown.stdout
        assert "A TITLE" not in shown.stdout
        assert "base.ref is a string" in shown.stdout


def test_programs_get_everything(shop):
    """Decisions with what they saw, outputs whole, errors with their place in the file."""
    routes = {each["route"]: each for each in orjson.loads(explain(".", "event.json", "--json").stdout)["routes"]}
    (decision,) = routes["reviews"]["decisions"]
    assert (decision["value"], decision["seen"]) == (False, {"data.pull.base.ref": "main"})
    assert routes["pick"]["outputs"][0]["targets"] == ["low", "sink chat"]
    assert routes["pick"]["outputs"][0]["data"]["title"] == "A TITLE"
    assert routes["pick"]["branch"] == 2
    error = routes["strict"]["error"]
    assert (error["path"], error["line"], error["column"]) == (["set", "data.level"], 1, 3)
    assert (error["position"], error["seen"]) == ("shop.yaml:23:26", {"data.n": 51, "data.zero": 0})


def test_an_event_is_read_from_here_and_may_be_a_payload(shop):
    """The deployment, too, is the one here where none is named."""
    shown = explain("-", "--type", "in", "--route", "reviews", stdin=b'{"action": "closed"}')
    assert shown.stdout.splitlines()[1:] == [
        ' route reviews  filtered  data.action == "opened" is false: data.action is "closed"'
    ]


def test_another_topic_can_be_named(shop):
    """For an event of a type whose name isn't the topic's; a variable that isn't set is said as such."""
    shown = explain(".", "event.json", "--topic", "low", "--route", "other")
    assert " route other  failed  route `other`: the environment variable LIMIT isn't set" in shown.stdout
    shown = explain(".", "event.json", "--topic", "low", "--route", "other", LIMIT="2")
    assert ' route other  filtered  env.LIMIT == "1" is false: env.LIMIT is "2"' in shown.stdout
    shown = explain(".", "event.json", "--topic", "nowhere")
    assert "no route reads the topic nowhere" in shown.stdout


def test_long_lists_are_cut_unless_all_is_asked_for(shop):
    """Fields, and events of a split."""
    labels = [{"name": f"l{n}"} for n in range(9)]
    many = EVENT | {"data": {**EVENT["data"], "labels": labels}}
    (shop / "event.json").write_bytes(orjson.dumps(many))
    shown = explain(".", "event.json", "--route", "each")
    assert "and 4 events more; --full shows them" in shown.stdout
    assert "l8" not in shown.stdout
    assert "l8" in explain(".", "event.json", "--route", "each", "--full").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a deployment and an event"),
        ([".", "event.json", "--id", "1"], "give a deployment and an event"),
        ([".", "nothing.json"], "nothing.json can't be read: No such file"),
        ([".", "event.json", "--route", "rviews"], "no route named rviews; the deployment has reviews, pick"),
        (["nowhere", "event.json"], "nowhere"),
        ([".", "shop.yaml"], "expected an event as JSON"),
        (["--id", "1", "--at", "noon"], "expected a time"),
    ],
)
def test_wrong_input_is_2(shop, arguments, message):
    """With what was expected."""
    shown = explain(*arguments)
    assert (shown.exit_code, message in " ".join(shown.stderr.split())) == (2, True), shown.stderr


def test_control_characters_are_shown_and_not_obeyed(shop):
    """What an event holds doesn't reach the terminal as it is."""
    evil = EVENT | {"id": "e\u202e1", "data": {**EVENT["data"], "action": "\x1b[31mred"}}
    (shop / "event.json").write_bytes(orjson.dumps(evil))
    shown = explain(".", "event.json")
    assert "\x1b" not in shown.stdout
    assert "red" in shown.stdout
