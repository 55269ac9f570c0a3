"""The deployments under ``schemas/examples`` are valid with the connectors that the project brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deployment import InvalidDeployment, check, load
from hub.workbench.coverage import Recorder
from hub.workbench.report import text
from hub.workbench.trials import run

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
DEPLOYMENTS = sorted({path.parent for path in EXAMPLES.rglob("*.yaml")})


@pytest.mark.parametrize("directory", DEPLOYMENTS, ids=lambda each: each.name)
def test_examples_are_valid(directory: Path) -> None:
    """No error, and no warning either."""
    assert [str(each) for each in check(directory).findings] == []


@pytest.mark.parametrize("directory", DEPLOYMENTS, ids=lambda each: each.name)
def test_their_tests_pass_and_see_all(directory: Path) -> None:
    """Every outcome and branch of their routes is seen by a test."""
    deployment = load(directory)
    recorder = Recorder(deployment)
    for result in run(deployment):
        assert [text(result, miss) for miss in result.misses] == []
        recorder.take(result.passage.steps, result.tracers)
    assert [(each.label, each.missing) for each in recorder.coverage().points if each.missing] == []


def test_the_quickstart_needs_what_its_readme_says() -> None:
    """With four variables set, every reference of the quickstart resolves; the token may be left out."""
    environ = {
        "GITHUB_WEBHOOK_SECRET": "secret",
        "GITHUB_REPO": "apache/kafka",
        "AMQP_URL": "amqp://127.0.0.1:5672",
        "CHAT_URL": "http://127.0.0.1:8080/chat",
    }
    deployment = load(EXAMPLES / "quickstart")
    deployment.check_references(environ)
    for missing in environ:
        with pytest.raises(InvalidDeployment, match=f"the environment variable {missing} isn't set"):
            deployment.check_references({name: value for name, value in environ.items() if name != missing})


def test_there_are_examples() -> None:
    """The quickstart of the README is among them."""
    assert EXAMPLES / "quickstart" in DEPLOYMENTS
