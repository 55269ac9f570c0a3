"""The tables of ``docs/connectors.md``: what each connector was held against, made of the kept results alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.sdk import Connector, ConsumingSource, Lookup, PollingSource, Sink, WebhookSource
from hub.testing.conformance.results import FILE, PASSED, Result, read
from hub.testing.conformance.unit import NOT_APPLICABLE

BEGIN = "<!-- conformance: made by `make conformance` of the connectors' results; don't edit -->"
END = "<!-- /conformance -->"

_FAULTS = {
    "connections refused, reset": ("refused", "reset", "reset_done"),
    "timeouts": ("timeout", "timeout_done", "stalled"),
    "429": ("throttled", "throttled_until"),
    "5xx": ("error", "unavailable"),
    "truncated, malformed": ("truncated", "garbage", "malformed", "login_page", "alien"),
    "TLS": ("handshake", "certificate"),
}
"""Column → faults."""
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "settings": ("bad_settings_are_rejected",),
    "events": (
        "events_are_as_declared",
        "a_genuine_request_becomes_events",
        "two_deliveries_are_two_events",
        "an_unreadable_payload_is_not_lost",
        "an_unreadable_message_is_not_lost",
        "every_message_is_received_once",
    ),
    "answers": ("answers_are_as_declared", "each_key_has_its_answer", "a_refused_key_fails_alone"),
    "forged requests": ("a_forged_request_is_refused", "a_strange_request_is_refused_or_taken"),
    "no gap, no repeat": (
        "every_record_is_read_once",
        "no_gap_and_no_repeat_after_a_kill_at_any_batch",
        "no_gap_and_no_repeat_after_a_kill_in_any_life",
        "no_gap_and_no_repeat_after_a_kill_in_a_request",
    ),
    "at least once": (
        "what_it_says_is_written_has_arrived",
        "a_refused_delivery_fails_alone",
        "order_of_a_key_is_kept",
        "a_cancelled_call_leaves_it_usable",
        "what_isn_t_acknowledged_comes_again",
        "what_is_acknowledged_is_gone",
        "halting_gives_what_was_pushed",
    ),
    **{column: tuple(f"*[{each}]" for each in faults) for column, faults in _FAULTS.items()},
    "back-pressure": (
        "it_reads_no_further_than_it_is_asked",
        "it_waits_until_the_far_side_has_them",
        "it_takes_no_more_than_it_may_hold",
        "it_doesn_t_wait",
    ),
    "memory": ("memory_is_bounded", "an_endless_answer_is_cut_off"),
    "secrets": ("no_secret_is_shown",),
    "client's errors": ("every_vendor_exception_is_a_signal",),
    "leaves nothing": ("nothing_is_left_running",),
}
"""Column → checks; ``*`` stands for any check, of a fault."""
_ORDER = ("polling source", "webhook source", "consuming source", "sink", "look-up")
_KINDS: Mapping[type[Any], str] = {
    PollingSource: "polling source",
    WebhookSource: "webhook source",
    ConsumingSource: "consuming source",
    Sink: "sink",
    Lookup: "look-up",
}
_HEADINGS = {
    "polling source": "Sources that poll",
    "webhook source": "Sources that are called",
    "consuming source": "Sources that are pushed to",
    "sink": "Sinks",
    "look-up": "Look-ups",
}


def column_of(check: str) -> str | None:
    """The column that a check counts for; None where it has none."""
    for column, names in _COLUMNS.items():
        for name in names:
            if name == check or (name.startswith("*[") and check.endswith(name[1:])):
                return column
    return None


def tables(results: Iterable[Result]) -> str:
    """The tables, as Markdown."""
    by_suite: defaultdict[str, defaultdict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for each in results:
        by_suite[each.suite][each.use].append(each)
    order = [*_ORDER, *sorted(by_suite.keys() - set(_ORDER))]
    return "\n\n".join(_table(suite, by_suite[suite]) for suite in order if suite in by_suite)


def _table(suite: str, units: Mapping[str, Sequence[Result]]) -> str:
    cells = {use: _cells(results) for use, results in sorted(units.items())}
    columns = [column for column in _COLUMNS if any(column in each for each in cells.values())]
    lines = [
        f"**{_HEADINGS.get(suite, suite)}**",
        "",
        f"| use | {' | '.join(columns)} |",
        f"| --- |{' :-: |' * len(columns)}",
        *(
            f"| `{use}` | {' | '.join(_mark(found.get(column, [])) for column in columns)} |"
            for use, found in cells.items()
        ),
    ]
    if notes := _notes(units):
        lines += ["", *notes]
    return "\n".join(lines)


def _cells(results: Sequence[Result]) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for result in results:
        for check, outcome in result.checks.items():
            found[column_of(check) or "other"].append(outcome)
    return dict(found)


def _mark(outcomes: Sequence[str]) -> str:
    """✓ if all passed, with · where some have no meaning for the unit; - where none has, ✗ if one failed."""
    passed = [each == PASSED for each in outcomes]
    applicable = [each for each in outcomes if not each.startswith(NOT_APPLICABLE)]
    if not outcomes or not applicable:
        return "-"
    if not all(each == PASSED for each in applicable):
        return "✗"
    return "✓" if all(passed) else "✓·"


def _notes(units: Mapping[str, Sequence[Result]]) -> list[str]:
    """Why checks have no meaning for units."""
    reasons: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for use, results in sorted(units.items()):
        for result in results:
            for check, outcome in sorted(result.checks.items()):
                if outcome.startswith(NOT_APPLICABLE):
                    named = re.sub(r".*\[(.*)\]", r"\1", check).replace("_", " ")
                    reasons[outcome.removeprefix(NOT_APPLICABLE)][named].append(use)
    notes = []
    for reason, checks in sorted(reasons.items()):
        uses = sorted({use for each in checks.values() for use in each})
        named = ", ".join(f"“{each}”" for each in sorted(checks))
        notes.append(f"- {', '.join(f'`{use}`' for use in uses)} without {named}: {reason}.")
    return notes


def results_below(folder: Path) -> list[Result]:
    """All results that are kept in the folders of a folder."""
    return [result for path in sorted(folder.glob(f"*/{FILE}")) for result in read(path).values()]


def untested(connectors: Iterable[Connector], results: Iterable[Result]) -> list[str]:
    """Units of connectors that have no results: what they are, and their use."""
    known = {(each.suite, each.use) for each in results}
    found = []
    for connector in connectors:
        units = {**_offered("source", connector.sources), **_offered("sink", connector.sinks)}
        units |= _offered("look-up", connector.lookups)
        for (what, kind), cls in units.items():
            use = f"{connector.name}.{kind}" if kind else connector.name
            if (suite_of(cls), use) not in known:
                found.append(f"{what} `{use}`")
    return found


def suite_of(cls: type[Any]) -> str:
    """The name of the suite of a source's, sink's or look-up's class."""
    return next((name for kind, name in _KINDS.items() if issubclass(cls, kind)), "")


def _offered(what: str, units: Mapping[str, type[Any]]) -> dict[tuple[str, str], type[Any]]:
    return {(what, kind): cls for kind, cls in units.items()}


def with_tables(document: str, results: Iterable[Result], connectors: Iterable[Connector] = ()) -> str:
    """A document with its tables made anew, between the markers.

    Args:
        document: as it is.
        results: what is kept.
        connectors: what there is, so that what has no results is named.

    Raises:
        ValueError: it has no markers.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {BEGIN} and {END}")
    results = list(results)
    parts = [tables(results)]
    if missing := untested(connectors, results):
        parts.append(f"Not held against their suite yet: {', '.join(missing)}.")
    made = "\n\n".join(each for each in parts if each)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"
