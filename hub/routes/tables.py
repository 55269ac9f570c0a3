"""The hub's own function ``lookup``: constant tables of the deployment, from text to any JSON value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.routes.arguments import text
from hub.routes.errors import Failure
from hub.routes.values import NOTHING, described


def plain(value: Any) -> Any:
    """A JSON-like value in Python's own classes: readers of files give numbers and text of classes of their own."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(each) for each in value]
    raise TypeError(f"a table holds values of JSON, not {type(value).__name__}")


def looked_up(tables: dict[str, dict[str, Any]], name: Any, key: Any, fallback: Any = NOTHING) -> Any:
    """``lookup(table, key, fallback)``."""
    table = tables.get(text(name, "lookup", " as name of a table"))
    if table is None:
        raise Failure("lookup takes the name of a table of this deployment, got another text")
    if type(key) is not str:
        hint = "; write string(…) around it" if key is not None else "; test for null first"
        raise Failure(f"lookup takes a string as key, got {described(key)}{hint}")
    value = table.get(key, fallback)
    if value is NOTHING:
        raise Failure("the table has no such key; give a third argument for what isn't in it")
    return value
