"""``set:`` and ``drop:`` on a payload: a few fields change, all else stays, and nothing of the input is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hub.routes.errors import ExpressionError, Failure
from hub.routes.output import json_bytes
from hub.routes.paths import EACH, Each, FieldPath, path_name
from hub.routes.values import described
from hub.sdk import Event

_MISSING: Any = object()


class Edit:
    """What becomes of one value of a payload: it is dropped, replaced, or changed below.

    Attributes:
        where: its path, for messages.
        drops: whether it goes.
        value: index of the value that takes its place; ``None`` if none does.
        after: what goes from that value again, as edits of its own.
        below: what becomes of its fields; `EACH` stands for all elements of a list.
        sets: whether anything is set in it or below.
    """

    __slots__ = ("after", "below", "drops", "sets", "value", "where")

    def __init__(self, where: FieldPath) -> None:
        self.where = where
        self.drops = False
        self.value: int | None = None
        self.after: Edit | None = None
        self.below: dict[str | Each, Edit] = {}
        self.sets = False


def plan(drop: Iterable[FieldPath], set_: Iterable[FieldPath], trimmed: Iterable[FieldPath] = ()) -> Edit:
    """The edits of a payload as a tree.

    Args:
        drop: paths that start with ``data`` and name at least one field.
        set_: as many paths as there will be values, likewise.
        trimmed: what goes from these values again: paths that go on from paths of them.

    Raises:
        ExpressionError: two paths contradict each other.
    """
    root = Edit(("data",))
    for path in drop:
        edit = _reach(root, path)
        edit.drops = True
    for index, path in enumerate(set_):
        edit = _reach(root, path, sets=True)
        if edit.value is not None or any(each.sets for each in edit.below.values()):
            raise _contradiction(path)
        edit.value = index
    for path in trimmed:
        edit = root
        while edit.value is None:
            edit = edit.below[path[len(edit.where)]]
        edit.after = edit.after or Edit(edit.where)
        _reach(edit.after, path).drops = True
    return root


def _reach(root: Edit, path: FieldPath, *, sets: bool = False) -> Edit:
    edit = root
    above = len(root.where)
    for length, step in enumerate(path[above:], above + 1):
        edit.sets = edit.sets or sets
        if edit.value is not None:
            raise _contradiction(path)
        if edit.below and (step is EACH) != (EACH in edit.below):
            text = path_name(path)
            message = f"`{path_name(edit.where)}` is a list in one path and an object in another"
            raise ExpressionError("route.path", message, source=text, start=0, end=len(text))
        edit = edit.below.setdefault(step, Edit(path[:length]))
    edit.sets = edit.sets or sets
    return edit


def _contradiction(path: FieldPath) -> ExpressionError:
    text = path_name(path)
    message = f"`{text}` is set twice, by itself or as a part of what is set above it"
    return ExpressionError("route.path", message, source=text, start=0, end=len(text), suggestion="keep one of them")


def edited(value: Any, edit: Edit, values: Sequence[Any]) -> Any:
    """A payload with its edits; what isn't on their paths is shared with the input.

    Args:
        value: a JSON value.
        edit: what becomes of it.
        values: what is set, by the edits' indices.

    Raises:
        Failure: something is to be set in what is no object, or no list.
    """
    if edit.value is not None:
        made = values[edit.value]
        return made if edit.after is None else edited(made, edit.after, ())
    if edit.drops or value is _MISSING:
        if not edit.sets or EACH in edit.below:
            return _MISSING
        value = {}
    if EACH in edit.below:
        return _elements(value, edit, values)
    if type(value) is not dict:
        if edit.sets:
            raise Failure(f"expected an object at `{path_name(edit.where)}`, got {described(value)}")
        return value
    copy = dict(value)
    for field, below in edit.below.items():
        changed = edited(copy.get(field, _MISSING), below, values)
        if changed is _MISSING:
            copy.pop(field, None)
        else:
            copy[field] = changed
    return copy


def _elements(value: Any, edit: Edit, values: Sequence[Any]) -> Any:
    """Each element with its edits."""
    if type(value) is not list:
        if edit.sets:
            raise Failure(f"expected a list at `{path_name(edit.where)}`, got {described(value)}")
        return value
    return [edited(each, edit.below[EACH], values) for each in value]


def edited_payload(event: Event, edit: Edit, values: Sequence[Any]) -> bytes | None:
    """An event's payload with its edits; a tombstone stays one unless something is set in it."""
    if event.raw is None and not edit.sets:
        return None
    return json_bytes(edited(event.data, edit, values))
