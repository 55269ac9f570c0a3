"""The deployments under ``schemas/examples`` are valid with the connectors that the project brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deployment import InvalidDeployment, check, load

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
DEPLOYMENTS = sorted({path.parent for path in EXAMPLES.rglob("*.yaml")})


@pytest.mark.parametrize("directory", DEPLOYMENTS, ids=lambda each: each.name)
def test_examples_are_valid(directory: Path) -> None:
    """No error, and no warning either."""
    assert [str(each) for each in check(directory).findings] == []


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
