"""`hub new connector`: what may be written where, and what is written for which kinds."""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
from pathlib import Path, PurePosixPath

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.cli.scaffold import KINDS, Kind, Wanted, files
from hub.cli.scaffold.rendering import rendered, with_imports

CHOICES = [choice for count in range(1, len(KINDS) + 1) for choice in itertools.combinations(KINDS, count)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What makes a directory the hub's project."""
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "__init__.py").write_text('"""Connectors."""\n')
    return tmp_path


def new(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["new", "connector", *map(str, arguments)])


def content(directory: Path) -> dict[str, str]:
    return {str(each.relative_to(directory)): each.read_text() for each in directory.rglob("*") if each.is_file()}


def test_a_folder_of_the_project(project: Path) -> None:
    """With all the parts that a connector has; the terminal lists them, and says how to go on."""
    result = new("desk", "--kind", "source", "--kind", "sink", "--into", project)
    assert result.exit_code == 0, result.output
    written = content(project / "connectors" / "desk")
    assert {"__init__.py", "README.md", "config.py", "source.py", "sink.py", "schemas/desk/record/v1.json"} <= set(
        written
    )
    assert "webhook.py" not in written
    assert f"wrote  {project}/connectors/desk/source.py\n" in result.output
    assert f"next   pytest {project}/connectors/desk\n" in result.output


def test_a_package_of_somebody_else_s(tmp_path: Path) -> None:
    """Which names itself in the entry-point group, and needs no project around it."""
    result = new("my_desk", "--package", "--title", "My Desk™", "--into", tmp_path / "new", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    folder = tmp_path / "new" / "hub-connector-my-desk"
    assert (document["connector"], document["directory"]) == ("my_desk", str(folder))
    assert {str(Path(each).relative_to(folder.name)) for each in document["files"]} == set(content(folder))
    assert 'my_desk = "hub_connector_my_desk"' in (folder / "pyproject.toml").read_text()
    assert (folder / "README.md").read_text().startswith("# My Desk™\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-Desk", "my_desk would do"),
        ("my-desk", "my_desk would do"),
        ("d", "at least two"),
        ("2desk", "desk would do"),
        ("desk_", "desk would do"),
        ("my__desk", "my_desk would do"),
        ("desk.source", "desk_source would do"),
        ("../desk", "desk would do"),
        ("schreibtisch_für_alle", "expected a name"),
        ("", "expected a name"),
        ("a" * 31, "at most 30 characters; got 31"),
        ("lambda", "means something else already"),
        ("tests", "means something else already"),
        ("schemas", "means something else already"),
        ("http", "there is a connector `http` already, from the folder connectors/http"),
    ],
)
def test_names_that_can_t_be_are_refused(project: Path, name: str, said: str) -> None:
    """Exit code 2, what was expected, what would do; nothing is written."""
    before = content(project)
    result = new(name, "--into", project)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert content(project) == before


@pytest.mark.parametrize("title", ['De"sk', "De\\sk", "", "x" * 31, "@NAME@", "a\nb"])
def test_titles_that_code_can_t_hold_are_refused(project: Path, title: str) -> None:
    """They stand in docstrings, JSON and Markdown."""
    result = new("desk", "--title", title, "--into", project)
    assert result.exit_code == 2
    assert "expected a title" in result.output


def test_outside_of_the_project_it_says_what_to_do(tmp_path: Path) -> None:
    """Exit code 2: a folder in connectors/ would be found by nobody."""
    result = new("desk", "--into", tmp_path)
    assert result.exit_code == 2
    assert "--package writes a package of your own" in result.output
    assert content(tmp_path) == {}


@pytest.mark.parametrize("option", [(), ("--package",)])
def test_a_second_time_changes_nothing(project: Path, option: tuple[str, ...]) -> None:
    """What is there stays as it is, whatever it is."""
    new("desk", *option, "--into", project)
    readme = next(project.rglob("README.md"))
    readme.write_text("mine")
    before = content(project)
    result = new("desk", *option, "--kind", "sink", "--into", project)
    assert result.exit_code == 2
    assert "is there already, and nothing is overwritten" in " ".join(result.output.split())
    assert content(project) == before


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    """A path that is a file is refused."""
    (tmp_path / "file").write_text("mine")
    result = new("desk", "--package", "--into", tmp_path / "file")
    assert result.exit_code == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_a_write_that_fails_leaves_nothing_behind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to write, or on a full disk: exit code 3, and neither files nor folders are left."""
    before = sorted(project.rglob("*"))
    original = Path.open

    def refused(self: Path, *arguments: str, **options: str) -> object:
        if self.name == "test_source.py":
            raise PermissionError(13, os.strerror(13), str(self))
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    result = new("desk", "--into", project)
    monkeypatch.undo()
    assert result.exit_code == 3
    assert "Permission denied" in result.output
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize("package", [False, True], ids=["folder", "package"])
@pytest.mark.parametrize("kinds", CHOICES, ids="-".join)
def test_every_choice_is_whole(kinds: tuple[Kind, ...], *, package: bool) -> None:
    """No mark is left, all code can be read, and modules of what isn't wanted are neither there nor imported."""
    wanted = Wanted("desk", "Desk", kinds, package)
    texts = files(wanted)
    inside = wanted.folder / (wanted.module if package else "")
    assert (inside / "source.py" in texts) == (Kind.SOURCE in kinds)
    assert (inside / "webhook.py" in texts) == (Kind.WEBHOOK in kinds)
    assert (inside / "sink.py" in texts) == (Kind.SINK in kinds)
    assert (inside / "lookup.py" in texts) == (Kind.LOOKUP in kinds)
    own = (f"{wanted.module}.", "tests." if package else f"{wanted.module}.tests.")
    for path, text in texts.items():
        assert not re.search(r"@[A-Z_]+@|^#: ", text, re.MULTILINE), path
        assert text == "" or text.endswith("\n")
        if path.suffix == ".py":
            imported = [each.module for each in ast.walk(ast.parse(text)) if isinstance(each, ast.ImportFrom)]
            for module in imported:
                if module and module.startswith(own):
                    root = PurePosixPath(wanted.folder if package else "")
                    assert root / f"{module.replace('.', '/')}.py" in texts, f"{path} imports {module}"


def test_imports_are_merged_and_sorted() -> None:
    """As the formatter does it: by kind of package, modules first, constants before classes before functions."""
    lines = [
        "from zoo import b, A, C_D",
        "import yarl",
        "from own.x import y",
        "from re import sub",
        "from zoo import C",
    ]
    text = "\n".join([*lines, "import ast", "", "", "x = 1", ""])
    blocks = ["import ast\nfrom re import sub", "import yarl\nfrom zoo import C_D, A, C, b", "from own.x import y"]
    assert with_imports(text, {"own"}) == "\n\n".join(blocks) + "\n\n\nx = 1\n"
    assert with_imports("x = 1\n", ()) == "x = 1\n"


def test_conditions_leave_out_what_isn_t_wanted() -> None:
    """Any of several; all of some; none of others."""
    template = "#: a b\n1\n#: end\n#: a&b\n2\n#: end\n#: a-b\n3\n#: end\n@X@\n"
    assert rendered(template, {"X": "x"}, {"a"}) == "1\n3\nx\n"
    assert rendered(template, {"X": "x"}, {"a", "b"}) == "1\n2\nx\n"
    assert rendered(template, {"X": "x"}, {"c"}) == "x\n"
