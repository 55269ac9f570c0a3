"""The gate that a unit holds its events against: what it counts, and what it forgets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.contracts import Contract, ContractViolation, Mode
from hub.engine.contracts import ContractGate
from hub.sdk import Event

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def contract(produce: Mode = Mode.ENFORCE, schema: Any = SCHEMA, **modes: Mode) -> dict[str, Contract]:
    return {"made": Contract("made", schema, "hub.yaml:3:3", produce=produce, **modes)}


def made(data: Any, **attributes: Any) -> Event:
    return Event(type="made", source="/x", id="1", data=data, **attributes)


def test_there_is_no_gate_where_all_is_trusted() -> None:
    """So that a unit has nothing to ask per event."""
    assert ContractGate.of("u", contract(Mode.TRUST)) is None
    assert ContractGate.of("u", {}) is None
    assert ContractGate.of("u", contract(Mode.TRUST, consume=Mode.WARN)) is not None


def test_directions_are_kept_apart() -> None:
    """What is enforced where it is made is not looked at where it is read."""
    gate = ContractGate("u", contract())
    gate.consumed(made({"n": "x"}))
    gate.produced(made({"n": 1}))
    with pytest.raises(ContractViolation) as caught:
        gate.produced(made({"n": "secret"}))
    assert str(caught.value) == "/n: expected integer, got string (contract of made)"
    (status,) = gate.statuses()
    assert (status.checked, status.violations) == (2, {"produce": 1})


def test_other_types_pass() -> None:
    """An event without a contract is nobody's business."""
    ContractGate("u", contract()).produced(Event(type="other", source="/x", data={"n": "x"}))


def test_python_s_own_values_count_as_what_travels() -> None:
    """A connector may hand over a time, which is text on the wire, or a number as a key."""
    gate = ContractGate("u", contract(schema={"properties": {"at": {"type": "string", "format": "date-time"}}}))
    gate.produced(made({"at": datetime(2026, 11, 21, tzinfo=UTC)}))
    with pytest.raises(ContractViolation, match="/at: expected string, got integer"):
        gate.produced(made({"at": 1, "also": datetime(2026, 11, 21, tzinfo=UTC)}))


def test_data_that_are_text_or_bytes_have_a_type_too() -> None:
    """Of an event that isn't JSON by its content type."""
    gate = ContractGate("u", contract())
    with pytest.raises(ContractViolation, match="/: expected object, got string"):
        gate.produced(made("plain", datacontenttype="text/plain"))
    with pytest.raises(ContractViolation, match="/: expected JSON, got bytes"):
        gate.produced(made(b"\xff", datacontenttype="application/octet-stream"))


def test_a_report_stays_small() -> None:
    """Of new fields it names fifty over all types, and counts the others; of contracts, those that matter."""
    contracts = contract(Mode.EVOLVE) | {
        "fine": Contract("fine", SCHEMA),
        "more": Contract("more", SCHEMA, produce=Mode.EVOLVE),
    }
    gate = ContractGate("u", contracts)
    gate.produced(made({f"a{n}": 1 for n in range(45)}))
    gate.produced(Event(type="more", source="/x", data={f"b{n}": 1 for n in range(300)}))
    gate.produced(Event(type="fine", source="/x", data={"n": 1}))
    assert [(each.type, len(each.new_fields), each.more_fields) for each in gate.notable()] == [
        ("made", 45, 0),
        ("more", 5, 295),
    ]
    assert [(each.type, len(each.new_fields), each.more_fields) for each in gate.statuses()] == [
        ("fine", 0, 0),
        ("made", 45, 0),
        ("more", 200, 100),
    ]


def test_a_contract_that_learned_the_new_fields_has_none() -> None:
    """After a reload; one whose schema stayed the same keeps them, and counts go on."""
    gate = ContractGate("u", contract(Mode.EVOLVE))
    gate.produced(made({"new": 1}))
    gate.follow(contract(Mode.EVOLVE, schema=dict(SCHEMA)))
    assert [each.path for each in gate.statuses()[0].new_fields] == ["/new"]
    gate.follow(contract(Mode.EVOLVE, schema={"properties": {"new": {}}}))
    gate.produced(made({"new": 1}))
    (status,) = gate.statuses()
    assert (status.checked, status.new_fields) == (2, ())
    gate.follow({})
    gate.produced(made({"newer": 1}))
    assert gate.statuses()[0].checked == 2


def test_new_fields_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """By name and type."""
    gate = ContractGate("u", contract(Mode.EVOLVE))
    with caplog.at_level("INFO"):
        gate.produced(made({"new": "secret"}))
        gate.produced(made({"new": "secret"}))
    (line,) = [each.getMessage() for each in caplog.records]
    assert line == "u: made has fields that its contract hub.yaml:3:3 doesn't know: /new (string)"
