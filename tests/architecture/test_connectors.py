"""Every connector's folder has all its parts, so that none is forgotten with the next one."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.sdk import (
    Config,
    Connector,
    ConsumingSource,
    Found,
    Lookup,
    LookupConfig,
    Mapped,
    PollingSource,
    Source,
    WebhookSource,
)
from hub.sdk.unit import Component

PROJECT = Path(__file__).parents[2]
FOLDERS = sorted(each.parent for each in (PROJECT / "connectors").glob("*/__init__.py"))


def missing_files(folder: Path) -> list[str]:
    """What a connector's folder lacks on disk."""
    lacks = []
    readme = folder / "README.md"
    if not readme.is_file():
        lacks.append("README.md: what it offers, how it is configured, what it guarantees")
    elif "guarantee" not in readme.read_text().lower():
        lacks.append("README.md must state its delivery guarantee")
    if not any((folder / "tests").glob("test_*.py")):
        lacks.append("tests/test_*.py")
    if not (folder / "__init__.py").is_file():
        lacks.append("__init__.py, with its manifest as `connector`")
    return lacks


def missing_in_manifest(connector: object, folder: Path) -> list[str]:
    """What a connector's manifest lacks, or contradicts its folder in."""
    if not isinstance(connector, Connector):
        return ["`connector`, a hub.sdk.Connector, in its __init__.py"]
    lacks = []
    if connector.name != folder.name:
        lacks.append(f"the name {connector.name!r} must be the folder's, {folder.name!r}")
    kinds = [*connector.sources.items(), *connector.sinks.items(), *connector.lookups.items()]
    if not kinds:
        lacks.append("a source, a sink or a look-up")
    readme = (folder / "README.md").read_text() if (folder / "README.md").is_file() else ""
    units: list[tuple[str, type[Component[Any]]]] = [
        (f"{connector.name}.{kind}" if kind else connector.name, cls) for kind, cls in kinds
    ]
    for use, cls in units:
        if not re.search(rf"\b{re.escape(use)}\b", readme):
            lacks.append(f"README.md doesn't mention `use: {use}`")
        lacks += [f"{use}: {each}" for each in missing_in_class(cls)]
    return lacks


def missing_in_class(cls: type[Component[Any]]) -> list[str]:
    """What a source, sink or look-up lacks."""
    lacks = [] if cls.__dict__.get("__doc__") else ["a docstring"]
    lacks += [
        f"the field `{name}` of {cls.config_type().__name__} has no description"
        for name, field in cls.config_type().model_fields.items()
        if not field.description
    ]
    if issubclass(cls, Source):
        if not cls.events and cls.event_types.__func__ is Source.event_types.__func__:  # type: ignore[attr-defined]
            lacks.append("`events`: the event types that it gives")
        lacks += [
            f"schemas/{schema} of the event type {each} doesn't exist"
            for each, schema in cls.events.items()
            if schema is not None and not any((place / "schemas" / schema).is_file() for place in places(cls))
        ]
        if not cls.partition_key and not any("partitionkey" in text for text in own_code(cls)):
            lacks.append("`partition_key`: what keeps its events in order")
        if not issubclass(cls, PollingSource | WebhookSource | ConsumingSource):
            lacks.append("must be a PollingSource, a WebhookSource or a ConsumingSource")
    schema = cls.schema if issubclass(cls, Lookup) else None
    if isinstance(schema, str) and not any((place / "schemas" / schema).is_file() for place in places(cls)):
        lacks.append(f"schemas/{schema}, of what it finds, doesn't exist")
    return lacks


def places(cls: type) -> list[Path]:
    """Where the schemas of a connector may lie: in its own folder, or with those of the project."""
    package = importlib.import_module(cls.__module__.rpartition(".")[0])
    return [*map(Path, package.__path__), PROJECT]


def own_code(cls: type) -> list[str]:
    """The code of a connector's class; of its whole folder where the user declares what it gives."""
    if not issubclass(cls, Source) or cls.declared is Source.declared:
        return [inspect.getsource(cls)]
    return [each.read_text() for each in Path(inspect.getfile(cls)).parent.glob("*.py")]


def test_there_are_connectors() -> None:
    """The three connectors that prove the author's API are there."""
    assert {"github", "http", "rabbitmq"} <= {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_connector_has_all_its_parts(folder: Path) -> None:
    """Manifest, documentation, guarantee, tests, descriptions and schemas are there."""
    manifest = getattr(importlib.import_module(f"connectors.{folder.name}"), "connector", None)
    lacks = missing_files(folder) + missing_in_manifest(manifest, folder)
    assert not lacks, "\n".join(lacks)


class BareConfig(Config):
    url: str
    key: Mapped[str]


class BareSource(PollingSource[BareConfig, None]):  # type: ignore[type-var]  as wrong as can be
    events = {"thing": "nowhere/thing/v1.json"}


def test_an_empty_folder_is_told_all_that_it_lacks(tmp_path: Path) -> None:
    """The check names each missing part."""
    assert [each.split(":")[0] for each in missing_files(tmp_path)] == [
        "README.md",
        "tests/test_*.py",
        "__init__.py, with its manifest as `connector`",
    ]
    (tmp_path / "README.md").write_text("Hello.")
    assert "README.md must state its delivery guarantee" in missing_files(tmp_path)


def test_a_bare_manifest_is_told_all_that_it_lacks(tmp_path: Path) -> None:
    """A source without description, schema and key is told so, with the names."""
    assert missing_in_manifest(None, tmp_path) == ["`connector`, a hub.sdk.Connector, in its __init__.py"]
    lacks = missing_in_manifest(Connector("bare", "Bare", sources={"poll": BareSource}), tmp_path)
    assert lacks == [
        f"the name 'bare' must be the folder's, {tmp_path.name!r}",
        "README.md doesn't mention `use: bare.poll`",
        "bare.poll: a docstring",
        "bare.poll: the field `url` of BareConfig has no description",
        "bare.poll: the field `key` of BareConfig has no description",
        "bare.poll: schemas/nowhere/thing/v1.json of the event type thing doesn't exist",
        "bare.poll: `partition_key`: what keeps its events in order",
    ]
    assert missing_in_manifest(Connector(tmp_path.name, "Empty"), tmp_path) == ["a source, a sink or a look-up"]


class BareLookup(Lookup[LookupConfig, str]):
    """Finds nothing."""

    schema = "nowhere/thing/v1.json"

    async def look_up(self, keys: Sequence[str]) -> Sequence[Found]:
        return [Found(None) for _ in keys]


def test_a_look_up_is_held_to_the_same(tmp_path: Path) -> None:
    """It is documented, and so is what it finds."""
    assert missing_in_manifest(Connector(tmp_path.name, "Look", lookups={"thing": BareLookup}), tmp_path) == [
        f"README.md doesn't mention `use: {tmp_path.name}.thing`",
        f"{tmp_path.name}.thing: schemas/nowhere/thing/v1.json, of what it finds, doesn't exist",
    ]
