"""Fields of events that their contract doesn't know: what ``evolve`` accepts and reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from hub.contracts.shape import Shape
from hub.contracts.violation import json_type, pointer

MOST_FIELDS = 200
"""So many new fields are listed per event type; a contract that lacks more has a mapping where it lists fields."""
_LONGEST_KEY = 80


class NewField(BaseModel):
    """A field that events have and their contract hasn't.

    Attributes:
        path: JSON Pointer; ``*`` stands for the items of an array.
        type: JSON type of its values; several joined by ``|``.
        events: how many events had it.
        first_seen, last_seen: when the unit met it.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    type: str
    events: int
    first_seen: datetime
    last_seen: datetime


class Novelty(NamedTuple):
    """A field of one event that its contract doesn't know."""

    path: str
    type: str


class Drift:
    """What one unit has met of new fields in events of one type."""

    def __init__(self) -> None:
        self._found: dict[str, NewField] = {}
        self.more = 0
        """How many fields were met after there was no room to list them."""

    def note(self, novelties: Iterable[Novelty], now: datetime | None = None) -> list[NewField]:
        """Takes in the new fields of an event.

        Returns:
            those that were never met before, or not with this type.
        """
        now = now or datetime.now(UTC)
        fresh: list[NewField] = []
        for path, kind in dict.fromkeys(novelties):
            known = self._found.get(path)
            if known is None:
                if len(self._found) >= MOST_FIELDS:
                    self.more += 1
                    continue
                known = NewField(path=path, type=kind, events=1, first_seen=now, last_seen=now)
                fresh.append(known)
            else:
                kinds = dict.fromkeys([*known.type.split("|"), kind])
                wider = known.model_copy(update={"type": "|".join(kinds), "events": known.events + 1, "last_seen": now})
                if wider.type != known.type:
                    fresh.append(wider)
                known = wider
            self._found[path] = known
        return fresh

    @property
    def fields(self) -> list[NewField]:
        """All of them, by path."""
        return [self._found[path] for path in sorted(self._found)]


class _Known(NamedTuple):
    """What a shape knows of a map's or list's inner values, in a form that is fast to look up."""

    fields: dict[str, Shape | None]
    """Fields by name; None where nothing more is to be looked for in the value."""
    closed: bool
    values: Shape | None
    items: Shape | None


class Novelties:
    """Finds the fields that a shape doesn't know.

    Args:
        shape: of a contract.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._known: dict[int, tuple[Shape, _Known]] = {}

    def find(self, data: Any) -> Iterator[Novelty]:
        """The new fields of an event's data; where a whole object is new, only that, not what is in it."""
        pending: list[tuple[Shape, Any, tuple[str, ...]]] = [(self._shape, data, ())]
        while pending:
            shape, value, path = pending.pop()
            if isinstance(value, Mapping):
                known = self._of(shape)
                for name, inner in value.items():
                    if name in known.fields:
                        of = known.fields[name]
                    elif known.closed:
                        yield Novelty(pointer((*path, name), _LONGEST_KEY), json_type(inner))
                        continue
                    else:
                        of = known.values
                    if of is not None and isinstance(inner, Mapping | list):
                        pending.append((of, inner, (*path, name)))
            elif isinstance(value, list) and (items := self._of(shape).items) is not None:
                pending += [(items, each, (*path, "*")) for each in value if isinstance(each, Mapping | list)]

    def _of(self, shape: Shape) -> _Known:
        found = self._known.get(id(shape))
        if found is None or found[0] is not shape:
            found = self._known[id(shape)] = (shape, _known(shape))
        return found[1]


def _known(shape: Shape) -> _Known:
    """What is known of a shape's parts. Of several alternatives, all fields count as known."""
    if shape.unknown:
        return _Known({}, closed=False, values=None, items=None)
    objects = shape.objects
    fields: dict[str, list[Shape]] = {}
    for each in objects:
        for name, field in each.fields.items():
            fields.setdefault(name, []).append(field)
    merged = {name: _merged(each) for name, each in fields.items()}
    values = [each.values for each in objects if each.values is not None]
    # A map of which no field is listed says nothing of its fields.
    silent = any(not each.closed and not each.sealed for each in objects) or not objects
    return _Known(merged, closed=not silent, values=_merged(values) if values else None, items=shape.items)


def _merged(shapes: list[Shape]) -> Shape | None:
    from hub.contracts.shape_union import union  # noqa: PLC0415  only contracts with alternatives need it

    deep = [each for each in shapes if each.unknown or each.may_be("map", "list")]
    if not deep or any(each.unknown for each in deep):
        return None
    return deep[0] if len(deep) == 1 else union(*deep)
