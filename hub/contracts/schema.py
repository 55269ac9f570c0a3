"""Whether a JSON value is a schema of JSON Schema 2020-12, and whether it says what its author meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hub.contracts.explanation import explain
from hub.contracts.keywords import DIALECT, KNOWN, walk
from hub.contracts.keywords import Path as Steps
from hub.contracts.problem import SchemaProblem

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


def problems(schema: Any, file: Path | None = None, at: Steps = ()) -> Iterator[SchemaProblem]:
    """What is wrong with a schema, its references aside.

    Args:
        schema: as it stands in its file.
        file: the file; None for a schema in a deployment's own file.
        at: path to the schema within the file.
    """
    misspelt = list(_types(schema, file, at))
    # The metaschema tells of a wrong type as well, in more words, and of one place several times.
    reported = {each.at[:-1] if isinstance(each.at[-1], int) else each.at for each in misspelt}
    wrong = list(misspelt)
    for each in _meta(schema, file, at):
        if not any(each.at[: len(other)] == other for other in reported):
            reported.add(each.at)
            wrong.append(each)
    yield from wrong
    if not wrong:
        yield from _looks(schema, file, at)


def _meta(schema: Any, file: Path | None, at: Steps) -> Iterator[SchemaProblem]:
    if isinstance(schema, Mapping) and (dialect := schema.get("$schema", DIALECT)) not in (DIALECT, f"{DIALECT}#"):
        yield SchemaProblem(
            "event.schema",
            f"expected JSON Schema 2020-12; got `{dialect!s:.80}`",
            file,
            (*at, "$schema"),
            suggestion=f"write {DIALECT}, or leave `$schema` out",
        )
        return
    for violation in explain(_metaschema().iter_errors(schema)):
        path = tuple(each.replace("~1", "/").replace("~0", "~") for each in violation.path.split("/")[1:])
        keyword = path[-1] if path else "schema"
        yield SchemaProblem("event.schema", f"`{keyword}`: {violation.message}", file, (*at, *path))


def _types(schema: Any, file: Path | None, at: Steps) -> Iterator[SchemaProblem]:
    """A misspelt type; the metaschema would only say that it is none of several alternatives."""
    for path, each in walk(schema, at):
        named = each.get("type") if isinstance(each, Mapping) else None
        for index, name in enumerate(named if isinstance(named, list) else [named]):
            if isinstance(name, str) and name not in _TYPES:
                close = difflib.get_close_matches(name, _TYPES, 1)
                yield SchemaProblem(
                    "event.schema",
                    f"there is no type `{name:.60}`" + (f"; did you mean `{close[0]}`?" if close else ""),
                    file,
                    (*path, "type", index) if isinstance(named, list) else (*path, "type"),
                    suggestion=None if close else f"there are {', '.join(_TYPES)}",
                    fix=close[0] if close else None,
                    of_value=True,
                )


def _looks(schema: Any, file: Path | None, at: Steps) -> Iterator[SchemaProblem]:
    """What JSON Schema allows, and nobody means."""
    for path, each in walk(schema, at):
        if not isinstance(each, Mapping):
            continue
        for keyword in each:
            close = difflib.get_close_matches(keyword, KNOWN, 1, cutoff=0.8)
            if keyword not in KNOWN and not keyword.startswith("x-") and close:
                yield SchemaProblem(
                    "event.unknown_keyword",
                    f"JSON Schema has no keyword `{keyword:.60}`; did you mean `{close[0]}`?",
                    file,
                    (*path, keyword),
                    fix=close[0],
                    severity="warning",
                )
        if each.get("nullable") is True:
            yield SchemaProblem(
                "event.unknown_keyword",
                "`nullable` is OpenAPI 3.0's and means nothing here: null breaks this contract",
                file,
                (*path, "nullable"),
                suggestion='list "null" among the types',
                severity="warning",
            )
        if each.get("additionalProperties") is False and "patternProperties" not in each:
            for name in each.get("required", ()):
                if name not in each.get("properties", ()):
                    yield SchemaProblem(
                        "event.impossible",
                        f"`{name:.60}` is required, and `additionalProperties: false` forbids it: no event can fit",
                        file,
                        (*path, "required"),
                        suggestion="list it under `properties`",
                        severity="warning",
                    )


@cache
def _metaschema() -> Any:
    import jsonschema_rs  # noqa: PLC0415  needed where a schema is checked, not where one is named

    return jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, validate_formats=True, offline=True)
