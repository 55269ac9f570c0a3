"""Services as units get them: made once, shared, and never retrying for sinks."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deployment import load
from hub.engine.assembly import Assembly
from hub.ingress import HttpServer
from hub.kafka.settings import KafkaSettings
from hub.sdk import Transient
from hub.sdk.errors import NotConnected
from tests.unit.services.far_side import far_side

FILE = """\
deployment: shared
services:
  github:
    use: github
    with: {{ base_url: "{url}" }}
    auth: {{ token: "${{env:TOKEN}}" }}
    rate_limit: {{ count: 100, interval: 1s }}
    retry: {{ initial_interval: 1ms }}
    circuit_breaker: {{ failure_threshold: 3 }}
    fallback: [{{ service: mirror }}]
  mirror: {{ use: github, with: {{ base_url: "{other}" }}, retry: null }}
sources:
  issues: {{ use: github.issues, with: {{ repository: a/b }} }}
"""


def assembly(directory: Path, url: str, other: str) -> Assembly:
    directory.mkdir(exist_ok=True)
    (directory / "hub.yaml").write_text(FILE.format(url=url, other=other))
    return Assembly(load(directory), KafkaSettings(), HttpServer("127.0.0.1", 0), {"TOKEN": "secret"})


async def test_units_share_a_service_and_sinks_never_retry(tmp_path: Path) -> None:
    """Nor does anything stand in for what a sink asks; the circuit and the limits are the same."""
    async with far_side() as far, far_side() as mirror:
        made = assembly(tmp_path, far.url, mirror.url)
        source, sink = (made._context("unit", deliveries=each).services["github"] for each in (False, True))
        assert source is made.service("github")
        far.then(500)
        assert (await source.request("GET", "/x")).origin == "api"
        far.then(500)
        with pytest.raises(Transient):
            await sink.request("GET", "/x")
        assert [each.headers["authorization"] for each in far.seen] == ["Bearer secret"] * 3
        far.then(*[500] * 3)
        assert (await source.request("GET", "/x", degraded=True)).origin == "fallback"
        assert source.info().circuit == sink.info().circuit == "open"
        with pytest.raises(NotConnected, match="circuit is open"):
            await sink.request("POST", "/x")
        assert [each.path for each in mirror.seen] == ["/x"]
        await made.stop()


async def test_a_service_is_made_anew_only_if_its_section_has_changed(tmp_path: Path) -> None:
    """A reload that changes something else keeps connections, limits and circuit."""
    made = assembly(tmp_path, "http://far", "http://mirror")
    before = made.service("github")
    same, left = made.following(load(tmp_path))
    assert (same.service("github"), left) == (before, [])
    text = (tmp_path / "hub.yaml").read_text().replace("count: 100", "count: 50")
    (tmp_path / "hub.yaml").write_text(text)
    changed, left = made.following(load(tmp_path))
    assert left == [before]
    assert changed.service("github") is not before
    await made.stop()
