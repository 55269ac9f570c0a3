"""How ``hub schemas`` shows what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.output import plural, printable, table

if TYPE_CHECKING:
    from rich.console import Console

    from hub.workbench.evolution import Breakage, Comparison
    from hub.workbench.subjects import Published, Pulled, Subject, Taken


class Naming(StrEnum):
    """What subjects in a registry are called."""

    TYPE = "type"
    TOPIC = "topic"


def show(found: Sequence[Comparison], broken: Sequence[Breakage], out: Console) -> None:
    """Comparisons of schemas, and what they break."""
    for each in found:
        if each.incompatibilities:
            out.print(printable(each.name), style="bold", end="")
            out.print(f"  {each.status}, incompatible", style="red")
            rows = [(f"  {one.path or '/'}", f"{one.direction}: {one.reason}") for one in each.incompatibilities]
            listed = table(("path", "reason"), rows)
            listed.show_header = False
            out.print(listed)
    if broken:
        from hub.cli.findings import render  # noqa: PLC0415  needed where something breaks

        out.print("breaks", style="bold")
        last = None
        for breakage in broken:
            if (breakage.kind, breakage.unit) != last:
                out.print(f"  {breakage.kind or 'elsewhere'} {breakage.unit}".rstrip())
            last = breakage.kind, breakage.unit
            for line in render(breakage.finding, out.width - 4):
                out.print("    ", line, sep="", no_wrap=True, crop=False, overflow="ignore")
    out.print(_summary(found, broken), style=None if broken or any(e.incompatibilities for e in found) else "green")


def _summary(found: Sequence[Comparison], broken: Sequence[Breakage]) -> str:
    bad = sum(1 for each in found if each.incompatibilities)
    changed = sum(1 for each in found if each.status != "same")
    parts = [f"{plural(len(found), 'schema')}: {changed} changed, {bad} incompatible"]
    units = {(each.kind, each.unit) for each in broken if each.kind}
    counts = {kind: sum(1 for each, _ in units if each == kind) for kind in ("source", "route", "sink")}
    parts += [f"breaks {plural(number, kind)}" for kind, number in counts.items() if number]
    return " · ".join(parts)


def show_published(results: Sequence[Published], out: Console, *, dry_run: bool) -> None:
    """What became of contracts that were sent to the registry."""
    rows = []
    for each in results:
        version = "" if each.version is None else str(each.version)
        rows.append((each.subject, version, each.refusal or ("would be new" if dry_run and each.new else each.outcome)))
    if not rows:
        out.print("this deployment declares no contracts of its own; --all takes those of connectors")
        return
    out.print(table(("subject", "version", "outcome"), rows, right=("version",)))


def show_pulled(results: Sequence[Pulled], out: Console) -> None:
    """What was taken from the registry."""
    if not results:
        out.print("no event of this deployment takes its schema from a registry")
        return
    rows = [(each.event_type, _other(each), str(each.version), each.change) for each in results]
    out.print(table(("event type", "subject", "version", ""), rows, right=("version",)))


def show_subjects(results: Iterable[Subject], out: Console) -> None:
    """What the registry has."""
    rows = [(each.name, str(len(each.versions)), str(max(each.versions, default=0))) for each in results]
    out.print(table(("subject", "versions", "newest"), rows, right=("versions", "newest")))


def show_taken(results: Sequence[Taken], out: Console) -> None:
    """What a deployment takes from the registry."""
    if not results:
        out.print("no event of this deployment takes its schema from a registry")
        return
    rows = [
        (each.event_type, _other(each), str(each.wanted), str(each.locked or "not pulled"), each.remark)
        for each in results
    ]
    out.print(table(("event type", "subject", "wanted", "locked", ""), rows))


def _other(each: Pulled | Taken) -> str:
    """The subject, where it isn't called as the event type is."""
    return "·" if each.subject == each.event_type else each.subject


def show_written(written: Sequence[Path], to: Path, out: Console) -> None:
    """What an export has written."""
    for each in written:
        out.print(printable(str(each)))
    out.print(f"{plural(len(written), 'file')} in {to}", style="green")
