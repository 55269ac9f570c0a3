"""A unit's configuration as it may be shown to others: as it was written, with secrets hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from hub.deployment.fields import is_secret
from hub.deployment.specs import RouteSpec, UnitSpec

HIDDEN = "********"
_ONLY_REFERENCE = re.compile(r"\$\{(?:env|file):[^{}]*\}\Z")
# What a model doesn't know to be a secret may look like one, or be a part of a URL.
_TELLTALE = re.compile(r"secret|token|passw|api[_-]?key|credential|authorization|cookie", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")


def shown(spec: UnitSpec) -> dict[str, str]:
    """A unit's configuration, flat and as text, as Kafka Connect has it.

    A reference such as ``${env:TOKEN}`` is shown as it is written, never what it stands for; a secret that was written
    out is hidden.
    """
    section = spec.section.model_dump(by_alias=True, mode="json", exclude_unset=True)
    settings = section.pop("with", {})
    config = {"name": spec.name}
    if not isinstance(spec, RouteSpec):
        config["connector.class"] = section.pop("use")
        model = spec.cls.config_type()
        for path, value in _leaves(settings, ()):
            hidden = is_secret(model, path) and not _plain_reference(value)
            config[".".join(map(str, ("with", *path)))] = HIDDEN if hidden else _text(path, value)
    for path, value in _leaves(section, ()):
        config[".".join(map(str, path))] = _text(path, value)
    return dict(sorted(config.items()))


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, index))
    elif value is not None:
        yield path, value


def _text(path: tuple[Any, ...], value: Any) -> str:
    if any(isinstance(each, str) and _TELLTALE.search(each) for each in path) and not _plain_reference(value):
        return HIDDEN
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return _PASSWORD.sub(HIDDEN, text)


def _plain_reference(value: Any) -> bool:
    return isinstance(value, str) and _ONLY_REFERENCE.match(value) is not None
