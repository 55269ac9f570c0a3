"""Whether what a schema file says of how a source reads fits the source."""

from __future__ import annotations

from typing import Any

from hub.deployment.finding import Findings
from hub.deployment.specs import SourceSpec
from hub.sdk import ConfigError, IncrementalSource, Permanent, PollingSource, Values
from hub.sdk.incremental import TIMES


def check_reading(unit: SourceSpec, findings: Findings) -> None:
    """Notes options under ``cursor:`` that the source has no use for, or that don't fit its cursor values."""
    given = [name for name in unit.section.cursor.model_fields_set if getattr(unit.section.cursor, name) is not None]
    if not issubclass(unit.cls, PollingSource):
        if "cursor" in unit.section.model_fields_set:
            span, _ = unit.entry.place.find(("cursor",))
            findings.error(
                "source.cursor", f"source `{unit.name}` doesn't poll, so it has no cursor", span, "leave it out"
            )
        return
    for name in sorted(given):
        problem, advice = _problem(unit, name)
        if problem:
            span, _ = unit.entry.place.find(("cursor", name))
            findings.error("source.cursor", problem, span, advice)


def _problem(unit: SourceSpec, name: str) -> tuple[str, str]:
    """What is wrong with an option, and what to do; empty if nothing is."""
    incremental = issubclass(unit.cls, IncrementalSource)
    if name == "remember":
        text = f"`{unit.use}` reads again what it has read, and can't tell it without remembering"
        return (text, "leave it out") if incremental and not unit.section.cursor.remember else ("", "")
    if not incremental:
        text = f"`{unit.use}` keeps its place in a way of its own, so that `{name}` says nothing to it"
        return text, "leave it out; `remember` is what it takes"
    return _misfit(unit, name)


def _misfit(unit: SourceSpec, name: str) -> tuple[str, str]:
    """The same of an option that must fit the source's cursor values."""
    values = _values(unit.cls)
    if values is None:
        return "", ""  # its settings decide; it is said when the source starts
    value = getattr(unit.section.cursor, name)
    try:
        if name == "start":
            values.rank(value)
        else:
            values.check(name, value)
    except Permanent as refusal:
        return f"`start` is no cursor value of `{unit.use}`: {refusal}", "write it as the far side does"
    except ConfigError as refusal:
        return str(refusal), ""
    return "", ""


def _values(cls: type[Any]) -> Values | None:
    if cls.values is IncrementalSource.values:
        return TIMES
    found: object = cls.values
    return found if isinstance(found, Values) else None
