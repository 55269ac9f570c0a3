"""Texts with placeholders: ``/repos/{+parent.full_name}/issues``, ``updated >= '{start}'``.

``{name}`` is percent-encoded in a path, so that a value is one segment of it; ``{+name}`` keeps its slashes, as in
RFC 6570. Elsewhere both mean the value as it is. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connectors.http.paths import MISSING, JsonPath
from hub.sdk import Permanent

_PART = re.compile(r"\{\{|\}\}|\{(?P<plus>\+?)(?P<name>[^{}]*)\}|[{}]")
# RFC 3986 § 3.3: what a segment of a path may hold beside letters and digits; and reserved, what may stand between.
_SEGMENT = "-._~!$&'()*+,;=:@"


class Template:
    """A text with placeholders.

    Args:
        text: as it is written.

    Raises:
        ValueError: a brace stands alone, or a placeholder holds no path.
    """

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = list(_parts(text))

    @property
    def names(self) -> list[JsonPath]:
        """The placeholders."""
        return [each for each, _ in self._parts if isinstance(each, JsonPath)]

    def path(self, values: Mapping[str, Any]) -> str:
        """The text as a path of a URL.

        Raises:
            Permanent: a value is missing, is no text or number, or would lead elsewhere.
        """
        return "".join(
            each if isinstance(each, str) else _encoded(self._value(each, values), each, kept="/" if plus else "")
            for each, plus in self._parts
        )

    def plain(self, values: Mapping[str, Any]) -> Any:
        """The text with the values in it; the value itself, whatever its type, where there is nothing else.

        Raises:
            Permanent: a value is missing.
        """
        if len(self._parts) == 1 and isinstance(only := self._parts[0][0], JsonPath):
            return self._value(only, values)
        return "".join(
            each if isinstance(each, str) else _text(self._value(each, values), each) for each, _ in self._parts
        )

    def _value(self, name: JsonPath, values: Mapping[str, Any]) -> Any:
        value = name.one(values)
        if value is MISSING or value is None:
            raise Permanent(f"expected something at `{name.text}` for `{self.text}`; got nothing")
        return value


def filled(tree: Any, values: Mapping[str, Any]) -> Any:
    """A tree whose texts are templates, with the values in them.

    What needs a value that there isn't yet, such as ``start`` at the first time, is left out.
    """
    if isinstance(tree, str):
        return Template(tree).plain(values)
    if isinstance(tree, dict):
        return {name: filled(each, values) for name, each in tree.items() if _given(each, values)}
    return [filled(each, values) for each in tree if _given(each, values)] if isinstance(tree, list) else tree


def _given(value: Any, values: Mapping[str, Any]) -> bool:
    """Whether a value is there for all placeholders that may lack one."""
    optional = {name for name, each in values.items() if each is None}
    return not isinstance(value, str) or not any(each.steps[0] in optional for each in Template(value).names)


def check_names(text: str, known: Iterable[str], hint: str = "") -> str:
    """The text, if its placeholders begin with known names.

    Args:
        text: a template.
        known: names.
        hint: what to do where there is no such name.

    Raises:
        ValueError: says what was expected.
    """
    known = list(known)
    for name in Template(text).names:
        first = name.steps[0]
        if first in known:
            continue
        close = difflib.get_close_matches(str(first), known, 1)
        says = f"did you mean `{{{name.text.replace(str(first), close[0], 1)}}}`?" if close else hint
        says = says or (f"expected {', '.join(f'`{each}`' for each in known)}" if known else "write `{{` for a brace")
        raise ValueError(f"`{{{name.text}}}` stands for nothing here; {says}")
    return text


def texts(tree: Any) -> Iterator[str]:
    """The texts of a tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for each in tree.values():
            yield from texts(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from texts(each)


def _parts(text: str) -> Iterator[tuple[str | JsonPath, bool]]:
    at = 0
    for match in _PART.finditer(text):
        if match.start() > at:
            yield text[at : match.start()], False
        at = match.end()
        if match["name"] is not None:
            path = JsonPath(match["name"].strip())
            if not path.steps:
                raise ValueError("expected a name between { and }; write {{ for a brace")
            yield path, bool(match["plus"])
        elif len(match[0]) == 1:
            raise ValueError(f"expected {{name}}; got a lone `{match[0]}` in {text!r:.60}; write it twice for a brace")
        else:
            yield match[0][0], False
    if at < len(text) or not text:
        yield text[at:], False


def _text(value: Any, name: JsonPath) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Permanent(f"expected text or a number at `{name.text}`; got {type(value).__name__}")


def _encoded(value: Any, name: JsonPath, kept: str) -> str:
    text = _text(value, name)
    # A client takes `..` for the way up, whoever wrote it: the request would go elsewhere.
    if not text or any(each in ("", ".", "..") for each in (text.split("/") if kept else [text])):
        raise Permanent(f"expected a value at `{name.text}` that can stand in a path; got an empty one, `.` or `..`")
    return quote(text, safe=_SEGMENT + kept)
