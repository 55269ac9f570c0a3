"""The routes of the quickstart, on real payloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hub.routes import EvaluationError
from hub.routes.fusion import compile_program
from hub.routes.program import Route
from hub.sdk import Event

ROOT = Path(__file__).parents[3]
SECTIONS = YAML(typ="safe").load(ROOT / "schemas/examples/quickstart/quickstart.yaml")["routes"]
PAYLOADS = sorted((ROOT / "demo/payloads").glob("*.json"))


def result(function: Any, event: Event) -> Any:
    try:
        made = function(event)
    except EvaluationError as error:
        return str(error)
    return made if isinstance(made, str) else [(dict(each.attributes), each.data, to) for each, to in made]


@pytest.mark.parametrize("name", SECTIONS)
def test_both_versions_of_a_route_agree_on_every_payload(name: str) -> None:
    section = SECTIONS[name]
    route = compile_program(Route(section, name))
    careful = route.function.__globals__["careful"]
    topics = [section["from"]] if isinstance(section["from"], str) else section["from"]
    read = passed = 0
    for path in PAYLOADS:
        attributes = {"id": path.stem, "source": "/t", "type": f"github.{path.stem.partition('.')[0]}"}
        event = Event.of(attributes, path.read_bytes())
        found = result(route, event)
        assert found == result(careful, event), path.name
        if attributes["type"] in topics:
            read += 1
            passed += isinstance(found, list)
            assert found == "where" or isinstance(found, list), (path.name, found)
    assert 0 < passed < read
