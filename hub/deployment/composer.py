"""YAML text → a tree with positions. Everything that YAML would swallow silently is found here.

Built on a parser's events rather than its objects: so that every key and value keeps its place, and depth and size are
limited before anything is built from a hostile file. libyaml reads a file twelve times as fast as ruamel, which says
better what is wrong with one: it reads those that libyaml refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isinf
from typing import Any

from hub.deployment.document import Document
from hub.deployment.eaten import PLACEHOLDER, Eaten, flow_value, opening
from hub.deployment.finding import Findings
from hub.deployment.nodes import Mapping, Node, Scalar, Sequence, resolve
from hub.deployment.syntax import explain
from hub.sdk.strictjson import INT_MAX, INT_MIN

MAX_DEPTH = 64
"""Levels of nesting; a deployment needs about ten."""
MAX_SIZE = 100_000
"""Values of one file with all aliases written out, so that a few lines can't become gigabytes."""

_REPAIRS = 50
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
# libyaml takes these otherwise than YAML 1.2 does: as line breaks, white space, ends of aliases and tags.
_OTHERWISE = re.compile(r"[\t\x85\u2028\u2029]|(?:^[ -]*|[:,\[{] +|[\[{,])[&*!][^\s&*=]|[|>][^\s]*#|^%", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CORE_TAG = "tag:yaml.org,2002:"


def compose(document: Document, findings: Findings) -> Node | None:
    """The tree of a file; ``None`` where it is empty or can't be read at all, which has then been noted.

    A line that YAML can't read because it holds an expression is noted and left out, so that the rest of the file is
    checked all the same.
    """
    text = document.text
    if (at := text.find(PLACEHOLDER)) >= 0:
        findings.error(
            "yaml.character", "expected text; got the private-use character U+E000", document.span(at, at + 1)
        )
        return None
    attempt = Findings()
    try:
        root = _Composer(document, text, attempt, _fast_events(text)).run()
    except _Unreadable:
        root = None
    except _Refused:
        return _compose_slowly(document, text, findings)
    findings.found |= attempt.found
    return root


def _compose_slowly(document: Document, text: str, findings: Findings) -> Node | None:
    """The tree of a file that YAML can't read as it is."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415  takes a while, and most files are right
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415  as above

    for _ in range(_REPAIRS):
        attempt = Findings()
        try:
            root = _Composer(document, text, attempt, _slow_events(text)).run()
        except _Unreadable:
            root = None
        except ReaderError as error:
            _note_character(document, error, attempt)
            root = None
        except MarkedYAMLError as error:
            document.unread = True
            eaten = explain(document, text, error)
            eaten.note(document, findings)
            repaired = eaten.repair(text)
            if repaired is None:
                return None
            text = repaired
            continue
        except YAMLError as error:  # pragma: no cover  ruamel marks all its errors today
            attempt.error("yaml.syntax", f"no YAML: {error}", document.span(0, 1))
            root = None
        findings.found |= attempt.found
        return root
    return None


class _Unreadable(Exception):
    """The file has been given up, and the finding noted."""


class _Refused(Exception):
    """libyaml can't read the file, or isn't there."""


def _fast_events(text: str) -> Iterator[Any]:
    if _OTHERWISE.search(text):
        raise _Refused
    try:
        from yaml._yaml import CParser  # noqa: PLC0415  a build of PyYAML may lack it
    except ImportError as error:
        raise _Refused from error
    from yaml import YAMLError  # noqa: PLC0415  as above

    parser = CParser(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    except (YAMLError, UnicodeError) as error:
        raise _Refused from error
    finally:
        parser.dispose()


def _slow_events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415  as above

    yield from YAML(typ="safe", pure=True).parse(text)


@dataclass
class _Open:
    """A mapping or sequence whose end hasn't come yet."""

    node: Mapping | Sequence
    anchor: str | None
    flow: bool
    key: Scalar | None = None
    merged: list[tuple[Scalar, Node]] = field(default_factory=list)


class _Composer:
    def __init__(self, document: Document, text: str, findings: Findings, events: Iterator[Any]) -> None:
        self._document = document
        self._text = text
        self._events = events
        self._findings = findings
        self._anchors: dict[str, Node | None] = {}
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def run(self) -> Node | None:
        for event in self._events:
            match type(event).__name__:
                case "DocumentStartEvent":
                    self._documents += 1
                    if self._documents > 1:
                        self._give_up("yaml.documents", "expected one YAML document per file; got another `---`", event)
                case "ScalarEvent":
                    self._add(self._scalar(event), event.anchor)
                case "AliasEvent":
                    self._add(self._alias(event), None)
                case "MappingStartEvent" | "SequenceStartEvent":
                    self._start(event)
                case "MappingEndEvent" | "SequenceEndEvent":
                    self._end(event)
        return self._root

    def _give_up(self, code: str, message: str, event: Any, suggestion: str | None = None) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self._findings.error(code, message, self._document.span(start, end), suggestion)
        raise _Unreadable

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark.index, event.end_mark.index
        if event.anchor or event.tag:
            properties = _PROPERTIES.match(self._text, start, end)
            start = properties.end() if properties else start
        style = event.style or ""
        value = event.value if style else resolve(event.value)
        scalar = Scalar(start, end, text=event.value, style=style, value=value)
        if event.value.startswith(PLACEHOLDER):
            scalar.broken = True
        elif event.tag and not str(event.tag).startswith(_CORE_TAG):
            self._tag(event, scalar)
        elif str(event.tag) == f"{_CORE_TAG}str":
            scalar.value = event.value
        if not scalar.broken:
            self._check_json(scalar)
        return scalar

    def _check_json(self, scalar: Scalar) -> None:
        """A value that no event can hold is wrong wherever it stands; at run time it would fail every event."""
        value = scalar.value
        if (type(value) is int and not INT_MIN <= value <= INT_MAX) or (type(value) is float and isinf(value)):
            message, hint = "expected a number of at most 64 bits", "quote it, if text is meant"
            self._findings.error("yaml.number", message, self._document.at(scalar), hint)
            scalar.broken = True
        elif not scalar.text.isascii() and (half := _SURROGATE.search(scalar.text)):
            hint = "write the character itself, or `\\U` and eight digits"
            span = self._document.within(scalar, half.start(), half.end())
            self._findings.error("yaml.character", "half of a surrogate pair is no character", span, hint)
            scalar.broken = True

    def _tag(self, event: Any, scalar: Scalar) -> None:
        """A value that starts with ``!`` is a tag for YAML, and what follows it something else again."""
        start = self._text.rfind(str(event.tag), self._document.line_start(scalar.start), scalar.end + 1)
        start = event.start_mark.index if start < 0 else start
        written = self._text[start : self._document.line_end(start)].rstrip()
        top = self._stack[-1] if self._stack else None
        if top and top.flow:
            written = flow_value(written)
        key = top.key.text if top and top.key else None
        Eaten.tag(start, written, key).note(self._document, self._findings)
        scalar.broken = True

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            self._give_up(
                "yaml.unknown_alias",
                f"no anchor `&{event.anchor}` comes before this alias",
                event,
                "text that starts with `*` must be quoted",
            )
        node = self._anchors[event.anchor]
        if node is None:
            self._give_up("yaml.recursive", f"`*{event.anchor}` stands inside of what it refers to", event)
        assert node is not None
        return node

    def _start(self, event: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._give_up("yaml.too_deep", f"expected at most {MAX_DEPTH} levels of nesting", event)
        if event.tag and not str(event.tag).startswith(_CORE_TAG):
            self._findings.error(
                "yaml.tag",
                "expected a value without a YAML tag",
                self._document.span(event.start_mark.index, event.end_mark.index),
                f"leave out `{event.tag}`",
            )
        kind = Mapping if type(event).__name__ == "MappingStartEvent" else Sequence
        node = kind(event.start_mark.index, event.end_mark.index)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(node, event.anchor, bool(event.flow_style)))

    def _end(self, event: Any) -> None:
        done = self._stack.pop()
        done.node.end = max(event.end_mark.index, done.node.start)
        if isinstance(done.node, Mapping):
            for key, value in done.merged:
                done.node.items.setdefault(key.text, (key, value))
            if done.flow:
                self._split(done.node)
        elif done.flow:
            self._split_items(done.node.items)
        self._add(done.node, done.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        top.node.size += node.size
        if top.node.size > MAX_SIZE:
            self._findings.error(
                "yaml.too_large",
                f"expected at most {MAX_SIZE:,} values in a file, aliases written out",
                self._document.span(top.node.start, top.node.end),
            )
            raise _Unreadable
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
        else:
            self._pair(top, top.key, node)
            top.key = None

    def _key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar) and not node.broken:
            return node
        if not node.broken:
            self._findings.error(
                "yaml.key",
                "expected text as key; got a mapping or a list",
                self._document.span(node.start, node.end),
                "quote text that starts with `{` or `[`",
            )
        return Scalar(node.start, node.end, text="", style="", value="", broken=True)

    def _pair(self, top: _Open, key: Scalar, value: Node) -> None:
        assert isinstance(top.node, Mapping)
        if key.broken:
            return
        if key.text == "<<" and not key.style:
            for each in value.items if isinstance(value, Sequence) else [value]:
                top.merged += each.pairs if isinstance(each, Mapping) else []
            return
        if (first := top.node.key(key.text)) is not None:
            self._document.unread = True  # this value isn't looked at any more, and may be a secret
            self._findings.error(
                "yaml.duplicate_key",
                f"the key `{key.text}` stands here twice, first on line {self._document.position(first.start).line}",
                self._document.span(key.start, key.end),
                "keep one of them",
            )
            return
        top.node.items[key.text] = key, value

    def _split(self, node: Mapping) -> None:
        """``{ t: = f(a, b) }``: YAML ends the expression at the comma, and makes a key of the rest."""
        pairs = list(node.pairs)
        for index, (key, value) in enumerate(pairs):
            if not self._cut(value):
                continue
            assert isinstance(value, Scalar)
            rest = index + 1
            end = value.end
            while rest < len(pairs) and opening(self._document.text[value.start : end]):
                end = max(pairs[rest][0].end, pairs[rest][1].end)
                rest += 1
            Eaten.split(self._document, key.text, value.start, end).note(self._document, self._findings)
            value.broken = True
            for swallowed, _ in pairs[index + 1 : rest]:
                del node.items[swallowed.text]
            return

    def _split_items(self, items: list[Node]) -> None:
        for index, value in enumerate(items):
            if self._cut(value):
                rest = index + 1
                while rest < len(items) and opening(self._document.text[value.start : items[rest - 1].end]):
                    rest += 1
                end = items[rest - 1].end
                Eaten.split(self._document, None, value.start, end).note(self._document, self._findings)
                value.broken = True
                del items[index + 1 : rest]
                return

    def _cut(self, value: Node) -> bool:
        return (
            isinstance(value, Scalar)
            and not value.style
            and not value.broken
            and value.text.startswith("= ")
            and opening(value.text) is not None
        )


def _note_character(document: Document, error: Any, findings: Findings) -> None:
    at = error.position if isinstance(error.position, int) else 0
    findings.error(
        "yaml.character",
        f"expected text; got the control character U+{ord(document.text[at]) if at < len(document.text) else 0:04X}",
        document.span(at, at + 1),
        'write it as an escape in double quotes, e.g. "\\u0007"',
    )
