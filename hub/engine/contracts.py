"""Contracts at work: every event that a unit makes or takes in is held against the contract of its type, by its mode.

A gate is asked for each event; what nothing is to be checked for costs one look into a dictionary.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from hub.contracts import Contract, ContractViolation, Direction, Mode, Violation
from hub.contracts.drift import Drift, NewField, Novelty
from hub.contracts.violation import json_type
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event

STAGE = "contract"
"""Stage of the dead letters of events that break their contract."""
PARSE = "parse"
"""Stage of the dead letters of events whose payload can't be read."""
LOG_EVERY = 10.0
"""Seconds between two lines of the log about violations of one contract in one direction."""
_NAMED = 5  # new fields that a line of the log names
_REPORTED = 50  # new fields that a unit's status holds


def stage_of(error: Exception) -> str:
    """The stage at which an event was turned away on its way to Kafka."""
    return STAGE if isinstance(error, ContractViolation) else PARSE


class ContractStatus(BaseModel):
    """What a unit has seen of one contract.

    Attributes:
        type: event type.
        produce, consume: modes.
        checked: events that were looked at.
        violations: events that broke it, by direction.
        new_fields: fields that it doesn't know, by path.
        more_fields: how many there are beside these.
    """

    model_config = ConfigDict(frozen=True)

    type: str
    produce: Mode
    consume: Mode
    checked: int = 0
    violations: dict[Direction, int] = {}
    new_fields: tuple[NewField, ...] = ()
    more_fields: int = 0


class ContractGate:
    """A unit's contracts.

    Args:
        unit: the unit's name.
        contracts: of the deployment, by event type.
    """

    def __init__(self, unit: str, contracts: Mapping[str, Contract]) -> None:
        self._log = logging.getLogger(f"hub.unit.{unit}")
        self._unit = unit
        self._checked: Counter[str] = Counter()
        self._violations: Counter[tuple[str, Direction]] = Counter()
        self._drifts: dict[str, Drift] = {}
        self._quiet_until: dict[tuple[str, Direction], float] = {}
        self._unsaid: Counter[tuple[str, Direction]] = Counter()
        self._produce: dict[str, Contract] = {}
        self._consume: dict[str, Contract] = {}
        self.follow(contracts)

    @classmethod
    def of(cls, unit: str, contracts: Mapping[str, Contract]) -> ContractGate | None:
        """The gate of a unit; None where all is trusted."""
        gate = cls(unit, contracts)
        return gate if gate._produce or gate._consume else None

    def follow(self, contracts: Mapping[str, Contract]) -> None:
        """From now on these contracts count; what was counted stays, but for new fields that a contract now knows."""
        produce = {name: each for name, each in contracts.items() if each.produce.checks}
        consume = {name: each for name, each in contracts.items() if each.consume.checks}
        for name in list(self._drifts):
            before = self._produce.get(name) or self._consume.get(name)
            if before is None or not before.same_schema(contracts.get(name)):
                del self._drifts[name]
        self._produce, self._consume = produce, consume

    @property
    def consumes(self) -> bool:
        """Whether anything is checked that the unit reads."""
        return bool(self._consume)

    def produced(self, event: Event) -> None:
        """Checks an event that the unit is about to publish.

        Raises:
            ContractViolation: it breaks its contract, and that is enforced.
            InvalidSchema: the contract itself can't be used.
        """
        contract = self._produce.get(event.type)
        if contract is not None:
            self._check(contract, "produce", event)

    def consumed(self, event: Event) -> None:
        """Checks an event that the unit has read; otherwise as `produced`."""
        contract = self._consume.get(event.type)
        if contract is not None:
            self._check(contract, "consume", event)

    def statuses(self) -> list[ContractStatus]:
        """What was seen of each contract that an event came for, by event type."""
        return [self._status(name) for name in sorted(self._checked)]

    def notable(self) -> list[ContractStatus]:
        """The same of those that events broke or outgrew, with 50 new fields at most: small enough to be reported."""
        room = _REPORTED
        found: list[ContractStatus] = []
        broken = {name for name, _ in self._violations}
        for name in sorted(broken | self._drifts.keys()):
            status = self._status(name, room)
            room -= len(status.new_fields)
            found.append(status)
        return found

    def _status(self, name: str, room: int | None = None) -> ContractStatus:
        produce, consume = self._produce.get(name), self._consume.get(name)
        drift = self._drifts.get(name)
        fields = drift.fields if drift else []
        shown = fields if room is None else fields[:room]
        return ContractStatus(
            type=name,
            produce=produce.produce if produce else Mode.TRUST,
            consume=consume.consume if consume else Mode.TRUST,
            checked=self._checked[name],
            violations={way: number for (each, way), number in sorted(self._violations.items()) if each == name},
            new_fields=tuple(shown),
            more_fields=len(fields) - len(shown) + (drift.more if drift else 0),
        )

    def _check(self, contract: Contract, direction: Direction, event: Event) -> None:
        if event.raw is None:
            return  # a tombstone says that something is gone: there are no data to check
        mode = contract.mode(direction)
        self._checked[event.type] += 1
        violations, novelties = _examined(contract, mode, event)
        if novelties:
            self._drifted(contract, novelties)
        if not violations:
            return
        self._violations[event.type, direction] += 1
        error = ContractViolation(event.type, violations)
        if mode is not Mode.WARN:
            raise error
        self._warn(event, direction, error)

    def _drifted(self, contract: Contract, novelties: Sequence[Novelty]) -> None:
        drift = self._drifts.setdefault(contract.event_type, Drift())
        fresh = drift.note(novelties)
        if fresh:
            shown = ", ".join(f"{each.path} ({each.type})" for each in fresh[:_NAMED])
            more = f" and {len(fresh) - _NAMED} more" if len(fresh) > _NAMED else ""
            text = "%s: %s has fields that its contract %s doesn't know: %s%s"
            self._log.info(text, self._unit, contract.event_type, contract.origin, shown, more)

    def _warn(self, event: Event, direction: Direction, error: ContractViolation) -> None:
        """Logs a violation, unless one of the same contract was logged just now; those are counted."""
        key = event.type, direction
        now = time.monotonic()
        if now < self._quiet_until.get(key, 0.0):
            self._unsaid[key] += 1
            return
        self._quiet_until[key] = now + LOG_EVERY
        unsaid = self._unsaid.pop(key, 0)
        since = f"; {unsaid} more since the last line" if unsaid else ""
        self._log.warning("%s: an event breaks its contract: %s, id %s%s", self._unit, error, event.id, since)


def _examined(contract: Contract, mode: Mode, event: Event) -> tuple[list[Violation], list[Novelty]]:
    try:
        data = event.data
    except InvalidEvent as error:
        return [Violation("", str(error))], []
    try:
        return _compared(contract, mode, data)
    except (ValueError, TypeError, OverflowError):
        # Python's own values, as a connector may hand them over (a time, a number as key): what travels counts.
        pass
    try:
        return _compared(contract, mode, orjson.loads(event.raw or b""))
    except ValueError:
        return [Violation("", f"expected JSON, got {json_type(data)}")], []


def _compared(contract: Contract, mode: Mode, data: Any) -> tuple[list[Violation], list[Novelty]]:
    return (contract.check(data), []) if mode is Mode.ENFORCE else contract.drift(data)
