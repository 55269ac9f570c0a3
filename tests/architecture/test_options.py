"""Every option of a schema file is documented: its default, what it means, and an example that works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from hub.deployment import check, load
from hub.deployment.fields import models_at
from hub.deployment.model import RouteSection, SchemaFile
from hub.deployment.sections import SECTIONS

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "schema-files.md").read_text()
OPTIONS = TEXT.partition("## All options\n")[2].partition("\n## ")[0]
ROUTE = {info.alias or name for name, info in RouteSection.model_fields.items()}


def part(section: str) -> str:
    """What is written about a section."""
    return OPTIONS.partition(f"### `{section}`\n")[2].partition("\n### ")[0]


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Option → default and meaning, of the rows of a table."""
    found = {}
    for line in text.splitlines():
        cells = [each.strip() for each in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == 3:
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), (cells[1], cells[2]))
    return found


def options(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, object]]:
    """Each option of a model by its path, those of models below it too, with its default."""
    for name, info in model.model_fields.items():
        key = info.alias or name
        # A branch of a route takes what the route takes, on top of it.
        if above == "switch." and key in ROUTE - {"to"}:
            continue
        yield above + key, info.default
        # Entries of a mapping have names of the user's own, which stand in no path.
        for inner in models_at(model, (key,)) or models_at(model, (key, "name")):
            yield from options(inner, f"{above}{key}.")
        if key in ("switch", "to") and model is RouteSection:
            for inner in models_at(model, (key, 0)):
                yield from ((path, default) for path, default in options(inner, f"{key}.") if path.count(".") == 1)


def undocumented(section: str, model: type[BaseModel], text: str) -> list[str]:
    """What a text doesn't say of a section's options."""
    described = rows(text)
    lacks = []
    for path, default in options(model):
        if section == "tests" and "." in path:
            continue
        if path not in described:
            # A mapping of options needs no row where each of them has one.
            if not any(each.startswith(f"{path}.") for each in described):
                lacks.append(f"{section}: `{path}`")
            continue
        told, meaning = described[path]
        plain = default if isinstance(default, str | int) and not isinstance(default, bool) else None
        if not meaning or not told or (plain is not None and str(plain) not in told):
            lacks.append(f"{section}: the default or meaning of `{path}`")
    return lacks


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_is_documented(section: str) -> None:
    """In docs/schema-files.md, in the section's table, with the default that the model has."""
    lacks = undocumented(section, SECTIONS[section][1], part(section))
    assert not lacks, "\n".join(lacks)


@pytest.mark.parametrize("section", SECTIONS)
def test_nothing_is_documented_that_there_is_not(section: str) -> None:
    """An option that was renamed or taken away is no longer in the table."""
    assert not rows(part(section)).keys() - {path for path, _ in options(SECTIONS[section][1])}


def test_every_section_of_a_file_is_named() -> None:
    """Those that hold no entries of their own are in the sketch of a file, at the top."""
    sketch = TEXT.partition("```yaml\n")[2].partition("```")[0]
    missing = {name for name in SchemaFile.model_fields if not re.search(rf"^{name}:", sketch, re.MULTILINE)}
    assert missing == {"processors"}, "there are none yet: `hub validate` refuses them"


def test_inner_keys_of_tests_are_documented() -> None:
    """In docs/testing-routes.md."""
    text = (DOCS / "testing-routes.md").read_text()
    words = set(re.findall(r"[a-z_0-9]+", text))
    missing = {path for path, _ in options(SECTIONS["tests"][1]) if path.rpartition(".")[2] not in words}
    assert not missing


def test_the_examples_are_one_valid_deployment(tmp_path: Path) -> None:
    """Nothing in them is wrong, and each section has one."""
    blocks = re.findall(r"```yaml\n(.*?)```", OPTIONS, re.DOTALL)
    assert [block.partition(":")[0] for block in blocks] == list(SECTIONS)
    (tmp_path / "hub.yaml").write_text("deployment: example\n" + "\n".join(blocks))
    assert [str(each) for each in check(tmp_path).findings] == []
    assert load(tmp_path).sinks["accounts"].sequenced


def test_an_option_that_is_forgotten_is_noticed() -> None:
    """The row of one is taken out, and the default of another is wrong."""
    sinks = part("sinks")
    assert undocumented("sinks", SECTIONS["sinks"][1], sinks) == []
    without = re.sub(r"\| `on_error.dlq_order` .*\n", "", sinks)
    assert undocumented("sinks", SECTIONS["sinks"][1], without) == ["sinks: `on_error.dlq_order`"]
    wrong = sinks.replace("| 8 |", "| 5 |")
    expected = ["sinks: the default or meaning of `on_error.retry.max_retries`"]
    assert undocumented("sinks", SECTIONS["sinks"][1], wrong) == expected
