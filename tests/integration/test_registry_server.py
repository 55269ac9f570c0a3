"""The ladder's schema registry: fetched and checked, started and ended, and what the environment names comes first."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from hub.process import free_ports
from hub.sdk import EnvironmentProblem
from hub.testing import registry
from hub.testing.servers import GivenServer, registry_server


async def test_a_private_registry_keeps_its_address_over_a_stop(tmp_path: Path) -> None:
    """It comes back at the same URL, empty, and nothing of it is left at the end."""
    async with registry_server(private=True) as server:
        url = server.url
        await server.stop()
        assert not await registry.takes_schemas(url)
        assert await server.start() == url
        assert await registry.takes_schemas(url)
    assert not await registry.takes_schemas(url)


async def test_the_registry_that_the_environment_names_comes_first(
    schema_registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HUB_TEST_REGISTRY is used as it is, and refused to be killed."""
    monkeypatch.setenv("HUB_TEST_REGISTRY", f"{schema_registry}/")
    async with registry_server() as server:
        assert isinstance(server, GivenServer)
        assert server.url == schema_registry
        with pytest.raises(EnvironmentProblem, match="HUB_TEST_REGISTRY names is not ours to end"):
            await server.stop()
    assert await registry.takes_schemas(schema_registry)


async def test_a_named_registry_that_is_down_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other rung is tried: the user meant that one."""
    (port,) = free_ports(1)
    monkeypatch.setenv("HUB_TEST_REGISTRY", f"http://127.0.0.1:{port}")
    with pytest.raises(EnvironmentProblem, match="HUB_TEST_REGISTRY names a server that doesn't answer"):
        async with registry_server():
            pass


def test_a_repository_that_is_away_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And which settings help; nothing half fetched stays."""
    (port,) = free_ports(1)
    monkeypatch.setenv("HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HUB_MAVEN_REPOSITORY", f"http://127.0.0.1:{port}")
    with pytest.raises(EnvironmentProblem, match=r"can't be fetched.*HUB_TEST_REGISTRY"):
        registry.ensure_distribution()
    assert list((tmp_path / "apicurio").iterdir()) == []


def test_another_file_than_the_known_one_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sum is compared before anything of it is used."""
    version = registry.VERSION
    served = tmp_path / "io" / "apicurio" / "apicurio-registry-app" / version
    served.mkdir(parents=True)
    (served / f"apicurio-registry-app-{version}-all.tar.gz").write_bytes(b"something else")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HUB_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(EnvironmentProblem, match="is not the file that the hub was tested with"):
            registry.ensure_distribution()
        server.shutdown()
    assert list((tmp_path / "cache" / "apicurio").iterdir()) == []
