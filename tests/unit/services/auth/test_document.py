"""docs/auth.md says what there is: its examples are valid, and it names every setting."""

import re
from pathlib import Path

import pytest
import yaml

from hub.sdk import Auth
from hub.sdk.auth import ApiKey, Basic, Bearer, GitHubApp, Hmac, OAuth2
from hub.services.auth.stores import CredentialSettings

DOCUMENT = (Path(__file__).parents[4] / "docs" / "auth.md").read_text()
EXAMPLES = [
    (name, service["auth"])
    for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    for name, service in yaml.safe_load(block)["services"].items()
]


@pytest.mark.parametrize(("name", "auth"), EXAMPLES)
def test_the_examples_are_valid(name, auth):
    """As they stand there."""
    assert Auth.model_validate(auth).way is not None


@pytest.mark.parametrize("model", [ApiKey, Basic, Bearer, GitHubApp, Hmac, OAuth2])
def test_every_setting_is_named(model):
    """Each in a table or an example."""
    assert [name for name in model.model_fields if not re.search(rf"\b{name}\b", DOCUMENT)] == []


def test_every_setting_of_the_store_is_named():
    """By its variable."""
    assert [
        name for name in CredentialSettings.model_fields if f"HUB_CREDENTIALS__{name.upper()}" not in DOCUMENT
    ] == []
