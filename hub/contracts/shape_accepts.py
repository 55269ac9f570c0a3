"""Whether values of one shape fit where another is wanted: an output against its contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hub.contracts.shape import NEVER, Shape
from hub.contracts.shape_constants import CONSTANT, among
from hub.contracts.shape_text import constant_text, described, short

EACH = "[]"
"""In a path: any element of a list."""
_DEPTH = 12  # levels that are compared; a contract that goes deeper is one that refers to itself


@dataclass(frozen=True)
class Mismatch:
    """A place where a value doesn't fit, or might not.

    Attributes:
        path: fields from the value down; `EACH` for the elements of a list.
        expected: what is wanted there, for people.
        got: what is given, for people.
        kind: ``type``; ``missing``, a field that is wanted and not there; ``unexpected``, a field that may not be
            there; ``value``, one of other constants, where those that are given are known.
        certain: whether every value doesn't fit; otherwise some may.
    """

    path: tuple[str, ...]
    expected: str
    got: str
    kind: Literal["type", "missing", "unexpected", "value"] = "type"
    certain: bool = True

    @property
    def place(self) -> str:
        """The path as text: ``labels[].name``; empty for the value itself."""
        text = ""
        for part in self.path:
            text += part if part == EACH else f".{part}" if text else part
        return text

    def __str__(self) -> str:
        where = f"`{self.place}`: " if self.path else ""
        may = "" if self.certain or self.kind == "missing" else "may be "
        return f"{where}expected {self.expected}, got {may}{self.got}"


def accepts(wanted: Shape, given: Shape) -> list[Mismatch]:
    """Where values of the shape ``given`` don't fit the shape ``wanted``; nothing where nothing is known."""
    return list(_compared(wanted, given, (), certain=True))


def _compared(wanted: Shape, given: Shape, path: tuple[str, ...], *, certain: bool) -> Iterator[Mismatch]:
    if not wanted.kinds or not given.kinds or given is NEVER or wanted is given or len(path) > _DEPTH:
        return
    fitting = given.kinds & wanted.kinds
    if not fitting:
        yield Mismatch(path, described(wanted), described(given), certain=certain)
        return
    if fitting != given.kinds:
        yield Mismatch(path, described(wanted), described(given), certain=False)
    elif wanted.enum is not None:
        yield from _constants(wanted, given, path, certain=certain)
    certain = certain and fitting == given.kinds
    if "list" in fitting and wanted.items is not None and given.items is not None:
        # The list may be empty, so nothing is certain but for what a list literal holds.
        yield from _compared(wanted.items, given.items, (*path, EACH), certain=certain)
    if "map" in fitting:
        yield from _objects(wanted, given, path, certain=certain)


def _constants(wanted: Shape, given: Shape, path: tuple[str, ...], *, certain: bool) -> Iterator[Mismatch]:
    enum = wanted.enum or ()
    if given.enum is None:
        if not given.kinds <= {"null_type", "bool"}:
            yield Mismatch(path, f"one of {short(wanted)}", described(given), certain=False)
        return
    wrong = [value for value in given.enum if CONSTANT.get(type(value)) in wanted.kinds and not among(value, enum)]
    if wrong:
        got = " or ".join(map(constant_text, wrong[:3]))
        all_wrong = len(wrong) == len(given.enum)
        yield Mismatch(path, f"one of {short(wanted)}", got, "value", certain=certain and all_wrong)


def _objects(wanted: Shape, given: Shape, path: tuple[str, ...], *, certain: bool) -> Iterator[Mismatch]:
    """Each map that is given must fit one of those that are wanted; what is reported is of the one that fits best."""
    options = wanted.objects
    for one in given.objects:
        found: list[Mismatch] | None = None
        for option in options:
            mismatches = list(_object(option, one, path, certain=certain and len(given.objects) == 1))
            if found is None or _weight(mismatches) < _weight(found):
                found = mismatches
            if not found:
                break
        yield from found or ()


def _weight(mismatches: list[Mismatch]) -> tuple[int, int]:
    """How badly something fits: first what is certain; constants tell variants apart and weigh most."""
    certain = sum(10 if each.kind == "value" else 1 for each in mismatches if each.certain)
    return certain, len(mismatches)


def _object(wanted: Shape, given: Shape, path: tuple[str, ...], *, certain: bool) -> Iterator[Mismatch]:
    for name in [
        *(each for each in wanted.fields if each in wanted.required),
        *sorted(wanted.required - wanted.fields.keys()),
    ]:
        if name in given.required:
            continue
        expected = described(wanted.fields[name]) if name in wanted.fields else "a value"
        if name in given.fields:
            yield Mismatch((*path, name), expected, "a field that may be missing", "missing", certain=False)
        elif given.closed:
            yield Mismatch((*path, name), expected, "no such field", "missing", certain=certain)
    for name, shape in given.fields.items():
        place = (*path, name)
        if name in wanted.fields:
            yield from _compared(wanted.fields[name], shape, place, certain=certain and name in given.required)
        elif wanted.sealed:
            known = ", ".join(f"`{each}`" for each in list(wanted.fields)[:8]) or "none"
            sure = certain and name in given.required
            yield Mismatch(place, f"no further fields than {known}", described(shape), "unexpected", certain=sure)
        elif wanted.values is not None and not wanted.closed:
            yield from _compared(wanted.values, shape, place, certain=certain and name in given.required)
