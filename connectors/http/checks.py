"""Mistakes in the settings of a source that show only when several parts are looked at together, each at its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from connectors.http.templates import check_names, texts
from hub.sdk.config import Verbatim

_TEMPLATES = ("path", "params", "headers", "json")
_PLACEHOLDER = re.compile(r"(\{\+?(?:parent|item|start|end)(?![A-Za-z0-9_])[^{}]*\})")

Place = tuple[str | int, ...]


def mistakes(settings: Any) -> list[InitErrorDetails]:
    """Placeholders that stand for nothing, and parents that there aren't.

    Args:
        settings: as they were written: nothing else has been checked.
    """
    streams = settings.get("streams") if isinstance(settings, Mapping) else None
    if not isinstance(streams, Mapping):
        return []
    found: list[InitErrorDetails] = []
    for name, stream in streams.items():
        if isinstance(stream, Mapping):
            found += _placeholders(("streams", name), stream)
            found += _parents(streams, name)
    found += _placeholders((), {key: settings.get(key) for key in ("params", "headers")})
    if streams and all(isinstance(each, Mapping) and each.get("publish") is False for each in streams.values()):
        found.append(mistake(("streams",), "expected one stream at least without `publish: false`"))
    return found


def escaped(settings: Any) -> Any:
    """Settings in which what a reference such as ``${env:NAME}`` gave holds no braces but those of known placeholders.

    Args:
        settings: with references resolved, or not yet.
    """
    if not isinstance(settings, Mapping):
        return settings
    streams = settings.get("streams")
    changed = {**settings, **{key: _plain(settings[key]) for key in _TEMPLATES if key in settings}}
    if isinstance(streams, Mapping):
        changed["streams"] = {
            name: {key: _plain(each) if key in _TEMPLATES else each for key, each in stream.items()}
            if isinstance(stream, Mapping)
            else stream
            for name, stream in streams.items()
        }
    return changed


def _plain(value: Any) -> Any:
    if isinstance(value, Verbatim):
        return "".join(
            each if _PLACEHOLDER.fullmatch(each) else each.replace("{", "{{").replace("}", "}}")
            for each in _PLACEHOLDER.split(value)
        )
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def mistake(place: Place, says: str) -> InitErrorDetails:
    """What is wrong, where it is wrong."""
    return InitErrorDetails(type=PydanticCustomError("value_error", "{error}", {"error": says}), loc=place, input=None)


def again(error: ValidationError) -> list[InitErrorDetails]:
    """What an error says, to be raised with others; without what came, which may be a secret."""
    return [
        InitErrorDetails(type=each["type"], loc=each["loc"], input=None, ctx=each.get("ctx", {}))
        if each["type"] != "value_error"
        else mistake(each["loc"], str(each.get("ctx", {}).get("error", each["msg"])))
        for each in error.errors(include_url=False, include_input=False)
    ]


def raise_all(found: list[InitErrorDetails]) -> None:
    """Raises what was found, if anything was.

    Raises:
        ValidationError: with each mistake at its own place.
    """
    if found:
        raise ValidationError.from_exception_data("settings", found, hide_input=True)


def _placeholders(above: Place, stream: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    for_each = stream.get("for_each")
    known = [
        *(["parent"] if isinstance(for_each, Mapping) and "stream" in for_each else []),
        *(["item"] if isinstance(for_each, Mapping) and "values" in for_each else []),
        *(["start", "end"] if stream.get("incremental") is not None else []),
    ]
    for key in _TEMPLATES:
        for place, text in _texts((*above, key), stream.get(key)):
            try:
                check_names(text, known, _hint(text, stream=bool(above)))
            except ValueError as error:
                yield mistake(place, str(error))


def _texts(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts((*place, name), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts((*place, index), each)
    else:
        yield from ((place, each) for each in texts(value))


def _hint(text: str, *, stream: bool) -> str:
    if not stream:
        return "here there are none, as this holds for all streams"
    if "parent" in text or "item" in text:
        return "that is for streams with `for_each`"
    return "that is for streams with `incremental`" if "start" in text or "end" in text else ""


def _parents(streams: Mapping[str, Any], name: str) -> Iterator[InitErrorDetails]:
    parent = _parent(streams, name)
    place = ("streams", name, "for_each", "stream")
    if parent is None:
        return
    if parent not in streams:
        others = [str(each) for each in streams if each != name]
        close = difflib.get_close_matches(parent, others, 1)
        known = f"there are {', '.join(others)}" if others else "there is no other"
        yield mistake(place, f"there is no stream `{parent}`; " + (f"did you mean `{close[0]}`?" if close else known))
        return
    seen: list[str] = []
    while parent is not None and parent not in seen:
        seen.append(parent)
        parent = _parent(streams, parent)
    if name in seen:
        yield mistake(place, "leads back to this stream: a stream can't be its own parent")


def _parent(streams: Mapping[str, Any], name: str) -> str | None:
    stream = streams.get(name)
    for_each = stream.get("for_each") if isinstance(stream, Mapping) else None
    parent = for_each.get("stream") if isinstance(for_each, Mapping) else None
    return parent if isinstance(parent, str) else None
