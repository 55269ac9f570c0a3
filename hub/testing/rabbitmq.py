"""A private RabbitMQ: Debian's real server as a child process, with ports, data and an epmd of its own.

Nothing of it is visible to, or disturbed by, a RabbitMQ that the machine runs anyway.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path

import aio_pika
import yarl

from hub.process import ChildProcess, free_ports, listens
from hub.sdk.errors import EnvironmentProblem

# Debian's path of the script itself; the one on the PATH is a wrapper that insists on the user `rabbitmq`.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

# Seconds. A start takes 4 to 8 on a shared two-core machine, and more while tests use it.
_START_LIMIT = 60

_MISSING = (
    "A private RabbitMQ needs Debian's package rabbitmq-server, which is not installed. "
    "Install it (`apt-get install rabbitmq-server`; `make setup` does that as root or with sudo), "
    "or name a running one in HUB_TEST_RABBITMQ=amqp://user:password@host:port/"
)


def _erlang_home() -> str:
    """Directory with the Erlang programs, ``epmd`` among them."""
    if not _SERVER.exists() or (epmd := shutil.which("epmd")) is None:
        raise EnvironmentProblem(_MISSING)
    return epmd


class PrivateRabbitMQ:
    """One RabbitMQ node that belongs to us.

    Its data stay in its directory over `stop`, `kill` and `start`, on the same port.

    Args:
        directory: where its data go; a temporary one that `close` removes if not given.
        management: whether the management plugin's HTTP API is on, at `management_url`.
    """

    def __init__(self, directory: Path | None = None, *, management: bool = False) -> None:
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="hub-rabbitmq-"))
        self._management = management
        self._ports: list[int] = []
        self._epmd: ChildProcess | None = None
        self._server: ChildProcess | None = None

    @property
    def url(self) -> str:
        """Where to connect, once it has been started."""
        return f"amqp://guest:guest@127.0.0.1:{self._ports[0]}/"

    @property
    def management_url(self) -> str:
        """Base URL of the management plugin's API, for the user guest with the password guest."""
        return f"http://127.0.0.1:{self._ports[3]}/api"

    @property
    def running(self) -> bool:
        """Whether the server's process runs."""
        return self._server is not None and self._server.running

    async def start(self) -> str:
        """Starts it and waits until it takes connections.

        Returns:
            its URL.

        Raises:
            EnvironmentProblem: it isn't installed, or doesn't start.
        """
        if self.running:
            return self.url
        for attempt in range(3):
            if not self._ports:
                self._prepare(free_ports(4))
            try:
                await self._launch()
            except EnvironmentProblem as problem:
                self._end_processes()
                if attempt == 2 or not _port_taken(str(problem)):  # noqa: PLR2004  the last of three
                    raise
                self._ports = []  # somebody took one in the meantime
            except BaseException:
                self._end_processes()
                raise
            else:
                break
        return self.url

    async def stop(self) -> None:
        """Ends it in order; its data stay."""
        if self._server is not None:
            await self._server.stop()
        self._end_processes()

    def kill(self) -> None:
        """Ends it as a power cut would; its data stay as they are."""
        self._end_processes()

    def close(self) -> None:
        """Ends it for good, and removes its directory if that was temporary."""
        self._end_processes()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _end_processes(self) -> None:
        for process in (self._server, self._epmd):
            if process is not None:
                process.kill()

    def _prepare(self, ports: list[int]) -> None:
        epmd = _erlang_home()
        self._ports = ports
        amqp, distribution, epmd_port, management = ports
        home = self.directory
        home.mkdir(parents=True, exist_ok=True)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(os.urandom(16).hex())
            cookie.chmod(0o400)
        (home / "enabled_plugins").write_text("[rabbitmq_management].\n" if self._management else "[].\n")
        (home / "rabbitmq.conf").write_text(
            "disk_free_limit.absolute = 50MB\nlog.console = true\nlog.console.level = warning\nlog.file = false\n"
            + (f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n" if self._management else "")
        )
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd_port),
            "RABBITMQ_NODENAME": "hub@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(amqp),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # Makes the script become the server instead of waiting beside it, so that our child is the server itself.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-noinput -kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none"
            ),
        }
        log = home / "server.log"
        # In the foreground, where Erlang would start one as a daemon that nobody ends.
        self._epmd = ChildProcess("epmd", [epmd], env=environment, cwd=home, log=log)
        self._server = ChildProcess("RabbitMQ", [str(_SERVER)], env=environment, cwd=home, log=log)

    async def _launch(self) -> None:
        assert self._epmd is not None
        assert self._server is not None
        self._epmd.start()
        await self._epmd.wait_until(lambda: listens("127.0.0.1", self._ports[2]), 10)
        self._server.start()
        await self._server.wait_until(lambda: takes_connections(self.url), _START_LIMIT)


async def takes_connections(url: str) -> bool:
    """Whether a RabbitMQ at the URL lets us open a channel now."""
    address = yarl.URL(url)
    if not await listens(address.host or "localhost", address.port or (5671 if address.scheme == "amqps" else 5672)):
        return False  # asked first, because aio-pika logs each refused connection as an error
    try:
        async with asyncio.timeout(5):
            connection = await aio_pika.connect(url)
            async with connection:
                await connection.channel()
    except (OSError, TimeoutError, aio_pika.exceptions.AMQPError):
        return False
    return True


def _port_taken(text: str) -> bool:
    return re.search(r"eaddrinuse|address already in use|already in use", text, re.IGNORECASE) is not None
