"""SARIF of findings: what a CI system needs to show them beside the lines of a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from hub.deployment import Registry, check
from hub.deployment.codes import CODES
from hub.deployment.sarif import sarif

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[3]


def closed(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


# What SARIF 2.1.0 requires of the objects that we write, and no property that it doesn't define; beside it the section.
COUNT = {"type": "integer", "minimum": 1}
MESSAGE = closed("text", text={"type": "string", "minLength": 1})  # 3.11
ARTIFACT = closed("uri", uri={"type": "string", "format": "uri-reference", "pattern": r"^[^\s\\]+$"})  # 3.4
CONTENT = closed("text", text={"type": "string"})  # 3.3
REGION = closed(  # 3.30
    "startLine startColumn endLine endColumn",
    startLine=COUNT,
    startColumn=COUNT,
    endLine=COUNT,
    endColumn=COUNT,
    snippet=CONTENT,
)
PLACE = closed(
    "physicalLocation", physicalLocation=closed("artifactLocation", artifactLocation=ARTIFACT, region=REGION)
)
REPLACEMENT = closed("deletedRegion insertedContent", deletedRegion=REGION, insertedContent=CONTENT)  # 3.57
CHANGE = closed(  # 3.56
    "artifactLocation replacements",
    artifactLocation=ARTIFACT,
    replacements={"type": "array", "minItems": 1, "items": REPLACEMENT},
)
FIX = closed("description artifactChanges", description=MESSAGE, artifactChanges={"type": "array", "items": CHANGE})
RESULT = closed(  # 3.27
    "ruleId ruleIndex level message locations",
    ruleId={"enum": list(CODES)},
    ruleIndex={"type": "integer", "minimum": 0},
    level={"enum": ["error", "warning"]},
    message=MESSAGE,
    locations={"type": "array", "minItems": 1, "items": PLACE},
    fixes={"type": "array", "items": FIX},
)
RULE = closed(  # 3.49
    "id shortDescription fullDescription help",
    id={"enum": list(CODES)},
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
)
DRIVER = closed(  # 3.19
    "name semanticVersion rules",
    name={"const": "hub validate"},
    semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
    rules={"type": "array", "uniqueItems": True, "items": RULE},
)
RUN = closed(  # 3.14
    "tool columnKind results",
    tool=closed("driver", driver=DRIVER),
    columnKind={"const": "unicodeCodePoints"},
    results={"type": "array", "items": RESULT},
)
LOG = closed(  # 3.13
    "$schema version runs",
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs={"type": "array", "minItems": 1, "items": RUN},
)
VALIDATOR = jsonschema_rs.validator_for(LOG)


def log_of(directory: Path, registry: Registry, root: Path = ROOT) -> Any:
    return sarif(check(directory, registry=registry), version="1.2.3", root=root)


@pytest.mark.parametrize("case", sorted(each.name for each in GOLDEN.iterdir()))
def test_every_finding_makes_valid_sarif(case: str, registry: Registry) -> None:
    """The log of each seeded mistake has the form that the standard prescribes, and one result per finding."""
    log = log_of(GOLDEN / case, registry)
    assert [str(each) for each in VALIDATOR.iter_errors(log)] == []
    findings = check(GOLDEN / case, registry=registry).findings
    results = log["runs"][0]["results"]
    assert [each["ruleId"] for each in results] == [each.code for each in findings]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in results)


def test_a_result_names_its_place_and_its_fix(write: Callable[..., Path], registry: Registry, tmp_path: Path) -> None:
    """Path below the root, the region of the mistake, and what to write in its place."""
    directory = write("deployment: d\nevnets: {}\n")
    (result,) = log_of(directory, registry, root=tmp_path)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "deployment/hub.yaml"}
    region = {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 7}
    assert place["region"] == {**region, "snippet": {"text": "evnets"}}
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": "events"}}]
    assert result["message"]["text"] == "There is no section `evnets`; did you mean `events`?"


def test_a_name_that_comes_first_keeps_its_letters(write: Callable[..., Path], registry: Registry) -> None:
    """Sentences begin with a capital letter; event types and commands don't."""
    directory = write(
        """
        deployment: d
        topics: { in: , out: }
        events: { order.placed: { topic: in, schema: { type: object, properties: { total: { type: integer } } } } }
        routes: { r: { from: in, where: data.totl > 1, to: out } }
        """
    )
    (result,) = log_of(directory, registry, root=directory)["runs"][0]["results"]
    assert result["message"]["text"] == "order.placed has no field `totl`. Did you mean `data.total`?"


def test_a_place_outside_of_the_root_is_absolute(write: Callable[..., Path], registry: Registry) -> None:
    """Where the check runs elsewhere than in the repository, a `file:` address."""
    directory = write("deployment: d\nevnets: {}\n")
    (result,) = log_of(directory, registry, root=ROOT)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == (directory / "hub.yaml").as_uri()


def test_no_secret_in_a_snippet(write: Callable[..., Path], registry: Registry) -> None:
    """A literal secret stays hidden in the log as it does on the terminal."""
    hook = "{ use: github.webhook, with: { path: /x, secret: written-out, extra: written-out } }"
    directory = write(f"deployment: d\nsources:\n  one: {hook}\n")
    (result,) = log_of(directory, registry)["runs"][0]["results"]
    assert result["ruleId"] == "config.unknown_key"
    assert "written-out" not in str(result)


def test_a_directory_that_is_not_there(tmp_path: Path, registry: Registry) -> None:
    """A finding without a line has no region."""
    log = log_of(tmp_path / "missing", registry)
    assert list(VALIDATOR.iter_errors(log)) == []
    (result,) = log["runs"][0]["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]
