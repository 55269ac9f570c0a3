"""What leaves the language: JSON values and attributes of events."""

from __future__ import annotations

import base64
import math
from typing import Any

import orjson

from hub.routes.errors import Failure
from hub.routes.times import duration_text, timestamp_text
from hub.routes.values import INT_MIN, UINT_MAX, Duration, KeyedMap, Optional, Timestamp, UInt, described
from hub.sdk import InvalidEvent
from hub.sdk.event import validate

MAX_PARTS = 1_000_000
"""Fields and elements that a result may have; a long text counts as several."""
_SHORT = 64


def json_value(value: Any) -> Any:
    """A value as JSON has it, sharing nothing that can be changed with its input.

    Timestamps become RFC 3339 text, durations text such as ``3.5s``, bytes base64, uints plain numbers.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        if INT_MIN <= value <= UINT_MAX:
            return value
        raise Failure("expected a number that fits into 64 bits")
    if kind is list or kind is dict:
        return _copy(value, kind, [0])
    return _special(value, kind)


def _copy(value: Any, kind: type, tally: list[int]) -> Any:
    """A list or an object with all that is in it. What holds one part of the data many times has many copies of it."""
    _count(tally, len(value))
    if kind is list:
        return [_part(each, tally) for each in value]
    return {key: _part(each, tally) for key, each in value.items()}


def _count(tally: list[int], parts: int) -> None:
    tally[0] += parts
    if tally[0] > MAX_PARTS:
        raise Failure(f"the result has more than {MAX_PARTS:,} parts; split the event, or leave out what isn't needed")


def _part(value: Any, tally: list[int]) -> Any:
    kind = type(value)
    if kind is str:
        if len(value) > _SHORT:
            _count(tally, len(value) // _SHORT)
        return value
    if kind is list or kind is dict:
        return _copy(value, kind, tally)
    return json_value(value)


def _special(value: Any, kind: type) -> Any:
    if kind is float:
        if math.isfinite(value):
            return value
        raise Failure("JSON has no NaN and no infinity; test the double before")
    if kind is UInt:
        return int(value)
    if kind is Timestamp:
        return timestamp_text(value)
    if kind is Duration:
        return duration_text(value)
    if kind is bytes:
        return base64.b64encode(value).decode()
    if kind is Optional:
        raise Failure("JSON can't hold an optional value; write `.orValue(…)`, or `{?key: …}` to leave a field out")
    if kind is KeyedMap:
        raise Failure("JSON has only text as keys; write string(…) around the others")
    raise Failure(f"JSON can't hold {described(value)}")


def json_bytes(value: Any) -> bytes:
    """A JSON value as bytes."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise Failure("expected a value that JSON can hold") from error


def text_value(value: Any) -> str:
    """A value that must be text."""
    if type(value) is str:
        return value
    hint = "; write string(…) around it" if value is not None and type(value) not in (list, dict, KeyedMap) else ""
    raise Failure(f"expected text, got {described(value)}{hint}")


def attribute_value(name: str, value: Any) -> str:
    """The text of an attribute of an event, by CloudEvents' rules for it."""
    if name == "time" and type(value) is Timestamp:
        return timestamp_text(value)
    text = text_value(value)
    if not text:
        raise Failure("expected text that isn't empty")
    try:
        validate({"id": "-", "source": "-", "type": "-", name: text})
    except InvalidEvent:
        rules = {"time": "a time by RFC 3339", "source": "a URI-reference without blanks"}
        raise Failure(
            f"expected {rules.get(name, 'text without control characters')}, got a string that isn't"
        ) from None
    return text


def split_items(value: Any) -> list[Any]:
    """What an event is split by must be a list."""
    if type(value) is list:
        return value
    raise Failure(f"expected a list to split by, got {described(value)}")


def chosen(value: Any, names: tuple[str, ...]) -> str:
    """A computed target must be one of its list. What came isn't told, since it may be a value of the event."""
    if type(value) is str and value in names:
        return value
    got = "a name that isn't among them" if type(value) is str else described(value)
    raise Failure(f"expected one of {', '.join(names)}, got {got}")
