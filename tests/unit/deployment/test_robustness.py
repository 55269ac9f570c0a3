"""Whatever stands in a file, a check ends with findings: never with another error, never outside of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.deployment import Registry, check
from tests.unit.deployment.conftest import CONNECTORS

QUICKSTART = (Path(__file__).parents[3] / "schemas" / "examples" / "quickstart" / "quickstart.yaml").read_text()
GOLDEN = [
    path.read_text()
    for name in ("golden", "mistakes")
    for path in sorted((Path(__file__).parent / name).rglob("*.yaml"))
]
PIECES = st.sampled_from(
    [
        *"!{}[]'\"|>%@\\é\u2028\x00\ue000\t\n",
        *(": ", " #", "&a ", "*a", "- ", "  ", "= ", "${", "---", "<<: ", "? "),
        *("from: ", "with: 5", "null", "= data.", "$ref: "),
    ]
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), PIECES), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def edited(text: str, edits: list[tuple[float, int, str]]) -> str:
    for place, deleted, inserted in edits:
        at = int(place * len(text))
        text = text[:at] + inserted + text[at + deleted :]
    return text


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([QUICKSTART, *GOLDEN]), EDITS)
def test_a_check_always_ends_with_findings(directory: Path, text: str, edits: list[tuple[float, int, str]]) -> None:
    """Random edits to real schema files: each finding lies within the file and can be shown."""
    content = edited(text, edits)
    (directory / "hub.yaml").write_text(content, newline="")
    lines = content.splitlines() or [""]
    for finding in check(directory, registry=Registry(CONNECTORS)).findings:
        assert 1 <= finding.line <= len(lines) + 1, finding
        assert finding.column >= 1
        assert finding.message
        assert "\ue000" not in finding.message or "\ue000" in content
        assert isinstance(finding.span.text, str | None)
