"""The way of an event as it is told to people: a tree, a line for each hop."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from hub.cli.explanations import told
from hub.cli.moment import clock
from hub.cli.output import plural, printable
from hub.deployment import Deployment, RouteSpec
from hub.sdk.event import Event
from hub.workbench.explanation import Explainer
from hub.workbench.journey.hop import Hop, Outcome
from hub.workbench.journey.journey import Journey
from hub.workbench.journey.kinship import Judgement
from hub.workbench.journey.window import Window

TREES = 5
"""Times that an event was published which are shown, where not all are asked for."""
BRANCHES = 12
"""Hops beside each other that are shown likewise."""

_STYLES = {
    Outcome.DELIVERED: "green",
    Outcome.ANSWERED: "green",
    Outcome.FILTERED: "yellow",
    Outcome.DEAD_LETTERED: "red",
    Outcome.RETRYING: "magenta",
    Outcome.IN_FLIGHT: "magenta",
    Outcome.NOT_READ: "dim",
    Outcome.UNKNOWN: "yellow",
}
_NAMELESS = {
    Outcome.RECEIVED: "event",
    Outcome.ANSWERED: "reply",
    Outcome.REPLAYED: "replay",
    Outcome.DISCARDED: "operator",
}
_STATE = max(len(outcome) for outcome in Outcome)
_NARROWEST = 24  # columns that a text has at least


class Judging:
    """Asks routes again why they kept an event out, as they are in the deployment's files now.

    Args:
        deployment: whose routes.
        environ: what their expressions read of the environment.
        values: whether to tell values.
    """

    def __init__(self, deployment: Deployment, environ: Mapping[str, str], *, values: bool) -> None:
        self._explainer = Explainer(deployment, environ)
        self._values = values

    def __call__(self, spec: RouteSpec, event: Event) -> Judgement:
        """What the route makes of an event."""
        found = self._explainer.route(spec, event)
        if found.outcome == "filtered":
            return Judgement(filtered=True, text=told(found, values=self._values))
        text = f"as the route is now it would fail: {found.error}" if found.outcome == "failed" else ""
        return Judgement(filtered=False, text=text, ids=tuple(made.event.id for made in found.made))


def show(out: Console, journey: Journey, wanted: str, *, full: bool) -> None:
    """All trees, and where was looked."""
    hops = journey.hops if full else journey.hops[:TREES]
    rows = [row for hop in hops for row in _rows(hop, "", "", full=full)]
    width = max(len(head) for head, _, _ in rows)
    for head, below, hop in rows:
        _print(out, head, below, hop, width, wanted)
    if len(hops) < len(journey.hops):
        out.print(f"published {plural(len(journey.hops) - len(hops), 'time')} more; --full shows all", style="dim")
    if journey.cut:
        out.print("there are more records of this event than can be told", style="yellow")
    searched = journey.searched
    out.print(f"{_looked(journey)} since {clock(searched.since)} · {searched.seconds:.1f} s", style="dim")


def _looked(journey: Journey) -> str:
    searched = journey.searched
    return f"read {plural(searched.records, 'record')} of {plural(len(searched.topics), 'topic')}"


def tell_searched(out: Console, journey: Journey, wanted: str, window: Window) -> None:
    """That nothing was found, and where."""
    until = clock(window.until) if window.until else "now"
    out.print(
        f"no event {printable(wanted)} from {clock(window.since)} to {until}: {_looked(journey)} in "
        f"{journey.searched.seconds:.1f} s. --window looks further back, --at around a time; retention may have "
        "deleted it",
        style="yellow",
        soft_wrap=True,
    )


def _rows(hop: Hop, first: str, below: str, *, full: bool) -> Iterator[tuple[str, str, Hop]]:
    """Each hop with what stands before it, in its first line and in those below."""
    name = " ".join(filter(None, (hop.kind, hop.unit))) or _NAMELESS.get(hop.outcome, "")
    yield f"{first}{name}".rstrip(), below, hop
    hops = hop.hops if full else hop.hops[:BRANCHES]
    for index, each in enumerate(hops):
        last = index == len(hops) - 1 and len(hops) == len(hop.hops)
        yield from _rows(each, f"{below}{'└' if last else '├'} ", f"{below}{' ' if last else '│'} ", full=full)
    if len(hops) < len(hop.hops):
        more = Hop("", "", Outcome.UNKNOWN, f"{len(hop.hops) - len(hops):,} more; --full shows them")
        yield f"{below}└ …", f"{below}  ", more


def _print(out: Console, head: str, below: str, hop: Hop, width: int, wanted: str) -> None:
    style = "bold" if hop.id == wanted else ""
    room = max(_NARROWEST, out.width - width - _STATE - 5)
    place = str(hop.place) if hop.place else ""
    at = _time(hop.at) if hop.at else ""
    lines = textwrap.wrap(printable(hop.detail), room) if hop.detail else []
    line = Text.assemble(
        " ", (f"{head:<{width}}", style), "  ", (f"{hop.outcome:<{_STATE}}", _STYLES.get(hop.outcome, ""))
    )
    if place or at:
        line.append("  ").append(f"{place:<{max(0, room - len(at) - 2)}}", "cyan").append(f"  {at}", "dim")
    elif lines:
        line.append(f"  {lines.pop(0)}")
    line.rstrip()
    out.print(line, soft_wrap=True)
    for text in lines:
        out.print(Text(f" {below:<{width}}  {'':<{_STATE}}  {text}"), soft_wrap=True)


def _time(at: datetime) -> str:
    local, now = at.astimezone(), datetime.now(UTC).astimezone()
    if local.date() != now.date():
        return f"{local:%Y-%m-%d %H:%M:%S}"
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
