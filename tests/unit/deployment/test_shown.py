"""A unit's configuration as others may see it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, SecretStr

from hub.deployment import Registry, load
from hub.deployment.shown import HIDDEN, shown
from hub.sdk import Connector, Sink, SinkConfig


class Inner(BaseModel):
    pin: SecretStr
    user: str


class Settings(SinkConfig):
    url: str
    open_sesame: SecretStr
    login: Inner
    also: SecretStr
    headers: dict[str, str] = {}
    numbers: list[int] = []


class Far(Sink[Settings]):
    async def write(self, deliveries):
        return ()


TEXT = """
deployment: d
topics: { t: }
sinks:
  out:
    use: far
    from: t
    with:
      url: https://anna:hunter2@example.org/x
      open_sesame: abracadabra
      login: { pin: "1234", user: anna }
      also: "${env:ALSO}"
      headers: { X-Api-Key: k-12345, X-Plain: "a ${env:B}" }
      numbers: [1, 2]
    on_error: { retry: { max_retries: 3 } }
routes:
  r: { from: t, where: data.x == 1, to: out }
"""


def test_secrets_are_hidden_and_references_shown_as_written(tmp_path: Path):
    """By the connector's own model, by what a name says, and in a URL; the rest stands as the file has it."""
    (tmp_path / "hub.yaml").write_text(TEXT)
    registry = Registry([Connector(name="far", title="Far", sources={}, sinks={"": Far})])
    deployment = load(tmp_path, registry=registry)
    config = shown(deployment.units["out"])
    assert config == {
        "connector.class": "far",
        "from": '["t"]',
        "name": "out",
        "on_error.retry.max_retries": "3",
        "with.also": "${env:ALSO}",
        "with.headers.X-Api-Key": HIDDEN,
        "with.headers.X-Plain": "a ${env:B}",
        "with.login.pin": HIDDEN,
        "with.login.user": "anna",
        "with.numbers": "[1,2]",
        "with.open_sesame": HIDDEN,
        "with.url": f"https://{HIDDEN}@example.org/x",
    }
    assert shown(deployment.units["r"]) == {"from": '["t"]', "name": "r", "to": '["out"]', "where": "data.x == 1"}
