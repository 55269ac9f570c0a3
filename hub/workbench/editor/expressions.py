"""Expressions in the file that is open: where they are, what their names mean, of which types their parts are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from hub.contracts import DYN, Shape
from hub.contracts.shape import INT
from hub.deployment.document import Document
from hub.deployment.nodes import Scalar
from hub.deployment.streams import Stream
from hub.routes import ExpressionError
from hub.routes.checker import check_source
from hub.routes.enriching import known_before
from hub.routes.parser import parse
from hub.routes.syntax import Expr
from hub.routes.tree import MARK
from hub.routes.writer import Source
from hub.workbench.editor.cursor import Cursor, expression_at
from hub.workbench.editor.project import Project

Types: TypeAlias = tuple[tuple[Expr, Shape], ...]
"""Parts of an expression with their shapes."""


@dataclass(frozen=True)
class Written:
    """An expression as it is written at the moment.

    Attributes:
        cursor: where it stands in the file.
        document: the file.
        scalar: the text that holds it.
        text: the expression with its mark, if it has one.
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
        indices = [self.document.at_offset(self.scalar, each) for each in (node.start, node.end - 1)]
        return indices[0], indices[1] + 1


def written_at(text: str, index: int) -> Written | None:
    """The expression at a place of a file."""
    found = expression_at(text, index)
    if found is None or len(found[0].path) < 3:  # noqa: PLR2004  section, unit and key
        return None
    cursor, document, scalar = found
    whole, offset = scalar.text, document.offset(scalar, index)
    shift = len(MARK) if whole.startswith(MARK) else len(whole) if whole == MARK.rstrip() else 0
    if index > scalar.end:
        # White space behind the text, which YAML leaves out and which matters while one writes.
        whole, offset = whole + " ", len(whole) + 1
    return Written(cursor, document, scalar, whole, shift, offset) if offset >= shift else None


def worlds(found: Written, project: Project) -> Iterator[tuple[Stream, dict[str, Shape]]]:
    """What the expression sees, for each kind of events that reach it."""
    section, unit = found.cursor.path[0], found.unit
    topics = found.cursor.listed(str(section), unit, "from")
    split = found.cursor.value(str(section), unit, "split")
    whole = found.path[:1] in (("where",), ("split",), ("enrich",))
    answers = _answers(found, project)
    for stream in project.streams(unit, topics):
        names = project.names(stream) | answers
        if isinstance(split, str) and not whole:
            names |= {"item": _element(split, names), "index": INT}
        yield stream, names


def _answers(found: Written, project: Project) -> dict[str, Shape]:
    """What the expression sees of look-ups."""
    route = project.route(found.unit)
    if route is None:
        return {}
    known = {name: each.answers.found for name, each in route.lookups.items()}
    return {name: known.get(name, DYN) for name in known_before(found.path, route.route.lookups)}


def _element(split: str, names: dict[str, Shape]) -> Shape:
    try:
        source = Source(split, parse(split))
    except ExpressionError:
        return DYN
    return check_source(source, names).shape.items or DYN


def types_at(found: Written, project: Project) -> Iterator[tuple[Stream, Expr, Shape]]:
    """The smallest part at the place, with its shape for each kind of events; none while the text is no expression."""
    try:
        source = Source(found.text, parse(found.text, found.shift), found.path)
    except ExpressionError:
        return
    checked = list(_checked(found, project)) or [
        (stream, check_source(source, names, tables=project.typing.tables).types)
        for stream, names in worlds(found, project)
    ]
    for stream, types in checked:
        around = [each for each in types if each[0].start <= found.offset <= each[0].end]
        if around:
            yield stream, *min(around, key=lambda each: each[0].end - each[0].start)


def _checked(found: Written, project: Project) -> Iterator[tuple[Stream, Types]]:
    """What the last check says, if the expression is still the same: it knows what conditions before it showed."""
    route = project.route(found.unit)
    known = route.route.sources.found if route else ()
    if any(each.path == found.path and each.text == found.text for each in known):
        for stream, result in project.typing.routes.get(found.unit, ()):
            if types := result.types.get(found.path):
                yield stream, types
