"""The lineage of a field as a tree for terminals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

from hub.workbench.graph.terminal import SEEN, cut
from hub.workbench.graph.wrapping import wrapped
from hub.workbench.lineage.model import Field, Lineage, Origin, Place, Step, Use, Via

_LINES = 3
"""Lines of an expression that are shown at most."""
_HOW = {"copies": "", "computes": "computed", "decides": "decides"}
DYNAMIC = "which field it reads is computed, so it may be another one"


@dataclass
class _Item:
    """A line of the tree, lines that belong to it, and what stands below."""

    parts: list[tuple[str, str]]
    more: list[str] = field(default_factory=list)
    below: list[_Item] = field(default_factory=list)


def lineage_tree(lineage: Lineage, width: int = 100) -> Iterator[Text]:
    """The lines of a field's lineage, none wider than ``width`` columns."""
    place = lineage.place
    yield _line("", [(place.name, "bold yellow"), *_of(place)], width)
    for heading, items in (("comes from", _back(lineage.back)), ("goes to", _forth(lineage.forth))):
        yield Text()
        yield Text(heading, "bold")
        yield from _lines(items or [_Item([("nothing reads it", "dim")])], "", width)


def _lines(items: Sequence[_Item], indent: str, width: int) -> Iterator[Text]:
    for index, item in enumerate(items):
        last = index == len(items) - 1
        yield _line(indent + ("└─ " if last else "├─ "), item.parts, width)
        inner = indent + ("   " if last else "│  ")
        for text in item.more:
            lead = inner + ("│ " if item.below else "  ")
            for line in wrapped(text, width - cell_len(lead), _LINES):
                yield Text.assemble((lead, "dim"), (line, "dim"))
        yield from _lines(item.below, inner, width)


def _line(lead: str, parts: Sequence[tuple[str, str]], width: int) -> Text:
    line = Text(lead, "dim")
    for text, style in parts:
        room = width - line.cell_len
        if room > 1:
            line.append(cut(text, room), style)
    return line


def _back(found: Field) -> list[_Item]:
    items: dict[Via, _Item] = {}
    for step in found.steps:
        item = items.setdefault(step.via, _Item(_via(step.via), _more(step.via)))
        item.below.append(_field(step.field, _back(step.field)))
    return [*items.values(), *(_Item(_origin(each)) for each in found.origins)]


def _forth(found: Field) -> list[_Item]:
    items: dict[Via, _Item] = {}
    for step in found.steps:
        item = items.setdefault(step.via, _Item(_via(step.via), _more(step.via)))
        item.below.append(_reached(step))
    decided = [_Item(_via(each.via), _more(each.via)) for each in found.uses if each.via.kind == "route"]
    return [*items.values(), *decided, *_sinks(found.uses)]


def _reached(step: Step) -> _Item:
    inner = step.field
    if inner.place.sink:
        items = _sinks(inner.uses)
        if len(items) == 1 and not inner.seen:
            items[0].parts.append((f"  as {inner.place.name}", "dim"))
            return items[0]
    return _field(inner, _forth(inner))


def _sinks(uses: Sequence[Use]) -> list[_Item]:
    """Sinks with the settings of each that look at the field."""
    items: dict[str, _Item] = {}
    for via in (each.via for each in uses if each.via.kind == "sink"):
        item = items.setdefault(via.unit, _Item([("sink ", "dim"), (via.unit, "bold magenta")]))
        if via.setting:
            item.below.append(_Item(_setting(via), _more(via)))
    return list(items.values())


def _field(found: Field, below: list[_Item]) -> _Item:
    parts = [(found.place.name, "yellow"), *_of(found.place)]
    if found.seen:
        return _Item([*parts, (SEEN, "dim")])
    return _Item(parts, below=below)


def _of(place: Place) -> list[tuple[str, str]]:
    return [(" at sink ", "dim"), (place.sink, "")] if place.sink else [(" of ", "dim"), (place.topic, "")]


def _via(via: Via) -> list[tuple[str, str]]:
    head = [("route ", "dim"), (via.unit, "bold cyan")]
    if not via.setting:
        return [*head, ("  keeps it", "dim")]
    return [*head, ("  ", ""), *_setting(via)]


def _setting(via: Via) -> list[tuple[str, str]]:
    how = _HOW[via.how]
    return [(via.setting, ""), (f"  {how}" if how else "", "magenta"), (f"  {via.position}", "dim")]


def _more(via: Via) -> list[str]:
    lines = [via.expression] if via.expression else []
    return [*lines, f"({DYNAMIC})"] if via.dynamic else lines


def _origin(origin: Origin) -> list[tuple[str, str]]:
    match origin.kind:
        case "source":
            return [("source ", "dim"), (origin.unit, "bold green"), (f"  {origin.detail}", "dim")]
        case "reply":
            return [("reply of sink ", "dim"), (origin.unit, "bold magenta"), (f"  {origin.detail}", "dim")]
        case "constant":
            where = f"  {origin.detail}" if origin.detail else ""
            return [("route ", "dim"), (origin.unit, "bold cyan"), (f"{where}  makes it without the event", "dim")]
        case "nowhere":
            return [("no unit makes it", "dim")]
    return [("other programs, which write the topic", "dim")]
