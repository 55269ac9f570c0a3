"""What configuration models say of a place below them: which keys it takes, whether it holds a secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr

from hub.sdk.config import Mapped

Location = tuple[Any, ...]


def keys(model: type[BaseModel]) -> Iterator[str]:
    """The keys that a model takes, as they are written."""
    for name, info in model.model_fields.items():
        yield info.alias or name


def models_at(model: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """The models that may stand at a place below a model; several in a union."""
    annotations: list[Any] = [model]
    for step in location:
        following = [each for annotation in annotations for each in _step(annotation, step)]
        # pydantic puts tags of unions and validators into the path; the file doesn't have them.
        annotations = following or annotations
    return [each for annotation in annotations for each in _models(annotation)]


def is_secret(model: type[BaseModel], location: Location) -> bool:
    """Whether the field at a place, or one above it, holds a secret."""
    annotations: list[Any] = [model]
    for step in location:
        if any(_mentions_secret(each) for each in annotations):
            return True
        annotations = [each for annotation in annotations for each in _step(annotation, step)]
    return any(_mentions_secret(each) for each in annotations)


def mapped_at(model: type[BaseModel], location: Location) -> list[Any]:
    """The types, containers without their contents, that an expression at a place may give; none where any will do."""
    annotations: list[Any] = [model]
    for step in location:
        annotations = [each for annotation in annotations for each in _step(annotation, step)]
    found: list[Any] = []
    for annotation in annotations:
        for each in _mapped(annotation):
            found += [get_origin(each) or each]
    return list(dict.fromkeys(found))


def _mapped(annotation: Any) -> Iterator[Any]:
    """The alternatives within ``Mapped[…]``."""
    if get_origin(annotation) is Mapped:
        yield from _alternatives(get_args(annotation)[0])
    else:
        for each in _inner(annotation):
            yield from _mapped(each)


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _mentions_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_mentions_secret(each) for each in get_args(annotation))


def _step(annotation: Any, step: Any) -> Iterator[Any]:
    for each in _models(annotation):
        for name, info in each.model_fields.items():
            if step == (info.alias or name):
                yield info.annotation
        if each.model_config.get("extra") == "allow" and step not in set(keys(each)):
            yield from _further(each)
    for each in _containers(annotation):
        arguments = get_args(each)
        if get_origin(each) is dict and isinstance(step, str) and len(arguments) > 1:
            yield arguments[1]
        elif get_origin(each) in (list, tuple, set, frozenset) and isinstance(step, int) and arguments:
            yield arguments[0]


def _further(model: type[BaseModel]) -> Iterator[Any]:
    """What a model takes under keys of the user's own."""
    extra = get_type_hints(model, include_extras=True).get("__pydantic_extra__")
    yield from get_args(extra)[1:]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for each in _inner(annotation):
            yield from _models(each)


def _containers(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (dict, list, tuple, set, frozenset):
        yield annotation
    else:
        for each in _inner(annotation):
            yield from _containers(each)


def _inner(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return get_args(annotation)[:1]
    if origin is Mapped or origin is Union or type(annotation).__name__ == "UnionType":
        return get_args(annotation)
    return ()
