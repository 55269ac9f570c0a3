"""Expressions in the file that is open: where they are, what their names mean, of which types their parts are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.contracts import DYN, Shape
from hub.contracts.shape import INT
from hub.deployment.document import Document
from hub.deployment.nodes import Scalar
from hub.deployment.streams import Stream
from hub.routes import ExpressionError
from hub.routes.checker import check_source
from hub.routes.parser import parse
from hub.routes.syntax import Expr
from hub.routes.tree import MARK
from hub.routes.writer import Source
from hub.workbench.editor.cursor import Cursor, expression_at
from hub.workbench.editor.project import Project


@dataclass(frozen=True)
class Written:
    """An expression as it is written at the moment.

    Attributes:
        cursor: where it stands in the file.
        document: the file.
        scalar: the text that holds it.
        text: the expression without its mark.
        shift: characters of the mark.
        offset: the place that was asked for, in ``text``.
    """

    cursor: Cursor
    document: Document
    scalar: Scalar
    text: str
    shift: int
    offset: int

    @property
    def unit(self) -> str:
        """Name of the route or sink."""
        return str(self.cursor.path[1])

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where it stands in its unit's section."""
        return self.cursor.path[2:]

    def span(self, node: Expr) -> tuple[int, int]:
        """Where a part of it stands in the file."""
        indices = [self.document.at_offset(self.scalar, each + self.shift) for each in (node.start, node.end - 1)]
        return indices[0], indices[1] + 1


def written_at(text: str, index: int) -> Written | None:
    """The expression at a place of a file."""
    found = expression_at(text, index)
    if found is None or len(found[0].path) < 3:  # noqa: PLR2004  section, unit and key
        return None
    cursor, document, scalar = found
    shift = len(MARK) if scalar.text.startswith(MARK) else len(scalar.text) if scalar.text == MARK.rstrip() else 0
    offset = document.offset(scalar, index) - shift
    body = scalar.text[shift:]
    if index > scalar.end:
        # White space behind the text, which YAML leaves out and which matters while one writes.
        body, offset = body + " ", len(body) + 1
    return Written(cursor, document, scalar, body, shift, offset) if offset >= 0 else None


def worlds(found: Written, project: Project) -> Iterator[tuple[Stream, dict[str, Shape]]]:
    """What the expression sees, for each kind of events that reach it."""
    section, unit = found.cursor.path[0], found.unit
    topics = found.cursor.listed(str(section), unit, "from")
    split = found.cursor.value(str(section), unit, "split")
    whole = found.path[:1] in (("where",), ("split",))
    for stream in project.streams(unit, topics):
        names = project.names(stream)
        if isinstance(split, str) and not whole:
            names |= {"item": _element(split, names), "index": INT}
        yield stream, names


def _element(split: str, names: dict[str, Shape]) -> Shape:
    try:
        source = Source(split, parse(split))
    except ExpressionError:
        return DYN
    return check_source(source, names).shape.items or DYN


def types_at(found: Written, project: Project) -> Iterator[tuple[Stream, Expr, Shape]]:
    """The smallest part at the place, with its shape for each kind of events; none while the text is no expression."""
    try:
        source = Source(found.text, parse(found.text), found.path)
    except ExpressionError:
        return
    for stream, names in worlds(found, project):
        checked = check_source(source, names, tables=project.typing.tables).type_at(found.offset)
        if checked is not None:
            yield stream, *checked
