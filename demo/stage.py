"""Where the demo plays: with servers and a hub of its own, or against containers that run already."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import aiohttp

from demo.chat import Chat
from demo.githubapi import GitHubApi
from hub.deployment import Deployment, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.engine.status import read_reports
from hub.engine.unit import Status
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server, rabbitmq_server

QUICKSTART = Path(__file__).parent.parent / "schemas" / "examples" / "quickstart"
WEBHOOK_PATH = "/webhooks/github"
SECRET = "It's a Secret to Everybody"  # noqa: S105  GitHub's documentation signs with it; nothing real is behind it
REPOSITORY = "octo-org/octo-repo"
"""Repository that the demo's own API serves."""


class Stage(Protocol):
    """What the play needs.

    Attributes:
        deployment: the quickstart.
        settings: how to reach Kafka.
        webhook: URL that deliveries are sent to.
        amqp: URL of RabbitMQ.
        environ: what the schema files' references see.
    """

    deployment: Deployment
    settings: KafkaSettings
    webhook: str
    amqp: str

    async def statuses(self) -> Sequence[Status]:
        """Every unit's status, measured now or reported within the last seconds."""


class LocalStage:
    """A hub in this process, on servers of its own."""

    def __init__(self, runtime: Runtime, amqp: str) -> None:
        self._runtime = runtime
        self.deployment = runtime.deployment
        self.settings = runtime.settings
        self.webhook = runtime.server.url + WEBHOOK_PATH
        self.amqp = amqp

    async def statuses(self) -> Sequence[Status]:
        """Measured now."""
        await asyncio.gather(*(unit.measure() for unit in self._runtime.supervisor.units.values()))
        return self._runtime.status()


class AttachedStage:
    """Containers, one per unit, found by the environment that ``docker-compose.yml`` gives."""

    def __init__(self) -> None:
        self.deployment = load(QUICKSTART)
        self.settings = KafkaSettings()
        self.webhook = os.environ["DEMO_WEBHOOK_URL"]
        self.amqp = os.environ["AMQP_URL"]

    async def statuses(self) -> Sequence[Status]:
        """As the units reported them on Kafka."""
        reports = await read_reports(self.settings, self.deployment.name)
        return [report.status for report in reports if not report.stale]


def environment(chat: Chat, github: Mapping[str, str], amqp: str) -> dict[str, str]:
    """What the references in the quickstart's schema files mean for this run."""
    return {
        **os.environ,
        "AMQP_URL": amqp,
        "CHAT_URL": chat.url,
        "GITHUB_WEBHOOK_SECRET": SECRET,
        **github,
    }


async def github_reachable() -> bool:
    """Whether the repository that ``GITHUB_REPO`` names can be asked about at GitHub."""
    repository = os.environ.get("GITHUB_REPO")
    if not repository:
        return False
    url = f"{os.environ.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{repository}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=True) as session,
            session.get(url) as response,
        ):
            return response.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


def github_environment(api: GitHubApi | None) -> dict[str, str]:
    """The real GitHub's repository of the environment, or the demo's own."""
    if api is None:
        return {"GITHUB_REPO": os.environ["GITHUB_REPO"]}
    return {"GITHUB_API_URL": api.url, "GITHUB_REPO": REPOSITORY, "GITHUB_TOKEN": ""}


@asynccontextmanager
async def local(chat: Chat, api: GitHubApi | None, say: Servers) -> AsyncIterator[LocalStage]:
    """Starts Kafka, RabbitMQ and the hub, and ends them."""
    async with AsyncExitStack() as stack:
        say("Kafka")
        kafka = await stack.enter_async_context(kafka_server(private=True))
        say("RabbitMQ")
        rabbitmq = await stack.enter_async_context(rabbitmq_server(private=True))
        runtime = Runtime(
            load(QUICKSTART),
            KafkaSettings(bootstrap_servers=kafka.url),
            ingress=IngressSettings(port=0),
            environ=environment(chat, github_environment(api), rabbitmq.url),
        )
        say("the hub")
        stack.push_async_callback(runtime.stop)
        await runtime.start()
        yield LocalStage(runtime, rabbitmq.url)


class Servers(Protocol):
    """Told what is being started."""

    def __call__(self, name: str, /) -> None:
        """The server of this name is being started."""
