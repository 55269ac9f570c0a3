"""The middle rung of the ladder: whether a Docker engine answers is found out quickly and without a trace."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from hub.process import free_ports
from hub.testing import containers
from hub.testing.containers import docker_answers, docker_wanted


def test_no_engine_is_found_where_there_is_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that doesn't exist is no engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert not docker_answers()


def test_no_engine_is_found_where_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that an engine left behind is no engine."""
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "docker.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert not docker_answers()


def test_no_engine_is_found_behind_a_closed_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine of another machine that isn't there is no engine."""
    (port,) = free_ports(1)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    assert not docker_answers()


@pytest.mark.parametrize(
    ("status", "expected"),
    [("HTTP/1.1 200 OK", True), ("HTTP/1.1 500 Internal Server Error", False), ("220 mail.example ESMTP", False)],
)
async def test_an_engine_is_known_by_its_ping(
    status: str, *, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What answers a ping is one; a server that is ill or speaks another protocol is none."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        body = '{"ApiVersion":"1.44"}' if b"/version" in request else "OK"
        writer.write(f"{status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()
        await writer.wait_closed()

    path = tmp_path / "docker.sock"
    async with await asyncio.start_unix_server(serve, path):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert await asyncio.to_thread(docker_answers) is expected


def test_containers_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """HUB_TEST_DOCKER=0 goes to the next rung without asking for an engine."""
    monkeypatch.setattr(containers, "docker_answers", lambda: True)
    assert docker_wanted()
    monkeypatch.setenv("HUB_TEST_DOCKER", "0")
    monkeypatch.setattr(containers, "docker_answers", lambda: pytest.fail("asked for an engine"))
    assert not docker_wanted()
