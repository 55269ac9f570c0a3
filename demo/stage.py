"""Where the demo plays: with servers and a hub of its own, or against containers that run already."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import aiohttp

from demo.chat import Chat
from demo.githubapi import GitHubApi
from hub.deployment import Deployment, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.engine.status import EVERY, reports_of
from hub.engine.unit import State, Status
from hub.kafka import names
from hub.kafka.compacted import CompactedTable
from hub.kafka.settings import KafkaSettings
from hub.kafka.topics import ensure_topics
from hub.sdk import NotConnected
from hub.testing.servers import kafka_server, rabbitmq_server

QUICKSTART = Path(__file__).parent.parent / "schemas" / "examples" / "quickstart"
WEBHOOK_PATH = "/webhooks/github"
SECRET = "It's a Secret to Everybody"  # noqa: S105  GitHub's documentation signs with it; nothing real is behind it
REPOSITORY = "octo-org/octo-repo"
"""Repository that the demo's own API serves."""
READY_LIMIT = 120.0
"""Seconds that the containers have to start."""
_THERE = (State.RUNNING, State.PAUSED)


class Stage(Protocol):
    """What the play needs.

    Attributes:
        deployment: the quickstart.
        settings: how to reach Kafka.
        webhook: URL that deliveries are sent to.
        amqp: URL of RabbitMQ.
        quiet: seconds without any change after which the hub is taken to be done.
        left: what of it is left running when the demo ends, for people.
        suggestions: commands to try afterwards, and what they are good for.
    """

    deployment: Deployment
    settings: KafkaSettings
    webhook: str
    amqp: str
    quiet: float
    left: str
    suggestions: Sequence[tuple[str, str]]

    async def statuses(self) -> Sequence[Status]:
        """Every unit's status, measured now or reported within the last seconds."""


class LocalStage:
    """A hub in this process, on servers of its own."""

    quiet = 1.0
    left = "nothing is left running"
    suggestions: Sequence[tuple[str, str]] = (
        (".venv/bin/hub validate schemas/examples/quickstart", "after a typo in a route, for instance"),
        (".venv/bin/hub init my-hub", "a small deployment of your own"),
        (".venv/bin/hub up my-hub", "runs it, with an embedded Apache Kafka"),
        (".venv/bin/hub --help", "tap topics, dead letters, cursors …"),
    )

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

    quiet = 3 * EVERY
    left = "the other containers go on until Compose stops them"
    suggestions: Sequence[tuple[str, str]] = (
        ("docker compose up --detach", "plays it again, and leaves the units at work"),
        ("docker compose exec tasks hub tap review.wanted", "what goes by on a topic"),
        ("docker compose exec tasks hub dlq list", "what could not be delivered"),
        ("docker compose down --volumes", "removes everything, with the data"),
    )

    def __init__(self) -> None:
        self.deployment = load(QUICKSTART)
        self.settings = KafkaSettings()
        self.webhook = os.environ["DEMO_WEBHOOK_URL"]
        self.amqp = os.environ["AMQP_URL"]
        self._table = CompactedTable(self.settings, names.status(self.deployment.name), follow=True)

    async def ready(self) -> None:
        """Waits until every unit has reported that it is there; one that waits for its far side is.

        Raises:
            NotConnected: not within the limit.
        """
        await ensure_topics(self.settings, self.deployment.topic_specs())
        await self._table.start()
        missing: set[str] = set()
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_LIMIT):
                while True:
                    there = {each.unit for each in await self.statuses() if each.state in _THERE}
                    missing = set(self.deployment.units) - there
                    if not missing:
                        return
                    await asyncio.sleep(1)
        raise NotConnected(f"units that did not start within {READY_LIMIT:g} s: {', '.join(sorted(missing))}")

    async def stop(self) -> None:
        """Disconnects."""
        await self._table.stop()

    async def statuses(self) -> Sequence[Status]:
        """As the units reported them on Kafka."""
        reports = reports_of(entry.value for entry in (await self._table.items()).values())
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
