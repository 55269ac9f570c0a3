"""JSON read and written without loss.

What the hub can't write again as it came, it doesn't take for data: a key that stands twice in an object, of which any
reader picks one; an integer beyond 64 bits, which most readers make a float of; NaN and infinities, which JSON doesn't
have; texts with half a surrogate pair or bytes that are no UTF-8; and more than 254 levels.

orjson alone hides the first two. So a payload is read with orjson and written again: where that gives the same bytes,
nothing was hidden. Otherwise, as with spaces between the tokens, jiter reads it once more and tells.
docs/adr/0009-strict-json.md has the measurements.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from typing import Any

import orjson

from hub.sdk.errors import InvalidPayload

LEVELS = 254
"""How deep arrays and objects may be nested: orjson writes no more."""
INT_MIN, INT_MAX = -(2**63), 2**64 - 1
"""Integers that keep their value: those of int64 and of uint64."""

_SHOWN = 60  # characters of a name in a message
_LONGEST = 200  # characters of a path in a message
# What orjson says, and what it means to people.
_WORDS = {
    "no low surrogate in string": "half of a surrogate pair in a text",
    "invalid high surrogate in string": "half of a surrogate pair in a text",
    "invalid low surrogate in string": "half of a surrogate pair in a text",
    "number is infinity when parsed as double": "a number too large for 64 bits",
    "unexpected content after document": "something behind the end of the document",
    "UTF-8 byte order mark (BOM) is not supported": "a byte order mark, which JSON doesn't begin with",
}


def parse(raw: bytes) -> Any:
    """A payload as a JSON value.

    Raises:
        InvalidPayload: says what is wrong with it and where; never what it holds but the names of fields.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidPayload(_explained(raw, error)) from None
    try:
        if orjson.dumps(value) == raw:
            return value
    except TypeError:  # it holds nothing but what orjson made of JSON, so this is the only reason
        raise InvalidPayload(f"nested deeper than {LEVELS} levels") from None
    return _thorough(raw)


def _thorough(raw: bytes) -> Any:
    """The same by a parser that hides nothing; for JSON that orjson takes."""
    import jiter  # noqa: PLC0415  most payloads don't need it

    try:
        value = jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="keys")
    except ValueError as error:
        if "recursion limit" not in str(error):
            raise InvalidPayload(_duplicate(str(error))) from None
        value = json.loads(raw, object_pairs_hook=_once)  # jiter ends at 200 levels
    try:
        orjson.dumps(value)
    except TypeError:
        raise InvalidPayload(f"an integer beyond 64 bits{_where(value)}") from None
    return value


def read(raw: bytes) -> Any:
    """JSON as another program wrote it, for those who look for the good in it: integers keep their value, NaN is taken.

    Raises:
        orjson.JSONDecodeError: it isn't even that.
    """
    import jiter  # noqa: PLC0415  most payloads don't need it

    try:
        return jiter.from_json(raw, cache_mode="keys")
    except ValueError:
        return orjson.loads(raw)  # more than jiter's 200 levels, or the error that callers know


def written(data: Any) -> bytes:
    """A JSON value as bytes.

    Raises:
        InvalidPayload: JSON can't hold it.
    """
    try:
        raw = orjson.dumps(data)
    except TypeError as error:
        raise InvalidPayload(_unwritable(data, error)) from error
    # orjson writes NaN and infinities as null; without any null there is none.
    if b"null" in raw and not _finite(data):
        raise InvalidPayload(f"NaN or an infinity, which JSON doesn't have{_where(data)}")
    return raw


def verbatim(data: Any) -> bytes:
    """A value that JSON can't hold, in the notation that comes closest: ``NaN``, integers of any size, any text.

    Raises:
        InvalidPayload: not even so.
    """
    try:
        return json.dumps(data, separators=(",", ":"), default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(_unwritable(data, error)) from error


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidPayload(f"the key {name[:_SHOWN]!r} twice in one object")
            seen.add(name)
    return found


def _duplicate(message: str) -> str:
    """What jiter says of a payload that orjson takes: ``Detected duplicate key "a" at line 1 column 12``."""
    found, _, place = message.rpartition(" at line ")
    name = found.removeprefix('Detected duplicate key "').removesuffix('"')
    if not place or name == found:
        return message[:200]
    line, _, column = place.partition(" column ")
    return f"the key {name[:_SHOWN]!r} twice in one object, at line {line}, column {column}"


def _explained(raw: bytes, error: orjson.JSONDecodeError) -> str:
    """What is wrong with bytes that are no JSON."""
    if not raw.strip():
        return "nothing: the payload is empty"
    if error.msg.startswith("str is not valid UTF-8"):
        try:
            raw.decode()
        except UnicodeDecodeError as wrong:
            return f"bytes that are no UTF-8, at byte {wrong.start}"
    if error.msg.startswith("depth limit"):
        return f"nested deeper than {LEVELS} levels"
    place = f", at line {error.lineno}, column {error.colno}"
    rest = error.doc[error.pos : error.pos + 9].lstrip("-") if isinstance(error.doc, str) else ""
    for word in ("NaN", "Infinity"):
        if rest.startswith(word):
            return f"{word}, which JSON doesn't have{place}"
    message = error.msg.partition(": line ")[0]
    return f"{_WORDS.get(message, message)}{place}"


def _unwritable(data: Any, error: BaseException) -> str:
    if isinstance(error, RecursionError) or "ecursion" in str(error):
        return f"nested deeper than {LEVELS} levels"
    if "64-bit" in str(error):
        return f"an integer beyond 64 bits{_where(data)}"
    if "UTF-8" in str(error):
        return "a text with half of a surrogate pair"
    return str(error)


def _finite(data: Any) -> bool:
    """Whether all floats within data that JSON can hold otherwise are numbers."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        kind = value.__class__
        if kind is str or kind is int:
            continue
        if kind is float:
            if not math.isfinite(value):
                return False
        elif kind is dict:
            waiting += value.values()
        else:
            waiting += [each for _, each in _inner(value)]
    return True


def _where(data: Any) -> str:
    """The place of a number within data that JSON or 64 bits can't hold, as a JSON Pointer."""
    waiting: list[tuple[Any, tuple[Any, ...] | None]] = [(data, None)]
    while waiting:
        value, path = waiting.pop()
        if (isinstance(value, int) and not INT_MIN <= value <= INT_MAX) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            return f" at {pointer[:_LONGEST]}" if (pointer := _pointer(path)) else ""
        waiting += [(each, (path, step)) for step, each in _inner(value)]
    return ""


def _inner(value: Any) -> Iterable[tuple[Any, Any]]:
    """What a value holds, each with its name or number."""
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list | tuple):
        return enumerate(value)
    return vars(value).items() if is_dataclass(value) else ()


def _pointer(path: tuple[Any, ...] | None) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{step}" for step in reversed(steps))
