"""A connector's README shows its settings as a table that is made from its configuration model.

def test_readme_has_the_settings() -> None:
    check_settings(Path(__file__).parents[1] / "README.md", SlackConfig)

The table stands between ``<!-- settings: SlackConfig -->`` and ``<!-- end -->``; with ``UPDATE_GOLDEN=1`` in the
environment the test writes it.
"""

from __future__ import annotations

import os
import re
import types
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from hub.sdk import Mapped, Size

_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true, false",
    timedelta: "duration",
    SecretStr: "secret",
    Any: "anything",
}
_SIZE = get_args(Size)[1]


def check_settings(readme: Path, model: type[BaseModel]) -> None:
    """Fails where the README's table of a model's settings isn't what the model says.

    Raises:
        AssertionError: says how to write it.
    """
    text = readme.read_text()
    begin, end = f"<!-- settings: {model.__name__} -->\n", "<!-- end -->"
    found = re.search(re.escape(begin) + "(.*?)" + re.escape(end), text, re.DOTALL)
    assert found, (
        f"expected a line {begin.strip()} and below it {end} in {readme.name}, for the table of {model.__name__}'s "
        f"settings: add them where it shall stand; UPDATE_GOLDEN=1 pytest … writes only what is between them"
    )
    table = settings_table(model)
    if os.environ.get("UPDATE_GOLDEN"):
        readme.write_text(text[: found.start(1)] + table + text[found.end(1) :])
        return
    assert found[1] == table, f"{readme.name} is behind {model.__name__}; UPDATE_GOLDEN=1 pytest … writes the table"


def settings_table(model: type[BaseModel]) -> str:
    """The settings of a model and of the models in it, as a Markdown table."""
    rows = ["| setting | value | default | meaning |", "| --- | --- | --- | --- |"]
    rows += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in _rows(model, "")]
    return "\n".join(rows) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        meaning = " ".join((field.description or "").replace("``", "`").split())
        yield f"`{key}`", _value(field), _default(field), meaning
        for nested in _models(field.annotation):
            yield from _rows(nested, f"{key}.")


def _value(field: FieldInfo) -> str:
    return "size" if _SIZE in field.metadata else _words(field.annotation)


def _words(annotation: Any) -> str:
    """A type for people who don't program."""
    inner = [each for each in get_args(annotation) if each is not type(None)]
    origin = get_origin(annotation)
    if origin is Mapped:
        return f"{_words(inner[0])}; or an expression"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(each) for each in inner))
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin in (dict, list):
        return f"{'mapping to' if origin is dict else 'list of'} {_words(inner[-1])}"
    return _word(annotation)


def _word(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        return _words(annotation.__origin__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return _WORDS.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Mapped):
        value = value.source
    if isinstance(value, timedelta):
        milliseconds = round(value.total_seconds() * 1000)
        return _in_units(milliseconds, {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1})
    if _SIZE in field.metadata and isinstance(value, int):
        return _in_units(
            value, {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "GB": 10**9, "MB": 10**6, "kB": 1000, "B": 1}
        )
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or value in ({}, []) or isinstance(value, BaseModel) else str(value)


def _in_units(value: int, units: Mapping[str, int]) -> str:
    return next(f"{value // size}{unit}" for unit, size in units.items() if value % size == 0)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not Mapped:
        for each in get_args(annotation):
            yield from _models(each)
