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


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that other distributions bring."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def module(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    """Writes a module of a name that no other test has imported; its name."""
    name = f"their_module_{len(list(folder.iterdir()))}_{abs(hash((folder, text)))}"
    (folder / f"{name}.py").write_text(text)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


@pytest.mark.usefixtures("folders")
def test_other_distributions_bring_connectors(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point names a package with a manifest, or the manifest itself."""
    package = module(theirs, monkeypatch, GOOD.format(name="theirs"))
    manifest = module(theirs, monkeypatch, GOOD.format(name="direct"))
    entries(monkeypatch, theirs=package, direct=f"{manifest}:connector")
    registry = Registry()
    assert registry.connector("theirs").title == "theirs"
    assert isinstance(registry.connector("direct"), Connector)
    assert (registry.origins("theirs"), registry.origins("one")) == ([package], ["the folder some_connectors/one"])


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import a_module_that_nobody_has", "can't be imported: ModuleNotFoundError: No module named"),
        ("connector = 'a text'", "has no `connector = Connector(…)` in {module}, but one that is a str"),
        ("", "has no `connector = Connector(…)` in {module}"),
        (GOOD.format(name="other"), "calls itself `other` in its manifest"),
    ],
)
def test_a_broken_package_of_somebody_else_s_is_named(
    theirs: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    """Who has several installed must know which of them to mend."""
    name = module(theirs, monkeypatch, text)
    entries(monkeypatch, broken=name)
    error = problem(Registry(), "broken")
    assert error.code == "connector.broken"
    assert error.message.startswith(f"the connector `broken` of {name} {message.format(module=name)}")


@pytest.mark.usefixtures("folders")
def test_a_package_without_the_object_that_it_promises(monkeypatch: pytest.MonkeyPatch, theirs: Path) -> None:
    """What the entry point names after the colon isn't there."""
    name = module(theirs, monkeypatch, GOOD.format(name="broken"))
    entries(monkeypatch, broken=f"{name}:manifest")
    assert "can't be imported: AttributeError" in problem(Registry(), "broken").message


@pytest.mark.usefixtures("folders")
def test_a_name_that_use_can_t_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a dot in it, it would be taken for a kind of another connector."""
    entries(monkeypatch, **{"a.b": "some_connectors.two"})
    assert problem(Registry(), "a.b").message.endswith("has a name that `use:` can't say")


@pytest.mark.usefixtures("folders")
def test_two_connectors_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and an entry point of one name: neither silently hides the other."""
    entries(monkeypatch, one="some_connectors.two")
    error = problem(Registry(), "one")
    assert (error.code, error.message) == (
        "connector.ambiguous",
        "the connector `one` is there twice: the folder some_connectors/one and some_connectors.two",
    )


@pytest.mark.usefixtures("folders")
def test_two_distributions_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever came last would otherwise win."""
    found = [EntryPoint("theirs", value, registries.GROUP) for value in ("some_connectors.one", "some_connectors.two")]
    monkeypatch.setattr(registries, "entry_points", lambda group: found)
    error = problem(Registry(), "theirs")
    assert (error.code, error.message) == (
        "connector.ambiguous",
        "the connector `theirs` is there twice: some_connectors.one and some_connectors.two",
    )


def test_no_connectors_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package of connectors the hub still says what is missing."""
    monkeypatch.setattr(registries, "PACKAGE", "a_package_that_nobody_has")
    monkeypatch.setattr(registries, "entry_points", lambda group: [])
    error = problem(Registry(), "one")
    assert (error.message, error.suggestion) == (
        "there is no connector `one`",
        "none is installed; a package with another must be installed in the hub's own environment",
    )


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
