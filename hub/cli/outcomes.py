"""What came of a replay or discard, as it is told to people and to programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hub.cli.moment import clock
from hub.cli.output import console, plural, print_json
from hub.engine.dlq.wayback import Outcome, Refusal

EXAMPLES = 3
"""Of those that were left for one reason, so many are named."""


def say(outcomes: Iterable[Outcome], verb: str, *, dry_run: bool, json: bool) -> None:
    """Tells of each unit what was done and what had to be left.

    Args:
        outcomes: of a replay or discard; with ``dry_run`` of its rehearsal.
        verb: ``replay`` or ``discard``.
        dry_run: whether nothing was done.
        json: whether to print a document for programs.
    """
    touched = [each for each in outcomes if each.resolved or each.refusals]
    if json:
        print_json({"dry_run": dry_run, "units": [_outcome_json(each, verb) for each in touched]})
        return
    out = console()
    if not touched:
        out.print(f"nothing to {verb}")
    hint = f"Without --dry-run this {verb}s them." if dry_run and any(each.resolved for each in touched) else ""
    for outcome in touched:
        # One unit and its hint are one line.
        ending = f". {hint}" if hint and len(touched) == 1 else ""
        out.print(_sentence(outcome, verb, dry_run=dry_run) + ending)
        for why, refusals in _grouped(outcome.refusals).items():
            out.print(f"left {len(refusals):,}: {_WHY[why]}", style="yellow")
            for refusal in refusals[:EXAMPLES]:
                out.print(f"  {refusal.place}  {refusal.text}", style="dim")
    if hint and len(touched) > 1:
        out.print(hint)


def _sentence(outcome: Outcome, verb: str, *, dry_run: bool) -> str:
    unit = f"{outcome.kind} {outcome.unit}"
    done = "" if dry_run else f"{_DONE[verb]} "
    if not outcome.resolved:
        return f"{unit}: {done}nothing"
    keys = f" of {plural(len(outcome.keys), 'key')}" if outcome.keys else ""
    oldest = f", oldest {clock(outcome.oldest)}" if outcome.oldest else ""
    if verb == "discard":
        ending = f"of {unit}"
    elif outcome.kind == "source":
        ending = f"to the topics of {unit}"
    else:
        ending = f"to {unit} only"
    return f"{done}{plural(outcome.resolved, 'event')}{keys}{oldest}, {ending}"


_DONE = {"replay": "replayed", "discard": "discarded"}
_WHY = {
    "looping": "replayed so often that it would go round for ever; --force replays them all the same",
    "too_large": "too large for the topic that leads back; raise its max.message.bytes and replay again",
    "no_way": "there is no way back",
    "out_of_order": "an earlier one of the same key stays behind; the sink keeps the order of its keys",
}


def _grouped(refusals: Sequence[Refusal]) -> dict[str, list[Refusal]]:
    found: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        found.setdefault(refusal.why, []).append(refusal)
    return found


def _outcome_json(outcome: Outcome, verb: str) -> dict[str, Any]:
    return {
        "unit": outcome.unit,
        "kind": outcome.kind,
        _DONE[verb]: outcome.resolved,
        "keys": len(outcome.keys),
        "oldest": outcome.oldest,
        "left": [{"place": str(each.place), "why": each.why, "text": each.text} for each in outcome.refusals],
    }
