"""A private RabbitMQ: Debian's real server as a child process, with ports, data and an epmd of its own.

Nothing of it is visible to, or disturbed by, a RabbitMQ that the machine runs anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import aio_pika
import yarl

from hub.process import ChildProcess, free_ports, listens
from hub.sdk.errors import EnvironmentProblem

# Debian's path of the scripts themselves; those on the PATH are wrappers that insist on the user `rabbitmq`.
_PROGRAMS = Path("/usr/lib/rabbitmq/bin")

# Seconds. A start takes 4 to 8 on a shared two-core machine, and more while tests use it.
_START_LIMIT = 180
_ATTEMPTS = 3

_MISSING = (
    "A private RabbitMQ needs Debian's package rabbitmq-server, which is not installed. "
    "Install it (`apt-get install rabbitmq-server`; `make setup` does that as root or with sudo), "
    "or name a running one in HUB_TEST_RABBITMQ=amqp://user:password@host:port/"
)


class _Ports(NamedTuple):
    amqp: int
    distribution: int
    epmd: int
    management: int


class PrivateRabbitMQ:
    """One RabbitMQ node that belongs to us.

    Its data stay in its directory over `stop`, `kill` and `start`, and so does its port.

    Args:
        directory: where its data go; a temporary one that `close` removes if not given.
        management: whether the management plugin's HTTP API is on, at `management_url`.
    """

    def __init__(self, directory: Path | None = None, *, management: bool = False) -> None:
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="hub-rabbitmq-"))
        self._management = management
        self._ports: _Ports | None = None
        self._epmd: ChildProcess | None = None
        self._server: ChildProcess | None = None

    @staticmethod
    def installed() -> bool:
        """Whether this machine has what it takes."""
        return shutil.which("epmd") is not None and (_PROGRAMS / "rabbitmq-server").exists()

    @property
    def url(self) -> str:
        """Where to connect, once it has been started."""
        return f"amqp://guest:guest@127.0.0.1:{self._at.amqp}/"

    @property
    def management_url(self) -> str:
        """Base URL of the management plugin's API, for the user guest with the password guest."""
        return f"http://127.0.0.1:{self._at.management}/api"

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
        for attempt in range(1, _ATTEMPTS + 1):
            self._ports = self._ports or _Ports(*free_ports(len(_Ports._fields)))
            try:
                await self._launch()
                break
            except EnvironmentProblem as problem:
                self._end_processes()
                if attempt == _ATTEMPTS or not _port_taken(str(problem)):
                    raise
                self._ports = None  # somebody took one in the meantime
            except BaseException:
                self._end_processes()
                raise
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

    async def control(self, *arguments: str) -> str:
        """Runs ``rabbitmqctl`` on it, e.g. ``control("set_vm_memory_high_watermark", "0.0001")``.

        Returns:
            what it printed.

        Raises:
            EnvironmentProblem: it failed.
        """
        process = await asyncio.create_subprocess_exec(
            str(_PROGRAMS / "rabbitmqctl"),
            *arguments,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise EnvironmentProblem(f"rabbitmqctl {' '.join(arguments)} failed:\n{output.decode(errors='replace')}")
        return output.decode()

    @property
    def _at(self) -> _Ports:
        if self._ports is None:
            raise RuntimeError("the private RabbitMQ has not been started")
        return self._ports

    async def _launch(self) -> None:
        epmd = shutil.which("epmd")
        if epmd is None or not self.installed():
            raise EnvironmentProblem(_MISSING)
        self._write_settings()
        home = self.directory
        log = home / "server.log"
        log.unlink(missing_ok=True)  # so that an error shows words of this start only
        # In the foreground, where Erlang would start one as a daemon that nobody ends.
        self._epmd = ChildProcess("epmd", [epmd], env=self._environment(), cwd=home, log=log)
        self._epmd.start()
        await self._epmd.wait_until(lambda: _epmd_answers(self._at.epmd), 10)
        command = [str(_PROGRAMS / "rabbitmq-server")]
        self._server = ChildProcess("RabbitMQ", command, env=self._environment(), cwd=home, log=log)
        self._server.start()
        await self._server.wait_until(lambda: takes_connections(self.url), _START_LIMIT)

    def _end_processes(self) -> None:
        for process in (self._server, self._epmd):
            if process is not None:
                process.kill()

    def _write_settings(self) -> None:
        home = self.directory
        home.mkdir(parents=True, exist_ok=True)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)
        (home / "enabled_plugins").write_text("[rabbitmq_management].\n" if self._management else "[].\n")
        settings = ["disk_free_limit.absolute = 50MB", "log.console = true", "log.console.level = warning"]
        if self._management:
            settings += ["management.tcp.ip = 127.0.0.1", f"management.tcp.port = {self._at.management}"]
        (home / "rabbitmq.conf").write_text("".join(f"{each}\n" for each in settings))

    def _environment(self) -> dict[str, str]:
        home = self.directory
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._at.epmd),
            "RABBITMQ_NODENAME": "hub@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._at.amqp),
            "RABBITMQ_DIST_PORT": str(self._at.distribution),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_LOGS": "-",
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


async def _epmd_answers(port: int) -> bool:
    # NAMES_REQ of Erlang's distribution protocol; the answer begins with epmd's own port.
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                writer.write(b"\x00\x01n")
                return await reader.readexactly(4) == port.to_bytes(4, "big")
    except (OSError, TimeoutError, EOFError):
        return False


def _port_taken(text: str) -> bool:
    # epmd takes a port in use for another epmd that runs already, and ends content, without a word.
    words = r"eaddrinuse|address (already )?in use|already in use|epmd ended while starting, with status 0"
    return re.search(words, text, re.IGNORECASE) is not None
