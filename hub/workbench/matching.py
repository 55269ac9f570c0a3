"""Events compared with what is expected of them: partially or exactly, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.deployment.expectation import Output
from hub.sdk import Event, InvalidEvent

Path = tuple[str | int, ...]

_ATTRIBUTES = ("type", "subject", "source", "id", "time", "datacontenttype", "dataschema")
_PAYLOADS = ("data", "json_contains", "json_equals")


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()
"""Stands for what isn't there."""


@dataclass(frozen=True)
class Difference:
    """One place where something else came than was expected.

    Attributes:
        path: of the place, e.g. ``("data", "size")``.
        expected: what should be there; `MISSING` if nothing should.
        got: what is there; `MISSING` if nothing is.
        written: path of the nearest thing in the expectation as it is written, e.g. ``("json_equals", "size")``.
    """

    path: Path
    expected: Any
    got: Any
    written: Path


def differences(expected: Output, event: Event) -> list[Difference]:
    """Where an event isn't what is expected of it."""
    return list(_event(expected, event))


def compare(expected: Any, got: Any, *, exact: bool, path: Path = (), written: Path | None = None) -> list[Difference]:
    """Where a JSON value isn't what is expected.

    Numbers are equal by their value, whatever they are written like; ``true`` is no number.

    Args:
        expected: a JSON value.
        got: another.
        exact: whether objects may have no further keys. Lists must have as many elements either way.
        path: of the value.
        written: path of the expectation, if it isn't the same.
    """
    return list(_compare(expected, got, path, path if written is None else written, exact=exact))


def _event(expected: Output, event: Event) -> Iterator[Difference]:
    given = expected.model_fields_set
    wanted: dict[str, tuple[Any, Path]] = {
        name: (getattr(expected, name), (name,)) for name in _ATTRIBUTES if name in given
    }
    if "key" in given:
        wanted["partitionkey"] = expected.key, ("key",)
    wanted |= {name: (each, ("extensions", name)) for name, each in expected.extensions.items()}
    for name, (value, path) in wanted.items():
        yield from _text(value, event.attributes.get(name), path)
    for name, value in expected.headers.items():
        yield from _text(value, event.header(name), ("headers", name))
    for key in _PAYLOADS:
        if key in given:
            wanted_data = getattr(expected, key)
            yield from _compare(wanted_data, _payload(event), ("data",), (key,), exact=key == "json_equals")


def _payload(event: Event) -> Any:
    try:
        return MISSING if event.raw is None else event.data
    except InvalidEvent:
        return event.raw


def _text(expected: str | None, got: str | None, path: Path) -> Iterator[Difference]:
    if expected != got:
        yield Difference(path, MISSING if expected is None else expected, MISSING if got is None else got, path)


def _compare(expected: Any, got: Any, path: Path, written: Path, *, exact: bool) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, each in expected.items():
            yield from _compare(each, got.get(key, MISSING), (*path, key), (*written, key), exact=exact)
        if exact:
            further = (key for key in got if key not in expected)
            yield from (Difference((*path, key), MISSING, got[key], written) for key in further)
    elif _listed(expected) and _listed(got):
        yield from _lists(expected, got, path, written, exact=exact)
    elif expected is None and got is MISSING and path == ("data",):
        return  # a tombstone
    elif got is MISSING or not _same(expected, got):
        yield Difference(path, expected, got, written)


def _lists(
    expected: Sequence[Any], got: Sequence[Any], path: Path, written: Path, *, exact: bool
) -> Iterator[Difference]:
    for index, each in enumerate(expected):
        value = got[index] if index < len(got) else MISSING
        yield from _compare(each, value, (*path, index), (*written, index), exact=exact)
    for index in range(len(expected), len(got)):
        yield Difference((*path, index), MISSING, got[index], written)


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return expected == got
    return type(expected) is type(got) and bool(expected == got)
