"""Connectors as foreign packages would bring them, and deployments written on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from hub.deployment import Finding, Registry, check
from hub.sdk import (
    NOTHING,
    Batch,
    Config,
    Connector,
    Delivery,
    Duration,
    Event,
    Lookup,
    LookupConfig,
    Mapped,
    PollingSource,
    ServiceConfig,
    Sink,
    SinkConfig,
    SourceConfig,
    TimeCursor,
    WebhookConfig,
    WebhookRequest,
    WebhookSource,
)
from hub.sdk.lookup import Answer


class HookConfig(WebhookConfig):
    secret: SecretStr


class Hook(WebhookSource[HookConfig]):
    events = {"github.push": None, "github.pull_request": None}

    def receive(self, request: WebhookRequest) -> Sequence[Event]:
        return [self.event("github.push", {}, id=request.path)]


class IssuesConfig(SourceConfig):
    service: str = "github"
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")


class Issues(PollingSource[IssuesConfig, TimeCursor]):
    events = {"github.issue": None}

    async def poll(self, cursor: TimeCursor) -> Any:
        yield Batch([], cursor)


class Api(ServiceConfig):
    base_url: str = Field(default="https://api.github.com", pattern=r"^https?://\S+$")


class Exchange(Config):
    name: str
    type: str = "topic"


class QueueConfig(SinkConfig):
    url: SecretStr
    exchange: Exchange | str
    routing_key: Mapped[str] = Mapped("")
    priority: int | None = Field(default=None, ge=0, le=9)


class Queue(Sink[QueueConfig]):
    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        return []


class CallConfig(SinkConfig):
    url: Mapped[str]
    body: Mapped[dict[str, Any]] | None = Field(default=None, alias="json")
    timeout: Duration = Field(default="30s", validate_default=True)
    hops: Mapped[int] = Mapped(0)


class Call(Sink[CallConfig]):
    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        return []


class IssueConfig(SinkConfig):
    service: str = "github"


class OpenIssue(Sink[IssueConfig]):
    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        return []


class Drifting(Hook):
    events = {"brought": "system/brought/v1.json", "also": "system/also/v1.json"}


class IssueKey(Config):
    repository: str
    number: int


class IssueLookupConfig(LookupConfig):
    service: str = "github"
    token: SecretStr | None = None
    fields: list[str] = []


class FindIssue(Lookup[IssueLookupConfig, IssueKey]):
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "state": {"enum": ["open", "closed"]}},
        "required": ["title", "state"],
        "additionalProperties": False,
    }

    async def look_up(self, keys: Sequence[IssueKey]) -> Sequence[Answer]:
        return [NOTHING for _ in keys]


class Get(Lookup[LookupConfig, str | int]):
    async def look_up(self, keys: Sequence[str | int]) -> Sequence[Answer]:
        return [NOTHING for _ in keys]


CONNECTORS = (
    Connector(
        "github",
        "GitHub",
        {"webhook": Hook, "issues": Issues},
        {"issue": OpenIssue},
        service=Api,
        lookups={"issue": FindIssue, "any": Get},
    ),
    Connector("drifting", "Drifting", {"": Drifting}),
    Connector("rabbitmq", "RabbitMQ", sinks={"": Queue}),
    Connector("http", "HTTP", sinks={"": Call}, service=ServiceConfig),
)


@pytest.fixture
def registry() -> Registry:
    return Registry(CONNECTORS)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes files, ``hub.yaml`` if no names are given, and gives their directory."""

    def write(text: str | bytes = "", /, **files: str | bytes) -> Path:
        directory = tmp_path / "deployment"
        directory.mkdir(exist_ok=True)
        for name, content in ({"hub": text} if text else {}).items() | files.items():
            path = directory / (name if "." in name else f"{name}.yaml")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return directory

    return write


@pytest.fixture
def found(write: Callable[..., Path], registry: Registry) -> Callable[..., list[Finding]]:
    """Writes files and gives what a check of them finds."""

    def found(text: str | bytes = "", /, **files: str | bytes) -> list[Finding]:
        return list(check(write(text, **files), registry=registry).findings)

    return found
