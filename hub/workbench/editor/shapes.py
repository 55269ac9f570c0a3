"""Places of a schema file that stand for fields of events: what a route makes of them, what it sets and drops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub.contracts import Shape
from hub.routes.errors import ExpressionError
from hub.routes.paths import ATTRIBUTES, EACH, FieldPath, parse_path, path_name
from hub.workbench.editor.cursor import Cursor, Path
from hub.workbench.editor.project import Project

_MOST = 200


def made_at(cursor: Cursor, path: Path, project: Project) -> Shape | None:
    """The shape that a route's contract wants at a place of its ``map.data``.

    Args:
        cursor: knows the rest of the file.
        path: of the place, from the top.
        project: knows the contracts.
    """
    start = next((at for at in range(2, len(path) - 1) if path[at : at + 2] == ("map", "data")), None)
    if path[:1] != ("routes",) or start is None:
        return None
    event_type = cursor.value(*path[: start + 1], "type") or cursor.value(*path[:2], "map", "type")
    contract = project.survey.contracts.get(event_type) if isinstance(event_type, str) else None
    shape = contract.shape if contract else None
    for step in path[start + 2 :]:
        if shape is None:
            return None
        shape = shape.items if isinstance(step, int) else shape.field(step)
    return shape


def edited_at(path: Path) -> bool:
    """Whether a place names a field of the incoming event, to be set or dropped."""
    keys = [each for each in path[2:] if isinstance(each, str)]
    return path[:1] == ("routes",) and keys[-1:] in (["set"], ["drop"]) and "data" not in keys


def fields(word: str, shapes: Iterable[Shape]) -> Iterator[tuple[str, Shape | None]]:
    """The paths that can be written on from a word, with the shape of what they name.

    Args:
        word: what is written, e.g. ``data.user.na``.
        shapes: of the data, for each kind of events.
    """
    if not word.startswith("data."):
        for name in (*ATTRIBUTES, "data", "extensions"):
            yield name, None
        return
    # Only up to the last dot or bracket it is certain.
    above = word[: max(word.rfind("."), word.rfind("]") + 1)]
    found: dict[str, Shape] = {}
    for shape in shapes:
        inner: Shape | None = shape
        steps = _steps(above)
        for step in steps[1:]:
            inner = (inner.items if step is EACH else inner.field(str(step))) if inner is not None else None
        if inner is None:
            continue
        for name in inner.fields:
            path = path_name((*steps, name))
            found.setdefault(path, inner.fields[name])
            if "list" in inner.fields[name].kinds:
                found.setdefault(f"{path}[]", inner.fields[name])
    yield from list(found.items())[:_MOST]


def _steps(text: str) -> FieldPath:
    try:
        trimmed = text.removesuffix("[]")
        path = parse_path(trimmed)
    except ExpressionError:
        return ("data",)
    return (*path, EACH) if trimmed != text else path
