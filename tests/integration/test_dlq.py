"""``hub dlq`` on the real Kafka: what it lists and shows, what it chooses, and what it says of what it did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.deployment import Deployment, load
from hub.engine.dlq.deadletter import REPLAYS
from hub.engine.dlq.outlet import Outlet
from hub.kafka import names
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk import Permanent, Transient
from hub.sdk.event import KafkaMessage
from tests.integration.called import called
from tests.integration.dlq import failed, numbered
from tests.integration.engine import event, records

TEXT = """
deployment: {name}
topics: {{ {name}.in: {{ partitions: 2 }} }}
sinks:
  announce: {{ from: {name}.in, use: http, with: {{ url: "http://127.0.0.1:1/a" }} }}
  other: {{ from: {name}.in, use: http, with: {{ url: "http://127.0.0.1:1/b" }} }}
"""


@pytest.fixture
async def shop(tmp_path: Path, kafka: KafkaSettings, unique: str) -> Deployment:
    """A deployment with two sinks; its directory is `tmp_path`."""
    (tmp_path / "shop.yaml").write_text(TEXT.format(name=unique))
    deployment = load(tmp_path)
    await ensure_topics(kafka, deployment.topic_specs())
    return deployment


@pytest.fixture
async def letters(shop: Deployment, kafka: KafkaSettings) -> Deployment:
    """14 dead letters of announce, for two causes, and one of other."""
    await failed(kafka, shop, numbered(11))
    texts = [event(20 + n, key="text") for n in range(3)]
    await failed(kafka, shop, texts, error=Permanent("400: /text must be a string of 1 to 9", status=400))
    await failed(kafka, shop, [event(30)], unit="other", error=Transient("no answer after 31 s"))
    return shop


async def buried(
    kafka: KafkaSettings, deployment: Deployment, message: KafkaMessage, error: Exception, *, attempts: int = 1
) -> None:
    """One dead letter of announce, whatever the record is."""
    outlet = Outlet(kafka, unit="announce", dlq=names.dlq(deployment.name, "announce"))
    await outlet.start()
    await outlet.bury(message, error, stage="write", attempts=attempts)
    await outlet.stop()


async def test_the_list_counts_by_unit_and_cause(letters, kafka, tmp_path):
    """As in the design: how many, since when, why, the most frequent cause first."""
    shown = await called(kafka, tmp_path, "dlq", "list")
    assert shown.code == 0
    assert re.search(
        r"sink announce 14 since \d\d:\d\d:\d\d 403 Forbidden \(11\) · 400: /text must be a string of 1 to 9 \(3\) "
        r"sink other 1 since \d\d:\d\d:\d\d no answer after 31 s \(1\)",
        " ".join(shown.out.split()),
    )
    assert all(len(line) <= 100 for line in shown.out.splitlines())


async def test_the_list_for_programs_has_everything(letters, kafka, tmp_path):
    """Units, counts, causes with class and status."""
    announce, other = (await called(kafka, tmp_path, "dlq", "list", "--json")).json()
    assert (announce["unit"], announce["kind"], announce["open"]) == ("announce", "sink", 14)
    assert announce["causes"][0] == {"error": "Permanent", "status": 403, "text": "403 Forbidden", "times": 11}
    assert announce["since"] <= announce["until"]
    assert (other["open"], other["causes"][0]["error"]) == (1, "Transient")


async def test_causes_that_differ_in_numbers_alone_are_one(shop, kafka, tmp_path):
    """Otherwise each would be a line of its own."""
    for number in range(3):
        error = Transient(f"order {number} of 7a3f9c2e{number} is locked", status=423)
        await failed(kafka, shop, [event(number)], error=error)
    (announce,) = (await called(kafka, tmp_path, "dlq", "list", "--json")).json()
    assert [(each["text"], each["times"]) for each in announce["causes"]] == [("order … of … is locked", 3)]


async def test_an_empty_deployment_has_no_dead_letters(shop, kafka, tmp_path):
    """Said to people; an empty array for programs."""
    assert (await called(kafka, tmp_path, "dlq", "list")).out == "no dead letters\n"
    assert (await called(kafka, tmp_path, "dlq", "list", "--json")).json() == []


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["announce"], 14),
        (["announce", "other"], 15),
        (["--error", "permanent"], 14),
        (["--error", "hub.sdk.errors.Transient"], 1),
        (["--key", "text"], 3),
        (["--id", "21"], 1),
        (["--since", "1h"], 15),
        (["--until", "1h"], 0),
        (["--where", "error.status == 403"], 11),
        (["--where", "error.status == 403 && key == 'k1'"], 3),
        (["--where", "data.n >= 20 && error.class == 'Permanent'"], 3),
        (["--where", "error.message.startsWith('400') && error.stage == 'write' && error.attempts == 1"], 3),
        (["--where", "timestamp(error.at) < timestamp('2020-01-01T00:00:00Z')"], 0),
        (["announce", "--key", "k0", "--key", "k1", "--error", "Permanent"], 6),
    ],
)
async def test_dead_letters_are_chosen_by_what_they_have(letters, kafka, tmp_path, options, count):
    """Filters of one kind add up, filters of different kinds must all fit."""
    listed = (await called(kafka, tmp_path, "dlq", "list", "--json", *options)).json()
    assert sum(each["open"] for each in listed) == count


async def test_what_an_expression_cannot_judge_is_said(shop, kafka, tmp_path):
    """A dead letter without the field doesn't match, and isn't passed over in silence."""
    await failed(kafka, shop, [event(1), event(2).replace(data={"m": 1})])
    shown = await called(kafka, tmp_path, "dlq", "list", "--where", "data.n == 1")
    assert "sink announce" in shown.out
    assert "1 dead letter left out, for which --where has no value" in shown.err


async def test_a_wrong_expression_is_shown_with_its_place(shop, kafka, tmp_path):
    """Exit code 2, the line and a caret."""
    shown = await called(kafka, tmp_path, "dlq", "list", "--where", "error.status == ")
    assert shown.code == 2
    assert "    error.status == \n                    ^" in shown.err


async def test_one_is_shown_with_all_that_is_known(shop, kafka, tmp_path):
    """Cause, headers, payload as indented JSON, stack trace, and the failures before."""
    first = event(1, key="k1", nested={"deep": True}).replace(headers=[("x-tenant", b"acme")])
    await failed(kafka, shop, [first])
    (letter,) = await records(kafka, names.dlq(shop.name, "announce"))
    again = KafkaMessage(letter.key, letter.value, list(letter.headers))
    await buried(kafka, shop, again, Transient("timed out"), attempts=9)
    shown = await called(kafka, tmp_path, "dlq", "show", "announce", "--where", "error.attempts == 9")
    assert shown.code == 0
    for text in (
        "sink announce",
        "timed out",
        "Transient, at stage write, 9 attempts",
        "Permanent, status 403, at stage write, 1 attempt: 403 Forbidden",
        "script.event, id 1, source /test",
        "x-tenant acme",
        "hub.sdk.errors.Transient: timed out",
    ):
        assert text in " ".join(shown.out.split()), text
    assert '\n    "nested": {\n      "deep": true\n    }\n' in shown.out
    (document,) = (await called(kafka, tmp_path, "dlq", "show", "announce", "--limit", "1", "--json")).lines()
    assert document["data"] == {"n": 1, "nested": {"deep": True}}
    assert document["error"]["status"] == 403
    assert document["headers"] == {"x-tenant": "acme"}
    assert document["key"] == "k1"


async def test_payloads_of_every_kind_can_be_shown(shop, kafka, tmp_path):
    """What is no JSON, no text, no event, or nothing at all; control characters don't reach the terminal."""
    for message in (
        event(1).replace(data=b"{no json").to_kafka(),
        event(2).replace(data=b"\xff\xfe\x00").to_kafka(),
        KafkaMessage(b"k", b"plain \x1b[31mred", []),
        event(4).replace(data=None).to_kafka(),
        event(5).replace(data="x" * 9000).to_kafka(),
        event(6).replace(data={"body": "y" * 4012}).to_kafka(),
    ):
        await buried(kafka, shop, message, Permanent("no"))
    shown = await called(kafka, tmp_path, "dlq", "show", "--limit", "9")
    assert shown.code == 0
    assert "{no json" in shown.out
    assert "3 bytes that are no text" in shown.out
    assert "plain \\x1b[31mred" in shown.out
    assert "\x1b" not in shown.out
    assert "(no data)" in shown.out
    assert "characters more; --full shows them" in shown.out
    assert f'"{"y" * 200}… (4,012 characters)"' in shown.out
    assert "y" * 4012 in (await called(kafka, tmp_path, "dlq", "show", "--limit", "9", "--full")).out
    documents = (await called(kafka, tmp_path, "dlq", "show", "--json", "--limit", "9")).lines()
    assert {"body": "y" * 4012} in [each.get("data") for each in documents]
    assert {each.get("data_base64") for each in documents} >= {"//4A", "e25vIGpzb24="}
    assert sum(each["event"] is None for each in documents) == 1


async def test_an_id_that_is_not_there_is_exit_code_1(shop, kafka, tmp_path):
    """A program that asked for one hears that there is none."""
    shown = await called(kafka, tmp_path, "dlq", "show", "--id", "404")
    assert (shown.code, shown.out) == (1, "")
    assert "no dead letters" in shown.err


async def test_the_rehearsal_says_what_the_replay_then_does(letters, kafka, tmp_path):
    """As in the design, word for word; then once more, and there is nothing left to do."""
    chosen = ["dlq", "replay", "announce", "--where", "error.status == 403"]
    rehearsed = await called(kafka, tmp_path, *chosen, "--dry-run")
    assert re.match(
        r"11 events of 4 keys, oldest \d\d:\d\d:\d\d, to sink announce only\. Without --dry-run this replays them\.",
        " ".join(rehearsed.out.split()),
    )
    done = await called(kafka, tmp_path, *chosen)
    assert done.code == 0
    assert re.match(
        r"replayed 11 events of 4 keys, oldest \d\d:\d\d:\d\d, to sink announce only", " ".join(done.out.split())
    )
    assert (await called(kafka, tmp_path, *chosen)).out == "nothing to replay\n"
    assert len(await records(kafka, names.inbox(letters.name, "announce"))) == 11
    (announce, _) = (await called(kafka, tmp_path, "dlq", "list", "--all", "--json")).json()
    assert (announce["open"], announce["replayed"]) == (3, 11)


async def test_what_had_to_be_left_is_said_and_is_exit_code_1(shop, kafka, tmp_path):
    """How many, why, which, and what to do."""
    await failed(kafka, shop, [event(1), event(2).replace(headers=[(REPLAYS, b"3")])])
    done = await called(kafka, tmp_path, "dlq", "replay", "--all-units")
    assert done.code == 1
    text = " ".join(done.out.split())
    assert "replayed 1 event of 1 key" in text
    assert "left 1: replayed so often that it would go round for ever; --force replays them all the same" in text
    assert f"{names.dlq(shop.name, 'announce')}-0@1" in text
    forced = (await called(kafka, tmp_path, "dlq", "replay", "--all-units", "--force", "--json")).json()
    assert forced["units"][0]["replayed"] == 1


async def test_discarded_ones_are_gone_from_the_list_and_keep_their_reason(letters, kafka, tmp_path):
    """With a rehearsal of its own."""
    chosen = ["dlq", "discard", "announce", "--key", "text", "--json"]
    assert (await called(kafka, tmp_path, *chosen, "--dry-run")).json()["units"][0]["discarded"] == 3
    assert (await called(kafka, tmp_path, *chosen, "--reason", "never valid")).json()["units"][0]["discarded"] == 3
    assert (await called(kafka, tmp_path, "dlq", "list", "announce", "--json")).json()[0]["open"] == 11
    shown = await called(kafka, tmp_path, "dlq", "show", "announce", "--all", "--key", "text", "--limit", "1")
    assert re.search(r"resolved +discarded .*: never valid", " ".join(shown.out.split()))
    assert await records(kafka, names.inbox(letters.name, "announce")) == []


async def test_whose_dead_letters_must_be_said(shop, kafka, tmp_path):
    """A replay of everything by mistake isn't possible; a wrong name is exit code 2."""
    for arguments in (["replay"], ["discard"], ["replay", "announce", "--all-units"]):
        assert (await called(kafka, tmp_path, "dlq", *arguments)).code == 2
    wrong = await called(kafka, tmp_path, "dlq", "list", "anounce")
    assert wrong.code == 2
    assert "no unit named anounce; the deployment has announce, other" in " ".join(wrong.err.split())
