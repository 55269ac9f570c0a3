"""What may not be committed: addresses of package registries, paths of somebody's machine, rooms without a sign."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def whole(text: str) -> bytes:
    """A text without its tildes: so this file, too, can tell of addresses and paths without holding one."""
    return text.replace("~", "").encode()


# A lock or a document that names a registry by its host breaks behind a mirror; package managers know where to look.
REGISTRY = re.compile(
    whole(r"(?i)(https?:)?//[a-z0-9.-]*(p~ypi|python~hosted|n~pmjs|ma~ven|go~lang|cra~tes|deb~ian)[a-z0-9.-]*")
)
BARE_REGISTRY = re.compile(
    whole(r"(?i)\b(py~pi\.org|files\.python~hosted|registry\.n~pm|repo1\.ma~ven|(deb|ftp)\.deb~ian\.)")
)
MACHINE = re.compile(rb"(?<![A-Za-z0-9_.*-])/(work|farm|home/[a-z]+|Users/[a-z]+|opt/wheels)/")


def committed() -> Iterator[Path]:
    """Paths of all files under version control, relative to the project."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (PROJECT / name).is_file():
            yield Path(name)


def findings(name: Path, content: bytes) -> list[str]:
    """Lines that name a registry's host or a machine's path."""
    return [
        f"{name}:{number}: {line.decode(errors='replace').strip()[:100]}"
        for number, line in enumerate(content.splitlines(), 1)
        if REGISTRY.search(line) or BARE_REGISTRY.search(line) or MACHINE.search(line)
    ]


def test_no_committed_file_names_a_registry_or_a_machine() -> None:
    """No file holds the host of a package registry or a path of the machine that it was written on."""
    found = [each for name in committed() for each in findings(name, (PROJECT / name).read_bytes())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        '"resolved": "https://registry.n~pmjs.org/left-pad/-/left-pad-1.3.0.tgz"',
        "--index-url https://py~pi.org/simple",
        "# from //repo1.ma~ven.org/ma~ven2",
        "see registry.n~pmjs.org",
        "cd /wo~rk/main && make",
        "--find-links /opt/whe~els/",
    ],
)
def test_what_must_not_be_committed_is_noticed(line: str) -> None:
    """Each form of an address or a path is found."""
    assert findings(Path("file"), b"first\n" + whole(line)) == [f"file:2: {whole(line).decode()}"]


@pytest.mark.parametrize(
    "line", [b"pip install aio-pika", b"app/work/item", b"the PyPI package cloudevents", b"*/home/x/"]
)
def test_ordinary_lines_are_let_through(line: bytes) -> None:
    """Names of packages and relative paths are fine."""
    assert findings(Path("file"), line) == []


def test_the_locks_give_every_file_by_its_hash_and_no_address() -> None:
    """Each requirement of the locks is pinned and has hashes; nothing in them is an option or an address."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        entries = (PROJECT / name).read_text().replace("\\\n", " ").splitlines()
        entries = [each for each in entries if each and not each.lstrip().startswith("#")]
        wrong = [each[:60] for each in entries if not re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", each)]
        assert len(entries) > 20
        assert not wrong, f"{name}: {wrong}"


def test_the_tests_lock_holds_the_runtime_lock() -> None:
    """What the tests run with is what users run with, version by version."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==[^ ]+", (PROJECT / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_every_package_says_what_it_is_for() -> None:
    """The `__init__` of every package has a docstring: the sign on the room's door."""
    packages = [name for name in committed() if name.name == "__init__.py" and "tests" not in name.parts]
    silent = [str(name) for name in packages if not ast.get_docstring(ast.parse((PROJECT / name).read_text()))]
    assert packages
    assert not silent, silent


def test_every_folder_with_code_is_a_package() -> None:
    """A folder of modules has an `__init__`; without it, import-linter and the wheel would miss it."""
    folders = {name.parent for name in committed() if name.suffix == ".py" and name.parts[0] in ("hub", "connectors")}
    bare = [
        str(each)
        for each in sorted(folders)
        if "tests" not in each.parts and not (PROJECT / each / "__init__.py").is_file()
    ]
    assert not bare, bare
