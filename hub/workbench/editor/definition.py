"""Where something is declared: names of topics, sinks and services, files, tables and variables of expressions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hub.deployment.finding import Span
from hub.deployment.includes import roots
from hub.deployment.nodes import Scalar
from hub.routes import ExpressionError
from hub.routes.parser import parse
from hub.routes.syntax import Call, Expr, Literal, Name, Select, walk
from hub.workbench.editor.cursor import Cursor, whereabouts
from hub.workbench.editor.expressions import Written, written_at
from hub.workbench.editor.names import declared_at
from hub.workbench.editor.project import Project

_INCLUDES = ("$ref", "$file")

Target = tuple[Path, Span | None]
"""A file, and where in it."""


def definitions(text: str, index: int, file: Path, project: Project) -> list[Target]:
    """Where that is declared which is named at a place.

    Args:
        text: of the file.
        index: the place.
        file: which one.
        project: the deployment that it belongs to.
    """
    written = written_at(text, index)
    if written is not None:
        return list(_of_expression(written, project))
    cursor = whereabouts(text, index)
    if cursor is None or cursor.role == "key":
        return []
    if cursor.path[-1:] and cursor.path[-1] in _INCLUDES:
        return list(_included(cursor, file, project))
    return list(declared_at(cursor, project))


def _included(cursor: Cursor, file: Path, project: Project) -> Iterator[Target]:
    if isinstance(cursor.node, Scalar):
        name = cursor.node.text.partition("#")[0]
        real = (file.parent / name).resolve()
        if real.is_file() and any(real.is_relative_to(root) for root in roots(project.directory)):
            yield real, None


def _of_expression(written: Written, project: Project) -> Iterator[Target]:
    try:
        tree = parse(written.text, written.shift)
    except ExpressionError:
        return
    around = [each for each in walk(tree) if each.start <= written.offset <= each.end]
    for node in sorted(around, key=lambda each: each.end - each.start):
        found = list(_declared(node, project))
        if found:
            yield from found
            return


def _declared(node: Expr, project: Project) -> Iterator[Target]:
    sections = project.survey.sections
    match node:
        case Select(operand=Name(name="env"), field=name) if name in sections.env:
            span = sections.env[name]
            yield project.file(span.start.path), span
        case Call(function="lookup", arguments=(Literal(value=str(name)), *_)) if name in sections.tables:
            _, span = sections.tables[name]
            yield project.file(span.start.path), span
