"""Settings of a running hub that are the machine's and not the deployment's: from the environment."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.sdk.errors import ConfigError


class _Settings(BaseSettings):
    """Settings whose mistakes are the user's.

    Raises:
        ConfigError: names the variables that are wrong.
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            prefix = self.model_config.get("env_prefix", "")
            found = "; ".join(
                f"{prefix}{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}, got {each['input']!r}"
                for each in error.errors(include_url=False)
            )
            raise ConfigError(f"wrong settings in the environment: {found}") from None


REMEMBERED = 2_000_000
"""Webhook deliveries that are known at most, where nothing else is said: some 45 MB, or 3 per second for 7 days."""


class IngressSettings(_Settings):
    """How webhooks are received: ``HUB_INGRESS__HOST``, ``HUB_INGRESS__PORT``, ``HUB_INGRESS__REMEMBER``."""

    model_config = SettingsConfigDict(env_prefix="HUB_INGRESS__", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes a free port."""
    remember: int = Field(default=REMEMBERED, ge=1000, le=1_000_000_000)
    """How many deliveries are known at most, of all webhook sources of a deployment together; a repeated delivery is
    noticed while the first one is among them, and for 7 days. A delivery takes about 22 bytes in each process."""
    fd: int | None = None
    """Of the socket that listens there, where several workers share it; set by `hub run --workers`."""


class AdminSettings(_Settings):
    """Where the admin API listens: ``HUB_ADMIN__HOST``, ``HUB_ADMIN__PORT``."""

    model_config = SettingsConfigDict(env_prefix="HUB_ADMIN__", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    """0 takes a free port."""


MOST_WORKERS = 256
"""How many processes `hub run --workers` starts at most."""


def numbered(family: str, number: int) -> str:
    """The name of one of several workers: the name of all, and its number."""
    return f"{family}.{number}"


class WorkerSettings(_Settings):
    """Who this process is among several that run the same units: ``HUB_WORKER__INSTANCE`` and others."""

    model_config = SettingsConfigDict(env_prefix="HUB_WORKER__", frozen=True)

    instance: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,100}$")
    """A name that no other worker has, and that this one has again after a restart; without one, each start is a new
    member of the consumer groups. With one, a worker that is back within the session timeout finds its partitions as it
    left them, and those of a worker that doesn't come back wait for as long."""
    session_timeout: float = Field(default=10.0, ge=6.0, le=1800.0)
    """Seconds without a sign of life after which the others take over; brokers allow 6 s to 30 min by default."""
    leave: bool | None = None
    """Whether it leaves the groups when it is told to end, so that the others have its partitions at once; else its
    place is kept for the session timeout. Not given, it is kept, but for Ctrl-C and for names that don't come back."""
    families: str = ""
    """Names, separated by commas, to which the numbers of workers were added that don't run any more, see `gone`; set
    by `hub run`."""
    count: int = Field(default=0, ge=0, le=MOST_WORKERS)
    """How many processes there are with numbers, likewise."""
    index: int | None = None
    """Which of the processes of a `hub run --workers` this is, from 1; set by that."""
    channel: int | None = None
    """The file descriptor on which such a process talks with the one that has started it."""
    paused: str = ""
    """Units that are paused from the start, separated by commas: the operator had paused them in the process before."""
    stopped: str = ""
    """Units that are stopped from the start, likewise."""

    @property
    def gone(self) -> list[str]:
        """Names of workers that there may have been and are no more: those with higher numbers than there are now.

        One process, the first, sees to it that nobody waits for them.
        """
        if self.index not in (None, 1):
            return []
        return [
            numbered(family, number)
            for family in self.families.split(",")
            if family
            for number in range(self.count + 1, MOST_WORKERS + 1)
        ]
