"""What is shown where the pointer rests: types within expressions, what keys are for, what names mean."""

from __future__ import annotations

from collections.abc import Iterable

from lsprotocol.types import Hover, MarkupContent, MarkupKind

from hub.contracts import Shape
from hub.deployment.streams import Stream
from hub.routes.functions import FUNCTIONS
from hub.routes.syntax import Call, Expr
from hub.workbench.editor.cursor import Cursor, whereabouts
from hub.workbench.editor.expressions import Written, types_at, written_at
from hub.workbench.editor.keys import key_at
from hub.workbench.editor.names import meaning
from hub.workbench.editor.project import Project
from hub.workbench.editor.shapes import made_at
from hub.workbench.editor.text import Text

_MOST = 8
"""Kinds of events that are told apart at most."""


def hover(text: Text, index: int, project: Project) -> Hover | None:
    """What to show at a place; ``None`` where there is nothing to say."""
    written = written_at(text.content, index)
    if written is not None:
        return _typed(text, written, project)
    cursor = whereabouts(text.content, index)
    if cursor is None:
        return None
    said = _key(cursor, project) if cursor.role == "key" else meaning(cursor, project)
    return _hover(said, text, cursor.start, cursor.end) if said else None


def _hover(said: str, text: Text, start: int, end: int) -> Hover:
    return Hover(MarkupContent(MarkupKind.Markdown, said), text.range(start, end))


def _key(cursor: Cursor, project: Project) -> str | None:
    key = key_at(cursor, cursor.path, project.registry)
    if key is None:
        shape = made_at(cursor, cursor.path, project)
        return "\n\n".join(filter(None, (_code(f"{cursor.path[-1]}: {shape}"), shape.description))) if shape else None
    after = [f"One of {', '.join(f'`{each}`' for each in key.values)}."] if key.values else []
    after += [f"Default: `{key.default}`."] if key.default is not None else []
    after += ["Required."] if key.required and len(cursor.path) > 1 else []
    return "\n\n".join(filter(None, (f"**{key.name}**", key.about, " ".join(after))))


def _typed(text: Text, written: Written, project: Project) -> Hover | None:
    found = list(types_at(written, project))
    if not found:
        return None
    node = found[0][1]
    source = " ".join(written.text[node.start : node.end].split())
    name = source if len(source) <= 60 else source[:59] + "…"  # noqa: PLR2004  a line
    lines = [_type(name, found)]
    lines += [each for each in dict.fromkeys(shape.description for _, _, shape in found) if each]
    lines += _about(node)
    start, end = written.span(node)
    return _hover("\n\n".join(lines), text, start, end)


def _type(name: str, found: Iterable[tuple[Stream, Expr, Shape]]) -> str:
    """The type, one line for each kind of events where it differs."""
    types: dict[str, list[str]] = {}
    for stream, _, shape in found:
        types.setdefault(str(shape), []).append(stream.label)
    if len(types) == 1:
        return _code(f"{name}: {next(iter(types))}")
    lines = [f"{name}: {shape}  // {', '.join(dict.fromkeys(labels))}" for shape, labels in types.items()]
    more = [f"// and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return _code("\n".join([*lines[:_MOST], *more]))


def _code(text: str) -> str:
    return f"```cel\n{text}\n```"


def _about(node: Expr) -> list[str]:
    if isinstance(node, Call) and node.function in FUNCTIONS:
        return [f"`{FUNCTIONS[node.function].usage}`"]
    return []
