"""Connectors: found in folders and entry points, imported when they are used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hub.deployment import registry as registries
from hub.deployment.registry import Registry, UnknownUse
from hub.sdk import Connector

GOOD = "from hub.sdk import Connector\nconnector = Connector('{name}', '{name}')\n"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of connectors, in place of the real one."""
    package = tmp_path / "some_connectors"
    package.mkdir()
    for name, text in {
        "one": GOOD.format(name="one"),
        "two": GOOD.format(name="two"),
        "torn": "import a_module_that_nobody_has",
        "empty": "",
        "raising": "raise RuntimeError('out of order')",
    }.items():
        (package / name).mkdir()
        (package / name / "__init__.py").write_text(text)
    (package / "module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registries, "PACKAGE", "some_connectors")
    monkeypatch.setattr(registries, "entry_points", lambda group: [])
    yield package
    for name in [each for each in sys.modules if each.startswith("some_connectors")]:
        del sys.modules[name]


def entries(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    found = [EntryPoint(name, value, registries.GROUP) for name, value in values.items()]
    monkeypatch.setattr(registries, "entry_points", lambda group: found if group == registries.GROUP else [])


def problem(registry: Registry, name: str) -> UnknownUse:
    with pytest.raises(UnknownUse) as error:
        registry.connector(name)
    return error.value


@pytest.mark.usefixtures("folders")
def test_folders_are_connectors() -> None:
    """Each package in the package of connectors is one; plain modules aren't."""
    assert Registry().names == ["empty", "one", "raising", "torn", "two"]
    assert Registry().connector("one").title == "one"


@pytest.mark.usefixtures("folders")
def test_only_what_is_used_is_imported() -> None:
    """A connector whose client library is missing does no harm while nobody uses it."""
    registry = Registry()
    registry.connector("one")
    assert "some_connectors.one" in sys.modules
    assert "some_connectors.two" not in sys.modules


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torn", "the connector `torn` can't be imported: ModuleNotFoundError: No module named"),
        ("raising", "the connector `raising` can't be imported: RuntimeError: out of order"),
        ("empty", "the connector `empty` has no `connector = Connector(…)`"),
    ],
)
def test_a_broken_connector_says_why(name: str, message: str) -> None:
    """Whatever the import of a connector raises is told, and nothing else breaks."""
    error = problem(Registry(), name)
    assert error.code == "connector.broken"
    assert error.message.startswith(message)


@pytest.mark.usefixtures("folders")
def test_other_distributions_bring_connectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point names a package with a manifest, or the manifest itself."""
    entries(monkeypatch, theirs="some_connectors.two", direct="some_connectors.two:connector")
    registry = Registry()
    assert registry.connector("theirs").title == "two"
    assert isinstance(registry.connector("direct"), Connector)


@pytest.mark.usefixtures("folders")
def test_two_connectors_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and an entry point of one name: neither silently hides the other."""
    entries(monkeypatch, one="some_connectors.two")
    error = problem(Registry(), "one")
    assert (error.code, error.message) == (
        "connector.ambiguous",
        "the connector `one` is there twice: as a folder and from some_connectors.two",
    )


def test_no_connectors_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of connectors the hub still says what is missing."""
    monkeypatch.setattr(registries, "PACKAGE", "a_package_that_nobody_has")
    monkeypatch.setattr(registries, "entry_points", lambda group: [])
    error = problem(Registry(), "one")
    assert (error.message, error.suggestion) == ("there is no connector `one`", "none is installed")


def test_names_and_kinds(registry: Registry) -> None:
    """`use: NAME.KIND` names one of several, `use: NAME` the only one or the one without a kind."""
    assert registry.source("github.issues")[1].__name__ == "Issues"
    assert registry.sink("rabbitmq")[1].__name__ == "Queue"
    assert registry.sink("github")[1].__name__ == "OpenIssue"
    assert registry.service("github")[1].__name__ == "Api"


@pytest.mark.parametrize("use", ["", ".", "github.", "github.webhook.x", "rabbitmq.", "../github", "os.path"])
def test_strange_uses_are_unknown(registry: Registry, use: str) -> None:
    """No spelling leads anywhere but to a source that there is."""
    with pytest.raises(UnknownUse):
        registry.source(use)
