"""The container files match what they run: one container per unit of the quickstart, with no right it doesn't need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hub.deployment import load
from hub.engine.settings import AdminSettings, IngressSettings
from hub.kafka.settings import KafkaSettings

PROJECT = Path(__file__).parents[2]
QUICKSTART = PROJECT / "schemas" / "examples" / "quickstart"
SERVERS = {"kafka", "rabbitmq"}
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of docker-compose.yml, with its anchors resolved."""
    return YAML(typ="safe").load(PROJECT / "docker-compose.yml")["services"]


def test_every_unit_of_the_quickstart_has_a_container(services: dict[str, Any]) -> None:
    """Each unit runs in a container that is named after it and runs nothing else."""
    units = load(QUICKSTART).units
    assert set(services) == {*units, *SERVERS, "demo"}
    for unit in units:
        assert services[unit]["command"] == ["run", "/etc/hub", "--only", unit]
        assert services[unit]["volumes"] == ["./schemas/examples/quickstart:/etc/hub:ro"]


def test_every_container_has_what_its_unit_refers_to(services: dict[str, Any]) -> None:
    """All `${env:…}` references of a unit resolve with its container's environment."""
    deployment = load(QUICKSTART)
    for unit in deployment.units:
        deployment.check_references(services[unit]["environment"], [unit])


def test_the_environment_of_the_containers_is_one_that_the_hub_knows(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt HUB_ variable, in the compose file or the Dockerfile, is an error of the settings."""
    baked = dict(re.findall(r"\b(HUB_\w+)=(\S+)", DOCKERFILE))
    for name, value in {**baked, **services["deliveries"]["environment"]}.items():
        monkeypatch.setenv(name, value)
    assert KafkaSettings().bootstrap_servers == "kafka:9092"
    assert (IngressSettings().host, IngressSettings().port) == ("0.0.0.0", 8080)
    assert (AdminSettings().host, AdminSettings().port) == ("127.0.0.1", 8081)
    assert {name for name in baked if not name.startswith(("HUB_INGRESS__", "HUB_ADMIN__"))} == set()


def test_our_containers_have_no_rights(services: dict[str, Any]) -> None:
    """Read-only root, no capabilities, no new privileges, limited memory; all but /tmp is unwritable."""
    for name, service in services.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        if name not in SERVERS:
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert service["tmpfs"] == ["/tmp"], name
            assert service["mem_limit"], name


def test_no_container_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    """Published ports are published on 127.0.0.1 only: the demo's secrets are known to everybody."""
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_container_starts_when_what_it_needs_is_healthy(services: dict[str, Any]) -> None:
    """Units wait for the servers, the demo waits for everything, and everything says whether it is healthy."""
    units = set(services) - SERVERS - {"demo"}
    for name in units:
        assert services[name]["depends_on"] == {each: {"condition": "service_healthy"} for each in SERVERS}
    assert services["demo"]["depends_on"] == {each: {"condition": "service_healthy"} for each in units | SERVERS}
    assert all("healthcheck" in services[each] for each in SERVERS)


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_is_healthy() -> None:
    """A numeric user other than root, a health check in exec form, and a base image that can be chosen."""
    assert re.search(r"^ARG BASE=\S+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*CMD \[", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["hub"\]$', DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
