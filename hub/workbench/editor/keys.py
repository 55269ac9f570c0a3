"""Which keys and values a place of a schema file takes, and what they are for: as the models of sections say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hub.deployment import Registry
from hub.deployment.registry import UnknownUse
from hub.deployment.sections import SECTIONS
from hub.sdk.config import Mapped
from hub.workbench.editor.cursor import Cursor, Path

ABOUT = {
    "deployment": "The deployment's name: it prefixes consumer groups and the hub's own topics.",
    "env": "Environment variables that expressions may read as `env.NAME`.",
    "services": "External APIs with their credentials, shared by the units that name them.",
    "sources": "Where events come from.",
    "topics": "Topics with their settings, where the defaults don't do, or that other programs write.",
    "events": "Event types and the JSON Schemas of their data.",
    "tables": "Constant tables for `lookup(table, key)` in expressions.",
    "routes": "Topics → predicate → look-ups → split → shape → topics and sinks.",
    "processors": "Not there yet.",
    "sinks": "Where events go.",
    "tests": "Examples that routes must get right; `hub test` runs them.",
}
"""The sections of a file, for people."""


@dataclass(frozen=True)
class Key:
    """A key that a mapping takes.

    Attributes:
        name: as it is written.
        about: what it is for.
        required: whether it can't be left out.
        default: what holds without it, where that can be said.
        annotation: the type of its value.
    """

    name: str
    about: str
    required: bool
    default: str | None
    annotation: Any

    @property
    def values(self) -> list[str]:
        """The values that it takes, where they can be listed."""
        return list(dict.fromkeys(_values(self.annotation)))


def keys_at(cursor: Cursor, path: Path, registry: Registry) -> list[Key]:
    """The keys that the mapping at a path takes; none where they are names, or anything.

    Args:
        cursor: knows the rest of the file, e.g. the connector under ``use:``.
        path: of the mapping, from the top.
        registry: where connectors are looked up.
    """
    if not path:
        return [Key(name, about, required=False, default=None, annotation=Any) for name, about in ABOUT.items()]
    found: dict[str, Key] = {}
    for model in _models_at(cursor, path, registry):
        for name, info in model.model_fields.items():
            key = _key(info.alias or name, info)
            found.setdefault(key.name, key)
    return list(found.values())


def key_at(cursor: Cursor, path: Path, registry: Registry) -> Key | None:
    """The key at the end of a path."""
    if not path or not isinstance(path[-1], str):
        return None
    return next((each for each in keys_at(cursor, path[:-1], registry) if each.name == path[-1]), None)


def kind_of(path: Path) -> str | None:
    """The word for what is declared in the section that a path leads into, e.g. ``route``."""
    return SECTIONS[path[0]][0] if path and path[0] in SECTIONS else None


def config_of(cursor: Cursor, path: Path, registry: Registry) -> type[BaseModel] | None:
    """The model of ``with:`` of the entry that a path leads into."""
    lookup = path[2:3] == ("enrich",)
    use, kind = cursor.value(*path[: 4 if lookup else 2], "use"), kind_of(path)
    if not isinstance(use, str):
        return None
    try:
        if lookup:
            return registry.lookup(use)[1].config_type()
        if kind == "source":
            return registry.source(use)[1].config_type()
        if kind == "sink":
            return registry.sink(use)[1].config_type()
        return registry.service(use)[1] if kind == "service" else None
    except UnknownUse:
        return None


def _models_at(cursor: Cursor, path: Path, registry: Registry) -> list[type[BaseModel]]:
    if len(path) < 2 or path[0] not in SECTIONS:  # noqa: PLR2004  the section, and the entry's name
        return []
    section, _, *rest = path
    model: type[BaseModel] | None = SECTIONS[section][1]  # type: ignore[index]  # a key is text
    if rest and rest[0] == "with":
        model, rest = config_of(cursor, path, registry), rest[1:]
    elif rest[:1] == ["enrich"] and rest[2:3] == ["with"]:
        model, rest = config_of(cursor, path, registry), rest[3:]
    annotations: list[Any] = [model]
    for step in rest:
        annotations = [each for annotation in annotations for each in _below(annotation, step)]
    return [each for annotation in annotations for each in _models(annotation)]


def _below(annotation: Any, step: Any) -> Iterator[Any]:
    for inner in _alternatives(annotation):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from (info.annotation for name, info in inner.model_fields.items() if step == (info.alias or name))
        arguments = get_args(inner)
        if get_origin(inner) is dict and isinstance(step, str) and len(arguments) > 1:
            yield arguments[1]
        elif get_origin(inner) in (list, tuple, set, frozenset) and isinstance(step, int) and arguments:
            yield arguments[0]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    yield from (each for each in _alternatives(annotation) if isinstance(each, type) and issubclass(each, BaseModel))


def _alternatives(annotation: Any) -> Iterator[Any]:
    """A type without what is around it; each one of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType, Mapped):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _values(annotation: Any) -> Iterator[str]:
    for each in _alternatives(annotation):
        if each is bool:
            yield from ("true", "false")
        elif get_origin(each) is Literal:
            yield from (str(value) for value in get_args(each) if isinstance(value, str))


def _key(name: str, info: FieldInfo) -> Key:
    default = None
    if info.default is not PydanticUndefined and isinstance(info.default, str | int | float | bool):
        default = str(info.default).lower() if isinstance(info.default, bool) else str(info.default)
    about = (info.description or "").replace("``", "`")
    return Key(name, about, info.is_required(), default, info.annotation)
