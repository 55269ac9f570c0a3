"""One event in a hundred is poison: it goes to the DLQ with its cause, and the others go on."""

from __future__ import annotations

from collections import Counter

import pytest

from hub.engine.dlq.deadletter import read_dead_letter
from hub.kafka import names
from tests.chaos.load import Message, headers, plain
from tests.chaos.scale import record, scaled
from tests.chaos.scene import comes_through, scene
from tests.chaos.waiting import until
from tests.integration.engine import records

pytestmark = pytest.mark.timeout(scaled(600, 1800))
KINDS = ("json", "utf8", "schema", "headers")
CAUSES = {
    "json": ("contract", "JSON"),
    "utf8": ("contract", "no UTF-8"),
    "schema": ("contract", "text"),
    "headers": ("parse", "attribute 'id'"),
}
CONTRACT = """
events:
  chaos.event:
    topic: {name}.in
    mode: {{ produce: trust, consume: enforce }}
    schema: {{ type: object, required: [n], properties: {{ n: {{ type: integer }}, text: {{ type: string }} }} }}
"""


def poison(number: int) -> str | None:
    """Which kind of poison the event of a number is."""
    return KINDS[number // 100 % len(KINDS)] if number % 100 == 7 else None


def sometimes(number: int, key: bytes) -> Message:
    """An event, or poison that still tells its number to whoever knows where it stands."""
    kind, whole = poison(number), plain(number, key)
    if kind is None:
        return whole
    value = {
        "json": whole[1][:-2],
        "utf8": whole[1][:-6] + b'\xff\xfe"}',
        "schema": b'{"n":%d,"at":1,"text":5}' % number,
        "headers": whole[1],
    }[kind]
    left = [each for each in headers(number, key) if kind != "headers" or each[0] != "ce_id"]
    return key, value, left


async def test_poison_of_every_kind_is_dead_lettered_and_nothing_else_is(kafka, unique, tmp_path):
    """As many dead letters as were put in, each with its cause, also when a worker is killed amidst them."""
    dlq = names.dlq(unique, "first")
    outputs = ("out", "copy", "first.dlq")
    more = CONTRACT.format(name=unique)
    async with scene(
        kafka,
        unique,
        tmp_path,
        rate=scaled(2000, 3000),
        limit=scaled(8000, 200_000),
        make=sometimes,
        outputs=outputs,
        more=more,
    ) as it:
        worker = await it.add()
        await until(lambda: it.watch.count(f"{unique}.out") > 1000, "an output")
        worker.process.kill()
        await it.add()
        await it.loading
        outcome = await it.outcome(
            lambda number: comes_through(number) and poison(number) is None,
            {dlq: lambda number: poison(number) is not None},
        )
    found, wrong = Counter[str](), list[str]()
    for each in await records(kafka, dlq):
        letter = read_dead_letter(each.headers)
        kind = poison(int(each.value[5 : each.value.index(b",")]))
        stage, word = CAUSES[str(kind)]
        found[str(kind)] += 1
        if letter.stage != stage or word not in letter.cause:
            wrong.append(f"{kind}: {letter.stage}: {letter.cause}")
    injected = outcome.verdicts["first.dlq"].expected
    figures = {"faults": injected, "kinds": found, "wrong_causes": len(wrong)}
    record("poison", {"fault": "poison among 99 sound events", **figures, **outcome.to_json()})
    assert outcome.clean, f"{outcome}\n{it.logs()}"
    assert not wrong, wrong[:5]
    assert set(found) == set(KINDS)
    assert sum(found.values()) == injected
