"""What can be written at a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol.types import CompletionItem, CompletionItemKind, InsertTextFormat, MarkupContent, MarkupKind, TextEdit

from hub.contracts import Shape
from hub.deployment.includes import roots
from hub.routes.checker import Completion, complete
from hub.workbench.editor.cursor import Cursor, completing
from hub.workbench.editor.expressions import Written, worlds, written_at
from hub.workbench.editor.keys import Key, key_at, keys_at
from hub.workbench.editor.names import place_of, taken_at
from hub.workbench.editor.project import Project
from hub.workbench.editor.shapes import edited_at, fields, made_at
from hub.workbench.editor.text import Text

_KINDS = {
    "field": CompletionItemKind.Field,
    "function": CompletionItemKind.Function,
    "macro": CompletionItemKind.Keyword,
    "variable": CompletionItemKind.Variable,
    "topic": CompletionItemKind.Event,
    "event": CompletionItemKind.Event,
    "sink": CompletionItemKind.Interface,
    "service": CompletionItemKind.Module,
    "connector": CompletionItemKind.Module,
}
_INCLUDES = ("$ref", "$file")
_MOST_FILES = 500


def completions(text: Text, index: int, project: Project) -> list[CompletionItem]:
    """What can be written at a place, in the order of what is likely meant."""
    written = written_at(text.content, index)
    if written is not None:
        return list(_in_expression(text, index, written, project))
    cursor = completing(text.content, index)
    if cursor is None:
        return []
    items = _keys(cursor, project) if cursor.role == "key" else _values(cursor, project)
    return list(_placed(items, text, cursor.start, cursor.end))


def _placed(items: Iterable[CompletionItem], text: Text, start: int, end: int) -> Iterator[CompletionItem]:
    """Items that replace the word at the place, whatever an editor takes for a word."""
    place = text.range(start, end)
    for number, each in enumerate(items):
        each.text_edit = TextEdit(place, each.insert_text or each.label)
        each.insert_text = None
        each.filter_text = each.label
        each.sort_text = f"{number:05}"
        yield each


# Expressions


def _in_expression(text: Text, index: int, written: Written, project: Project) -> Iterator[CompletionItem]:
    found: dict[str, tuple[Completion, list[Shape]]] = {}
    source, offset = written.text[written.shift :], written.offset - written.shift
    for _, names in worlds(written, project):
        for each in complete(source, offset, names, tables=project.typing.tables):
            found.setdefault(each.name, (each, []))[1].append(each.shape)
    start = index
    while start and (text.content[start - 1].isalnum() or text.content[start - 1] == "_"):
        start -= 1
    ordered = sorted(found.values(), key=lambda pair: ("field", "variable", "macro", "function").index(pair[0].kind))
    yield from _placed((_expression_item(each, shapes) for each, shapes in ordered), text, start, index)


def _expression_item(found: Completion, shapes: list[Shape]) -> CompletionItem:
    types = list(dict.fromkeys(map(str, shapes)))
    return CompletionItem(
        label=found.name,
        kind=_KINDS[found.kind],
        detail=" / ".join(types) if found.kind != "macro" else None,
        documentation=_markdown(found.documentation),
    )


def _markdown(text: str) -> MarkupContent | None:
    return MarkupContent(MarkupKind.Markdown, text) if text else None


# YAML


def _keys(cursor: Cursor, project: Project) -> list[CompletionItem]:
    path, there = cursor.path, cursor.siblings
    if path and isinstance(path[-1], int) and (place := place_of(path)):
        # `- x:` in a list of names: what looked like a key is a name.
        return _names(place, cursor, project)
    if edited_at(path):
        return _edits(cursor, project, ": ")
    wanted = made_at(cursor, path, project)
    if wanted is not None:
        return [_field_item(name, wanted, ": ") for name in wanted.fields if name not in there]
    found = [each for each in keys_at(cursor, path, project.registry) if each.name not in there]
    return [_key_item(each) for each in sorted(found, key=lambda each: not each.required)]


def _key_item(key: Key) -> CompletionItem:
    about = key.about + (f"\n\nDefault: `{key.default}`." if key.default is not None else "")
    return CompletionItem(
        label=key.name,
        kind=CompletionItemKind.Property,
        detail="required" if key.required else None,
        documentation=_markdown(about.strip()),
        insert_text=f"{key.name}: ",
        insert_text_format=InsertTextFormat.PlainText,
    )


def _values(cursor: Cursor, project: Project) -> list[CompletionItem]:
    path = cursor.path
    if place := place_of(path):
        return _names(place, cursor, project)
    if edited_at(path):
        return _edits(cursor, project, "")
    if path[-1:] and path[-1] in _INCLUDES:
        return [CompletionItem(label=each, kind=CompletionItemKind.File) for each in _files(project)]
    key = key_at(cursor, path, project.registry)
    values = key.values if key else []
    if path[-1:] == ("start",):
        values = ["latest", "earliest"]
    if values:
        return [CompletionItem(label=each, kind=CompletionItemKind.EnumMember) for each in values]
    return []


def _names(place: str, cursor: Cursor, project: Project) -> list[CompletionItem]:
    listed = set(cursor.listed(*(each for each in cursor.path if isinstance(each, str)))) if cursor.path else set()
    return [
        CompletionItem(label=each.name, kind=_KINDS[each.kind], detail=each.about)
        for each in taken_at(place, cursor, project)
        if each.name not in listed or place not in ("from", "to")
    ]


def _edits(cursor: Cursor, project: Project, after: str) -> list[CompletionItem]:
    """Fields of the incoming event, level by level."""
    topics = cursor.listed(*cursor.path[:2], "from")
    shapes = [stream.data for stream in project.streams(str(cursor.path[1]), topics)]
    return [
        CompletionItem(
            label=name,
            kind=CompletionItemKind.Field,
            detail=str(shape) if shape is not None else None,
            documentation=_markdown((shape.description if shape is not None else None) or ""),
            insert_text=name + (after if name not in ("data", "extensions") else ""),
        )
        for name, shape in fields(cursor.word, shapes)
    ]


def _field_item(name: str, shape: Shape, after: str) -> CompletionItem:
    field = shape.fields[name]
    return CompletionItem(
        label=name,
        kind=CompletionItemKind.Field,
        detail=f"{field}, required" if name in shape.required else str(field),
        documentation=_markdown(field.description or ""),
        insert_text=name + after,
    )


def _files(project: Project) -> Iterator[str]:
    """What can be included, as it is written: relative to the deployment's directory."""
    real = roots(project.directory)[0]
    found = (each for each in sorted(real.rglob("*")) if each.is_file() and each.parent != real)
    for number, each in enumerate(found):
        if number == _MOST_FILES:
            return
        if not any(part.startswith(".") for part in each.relative_to(real).parts):
            yield each.relative_to(real).as_posix()
