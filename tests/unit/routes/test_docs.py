"""What docs/cel.md says of the language is there, and what is there, it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.routes import compile_route
from hub.routes.functions import FUNCTIONS
from hub.routes.macros import _FORMS
from tests.unit.routes.evaluation import event, value

TEXT = Path("docs/cel.md").read_text(encoding="utf-8")
FUNCTION_TABLE = TEXT.partition("## Functions")[2].partition("## Errors")[0]


@pytest.mark.parametrize("name", [*FUNCTIONS, *_FORMS, "optMap", "optFlatMap", "cel.bind", "cel.block", "has"])
def test_every_function_and_macro_is_documented(name: str) -> None:
    assert re.search(rf"(?<![\w.]){re.escape(name)}\b|\.{re.escape(name)}\(", TEXT)


def test_the_example_of_the_hub_s_own_functions_works() -> None:
    (block,) = re.findall(r"```yaml\n(tables:.*?)```", TEXT, re.DOTALL)
    document: dict[str, Any] = yaml.safe_load(block)
    (section,) = document["routes"].values()
    made = compile_route(section["where"], section["map"], tables=document["tables"])(
        event({
            "action": "opened",
            "repository": {"name": "docs"},
            "pull_request": {"html_url": "https://x/1", "title": "T", "user": {"login": "ann", "email": "a@b.org"},
                             "labels": [{"name": "b"}, {"name": "a"}]},
        })
    )  # fmt: skip
    assert made is not None
    assert made.data["channel"] == "#docs"
    assert made.data["labels"] == "a, b"
    assert made.data["text"] == "T by ann"
    assert made.data["details"]["user"] == {"login": "ann", "email": "[redacted]"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('data.?user.name.orValue("nobody")', "ann"),
        ("data.?user.name.or(data.?login).value()", "ann"),
        ('data.?user.optMap(u, u.name + "!").value()', "ann!"),
        ("[?data.?a, 1]", [1]),
        ('{?"a": data.?a}', {}),
        ("data.?nothing.name.hasValue()", False),
    ],
)
def test_the_examples_of_what_may_be_missing_work(source: str, expected: Any) -> None:
    assert value(source, {"user": {"name": "ann"}}) == expected
