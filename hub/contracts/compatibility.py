"""Whether data of one version of a schema can be read by another: what changed, where, and for whom.

The words are those of Confluent's registry. *Backward*: the new version reads what was written by the old one.
*Forward*: the old version reads what is written by the new one. *Full*: both.

What an object says of fields that it doesn't list is its content model. Closed (``additionalProperties: false``) and
open (``true``, or a schema) are as in Confluent's registry. An object that says nothing is taken as people mean it: a
writer writes the listed fields only, and a reader passes over others. So an optional field may be added and removed in
both directions, which Confluent's registry refuses. ``strict`` takes it as an open one, as that registry does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from hub.contracts.shape_constants import among
from hub.contracts.validation import FORMATS, Validator
from hub.contracts.view import BOUNDS, OPAQUE, TYPES, View, joined, narrowed, view
from hub.contracts.violation import pointer

_OF_SCALARS = ("pattern", "format", "multipleOf")
_MOST_ALTERNATIVES = 64  # pairs of alternatives that are compared at one place
_LONGEST = 60
_DEEPEST = 64  # levels that are compared; GitHub's events have ten

Step = str
Path = tuple[Step, ...]


class Compatibility(StrEnum):
    """Which version must be able to read the other's data."""

    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"


class Incompatibility(NamedTuple):
    """A reason why one version can't read the other's data.

    Attributes:
        path: JSON Pointer into the data; ``*`` stands for the items of an array.
        reason: what changed.
        direction: ``backward`` or ``forward``: which reading fails.
    """

    path: str
    reason: str
    direction: Compatibility

    def __str__(self) -> str:
        return f"{self.path or '/'}: {self.reason}"


def compare(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    mode: Compatibility = Compatibility.BACKWARD,
    *,
    strict: bool = False,
) -> list[Incompatibility]:
    """The reasons why two versions of a schema are not compatible, by path; none if they are.

    Args:
        old: a schema, all references local.
        new: likewise.
        mode: which reads which.
        strict: an object that says nothing of further fields may have any.
    """
    found: list[Incompatibility] = []
    if old == new:
        return found
    if mode is not Compatibility.FORWARD:
        found += _Reading(old, new, Compatibility.BACKWARD, strict=strict).run()
    if mode is not Compatibility.BACKWARD:
        found += _Reading(new, old, Compatibility.FORWARD, strict=strict).run()
    return sorted(dict.fromkeys(found), key=lambda each: (each.path, each.direction, each.reason))


class _Reading:
    """A writer's schema and a reader's: all that the first admits, the second must admit."""

    def __init__(self, writer: Any, reader: Any, direction: Compatibility, *, strict: bool) -> None:
        self._writer = writer
        self._reader = reader
        self._direction = direction
        self._strict = strict
        self._assumed: set[tuple[str, str]] = set()
        self._same_definitions = _definitions(writer) == _definitions(reader)
        words = "the old version", "the new version"
        self._w, self._r = words if direction is Compatibility.BACKWARD else words[::-1]

    def run(self) -> list[Incompatibility]:
        return [
            Incompatibility(pointer(path), reason, self._direction)
            for path, reason in self._within(self._writer, self._reader, ())
        ]

    def _within(self, writer: Any, reader: Any, path: Path) -> list[tuple[Path, str]]:
        if reader is True or reader == {} or writer is False or len(path) > _DEEPEST:
            return []
        if self._same_definitions and writer == reader and not self._strict:
            return []
        # Schemas may lead back to themselves: a pair that is being compared is taken for compatible.
        pair = _identity(writer), _identity(reader)
        if pair in self._assumed:
            return []
        self._assumed.add(pair)
        try:
            return self._compared(view(writer, self._writer), view(reader, self._reader), path)
        finally:
            self._assumed.discard(pair)

    def _compared(self, writer: View, reader: View, path: Path) -> list[tuple[Path, str]]:
        if writer.alternatives:
            return self._each_written(writer, reader, path)
        found = list(self._flat(writer, reader, path))
        for alternatives in reader.alternatives:
            found += self._some_read(writer, alternatives, path)
        return found

    def _each_written(self, writer: View, reader: View, path: Path) -> list[tuple[Path, str]]:
        """Each alternative that a writer has must be read."""
        first, *others = writer.alternatives
        found: list[tuple[Path, str]] = []
        for each in first[:_MOST_ALTERNATIVES]:
            one = narrowed(writer, view(each, self._writer), others)
            if not one.impossible:
                found += self._compared(one, reader, path)
        return found

    def _some_read(self, writer: View, alternatives: list[Any], path: Path) -> list[tuple[Path, str]]:
        """What is written must be read by one of a reader's alternatives; each type by itself."""
        found: list[tuple[Path, str]] = []
        readers = [view(each, self._reader) for each in alternatives[:_MOST_ALTERNATIVES]]
        for kind in sorted(writer.kinds):
            one = writer.of_type(kind)
            attempts = {n: self._compared(one, each, path) for n, each in enumerate(readers) if kind in each.kinds}
            if not attempts:
                found.append((path, f"{self._w} allows {kind}, and none of the alternatives in {self._r} does"))
            elif all(attempts.values()):
                found += attempts[min(attempts, key=lambda n: (self._told_apart(one, readers[n]), len(attempts[n])))]
        return found

    def _told_apart(self, writer: View, reader: View) -> bool:
        """Whether a field by which alternatives are told apart has other constants."""
        for name in set(writer.names) & set(reader.names):
            written = view(joined(writer.of_field(name)), self._writer).constants
            read = view(joined(reader.of_field(name)), self._reader).constants
            if written is not None and read is not None and not any(among(each, read) for each in written):
                return True
        return False

    def _flat(self, writer: View, reader: View, path: Path) -> Iterator[tuple[Path, str]]:
        lost = writer.kinds - reader.kinds
        if "integer" in lost and "number" in lost:
            lost -= {"integer"}
        if lost:
            allowed = "anything" if writer.types == frozenset(TYPES) and writer.constants is None else _listed(lost)
            yield path, f"{self._w} allows {allowed}, {self._r} {_listed(reader.types) or 'nothing'}"
            writer = writer.without(lost)
        yield from ((path, text) for text in self._values(writer, reader, writer.kinds))
        if "object" in writer.kinds:
            yield from self._fields(writer, reader, path)
        if "array" in writer.kinds:
            yield from self._items(writer, reader, path)

    def _values(self, writer: View, reader: View, kinds: frozenset[str]) -> Iterator[str]:
        if writer.constants is not None:
            possible = [each for each in writer.constants if _allowed(each, writer)]
            lost = [each for each in possible if not _allowed(each, reader)]
            if lost:
                yield f"{self._w} allows {_shown(lost)}, {self._r} doesn't"
            return
        if reader.constants is not None and not _covered(kinds, reader.constants):
            yield f"{self._r} allows only {_shown(reader.constants)}, {self._w} any {_listed(kinds)}"
        for keyword, limit in sorted(reader.bounds.items()):
            kind, lower = BOUNDS[keyword]
            before = writer.bounds.get(keyword, -math.inf if lower else math.inf)
            if _about(kind, kinds) and (limit > before if lower else limit < before):
                was = "nothing" if math.isinf(before) else f"{before:g}"
                yield f"{self._r} demands a `{keyword}` of {limit:g}, {self._w} {was}"
        for keyword, values in sorted(reader.opaque.items()):
            known = writer.opaque.get(keyword, [])
            lacking = [each for each in values if not self._kept(keyword, known, each)]
            if lacking and _about(OPAQUE[keyword], kinds):
                if known:
                    yield f"`{keyword}` differs, and nobody can tell whether all that {self._w} allows still fits"
                else:
                    yield f"{self._r} demands a `{keyword}`, {self._w} doesn't"

    def _kept(self, keyword: str, before: list[Any], value: Any) -> bool:
        """Whether what a writer demands by a keyword is at least what the reader demands."""
        if keyword == "format" and value not in FORMATS:
            return True  # a description
        if keyword == "uniqueItems":
            return value is False or True in before
        if keyword == "multipleOf":
            return any(math.fmod(each, value) == 0 for each in before)
        refers = b"$ref" in orjson.dumps(value)
        return value == {} or (value in before and (self._same_definitions or not refers))

    def _fields(self, writer: View, reader: View, path: Path) -> Iterator[tuple[Path, str]]:
        for name in sorted(reader.required - writer.required):
            text = "may leave it out" if writer.lists(name) else "doesn't have it"
            yield (*path, name), f"{self._r} requires it, {self._w} {text}"
        for name in writer.names:
            yield from self._field(joined(writer.of_field(name)), reader.of_field(name), (*path, name))
        for pattern in writer.patterns:
            written, read = joined(writer.of_pattern(pattern)), self._of_pattern(pattern, reader)
            yield from self._field(written, read, (*path, f"<{pattern}>"))
        yield from self._unlisted(writer, reader, path)

    def _of_pattern(self, pattern: str, reader: View) -> list[Any]:
        return reader.of_pattern(pattern) if pattern in reader.patterns else reader.further

    def _field(self, written: Any, read: list[Any], path: Path) -> Iterator[tuple[Path, str]]:
        """A field that a writer lists."""
        if False in read and written is not False:
            yield path, f"{self._r} doesn't allow it"
        else:
            yield from self._within(written, joined(read), path)

    def _unlisted(self, writer: View, reader: View, path: Path) -> Iterator[tuple[Path, str]]:
        """Fields that a writer doesn't list: the reader may, by name or pattern, or not list them either."""
        written = self._further(writer)
        for name in reader.names:
            if not writer.lists(name):
                yield from self._clash(written, reader.of_field(name), (*path, name))
        for pattern in reader.patterns:
            if pattern not in writer.patterns:
                yield from self._clash(written, reader.of_pattern(pattern), (*path, f"<{pattern}>"))
        if reader.model == "closed" and written is not False:
            yield path, f"{self._w} allows further fields, {self._r} doesn't"
        elif reader.model == "open":
            yield from self._within(written, joined(reader.further), (*path, "*"))

    def _further(self, writer: View) -> Any:
        """The schema of fields that a writer doesn't list; False where it writes none."""
        return joined(writer.further) if writer.model != "silent" else self._strict

    def _clash(self, written: Any, read: list[Any], path: Path) -> Iterator[tuple[Path, str]]:
        if self._within(written, joined(read), path):
            text = f"{self._r} says what it is; in {self._w} fields that aren't listed may be anything"
            yield path, text

    def _items(self, writer: View, reader: View, path: Path) -> Iterator[tuple[Path, str]]:
        several = max(writer.length, reader.length)
        for index in range(several + 1):
            step = "*" if index == several else str(index)
            yield from self._within(joined(writer.of_item(index)), joined(reader.of_item(index)), (*path, step))


def _allowed(value: Any, reader: View) -> bool:
    """Whether a reader takes one value, as far as the value itself goes."""
    if reader.constants is not None and not among(value, reader.constants):
        return False
    demands = [{name: each} for name, several in reader.opaque.items() if name in _OF_SCALARS for each in several]
    return isinstance(value, dict | list) or Validator({**reader.bounds, "allOf": [*demands, True]}).fits(value)


def _covered(kinds: frozenset[str], constants: list[Any]) -> bool:
    """Whether constants are all values that there are of some types."""
    values: dict[str, list[Any]] = {"boolean": [True, False], "null": [None]}
    return all(kind in values and all(among(each, constants) for each in values[kind]) for kind in kinds)


def _about(kind: str | None, kinds: frozenset[str]) -> bool:
    return kind is None or kind in kinds or (kind == "number" and "integer" in kinds)


def _definitions(schema: Any) -> Any:
    return schema.get("$defs") if isinstance(schema, Mapping) else None


def _identity(schema: Any) -> str:
    return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS).decode()


def _listed(kinds: frozenset[str] | set[str]) -> str:
    names = sorted(kinds - ({"integer"} if "number" in kinds else set()))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else ""


def _shown(values: list[Any]) -> str:
    text = ", ".join(orjson.dumps(each).decode() for each in values)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
