"""Servers in containers, where a Docker engine answers: the middle rung of the ladder of `hub.testing.servers`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub.process import free_ports
from hub.sdk.errors import EnvironmentProblem

_START_LIMIT = 120  # seconds, once the image is there


def docker_wanted() -> bool:
    """Whether servers are to run in containers: an engine answers, and ``HUB_TEST_DOCKER`` isn't 0."""
    return os.environ.get("HUB_TEST_DOCKER", "1") != "0" and docker_answers()


def docker_answers() -> bool:
    """Whether testcontainers is installed and a Docker engine answers."""
    if importlib.util.find_spec("testcontainers") is None or importlib.util.find_spec("docker") is None:
        return False
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if address.startswith("unix://") and not _listens(address.removeprefix("unix://")):
        return False  # asked first, because the docker library leaks the socket of a refused connection
    import docker  # noqa: PLC0415  a dependency of the tests only

    try:
        client = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return False
    with contextlib.closing(client):
        try:
            return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False


def ensure_image(image: str, progress: Callable[[str], None]) -> None:
    """Fetches an image, unless the engine has it.

    Raises:
        EnvironmentProblem: it can't be fetched.
    """
    import docker  # noqa: PLC0415  a dependency of the tests only

    with contextlib.closing(docker.from_env(timeout=600)) as client:
        try:
            client.images.get(image)
        except docker.errors.ImageNotFound:
            progress(f"fetching the image {image}")
            try:
                client.images.pull(image)
            except docker.errors.DockerException as error:
                raise EnvironmentProblem(
                    f"the image {image} can't be fetched: {error}. HUB_TEST_DOCKER=0 leaves containers out"
                ) from error


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


class ContainerServer:
    """One server in a container, on a port of 127.0.0.1 that it keeps over `stop` and `start`.

    Args:
        name: for people.
        image: with its tag.
        port: where it listens inside.
        environment: from host and port, as clients see them, to the container's environment variables.
        url: from host and port to what clients connect to.
        ready: asks at the URL, by the server's protocol, whether it answers.
    """

    def __init__(
        self,
        name: str,
        image: str,
        port: int,
        *,
        environment: Callable[[str, int], Mapping[str, str]],
        url: Callable[[str, int], str],
        ready: Callable[[str], Awaitable[bool]],
    ) -> None:
        self.name = name
        self._image = image
        self._inside = port
        self._environment = environment
        self._url = url
        self._ready = ready
        self._container: Any = None
        self.url = ""

    async def start(self) -> str:
        """Starts it, or starts it again with its data, and waits until it answers; gives its URL."""
        await asyncio.to_thread(self._start)
        deadline = time.monotonic() + _START_LIMIT
        while not await self._ready(self.url):
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"{self.name} in the container {self._image} was not ready within {_START_LIMIT} s.\n"
                    + self._container.get_wrapped_container().logs(tail=20).decode(errors="replace")
                )
            await asyncio.sleep(0.1)
        return self.url

    def _start(self) -> None:
        import docker  # noqa: PLC0415  a dependency of the tests only

        try:
            if self._container is None:
                ensure_image(self._image, lambda _: None)
                self._create()
            else:
                self._container.get_wrapped_container().start()
        except docker.errors.DockerException as error:
            raise EnvironmentProblem(
                f"a Docker engine answers, but {self.name} can't be started from the image {self._image}: {error}. "
                "HUB_TEST_DOCKER=0 leaves containers out"
            ) from error

    def _create(self) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415  a dependency of the tests only

        (port,) = free_ports(1)
        host, found = "", "localhost"
        while found != host:  # where we run in a container ourselves, the host is known only once this one has started
            host = found
            self.close()
            self._container = DockerContainer(self._image).with_bind_ports(self._inside, port)
            for key, value in self._environment(host, port).items():
                self._container.with_env(key, value)
            self._container.start()
            found = self._container.get_container_host_ip()
        self.url = self._url(host, port)

    async def stop(self) -> None:
        """Ends it in order; its data stay."""
        await asyncio.to_thread(self._container.get_wrapped_container().stop, timeout=30)

    def kill(self) -> None:
        """Ends it as a power cut would; its data stay as they are."""
        self._container.get_wrapped_container().kill()

    def close(self) -> None:
        """Removes it with its data."""
        if self._container is not None:
            self._container.stop()
            self._container = None
