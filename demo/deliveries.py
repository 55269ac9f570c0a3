"""What GitHub sends: webhook payloads, signed as GitHub signs them, posted over HTTP as GitHub posts them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp

from hub.sdk import EnvironmentProblem

OWN = Path(__file__).parent / "payloads"
UNDER_WAY = 16
"""Requests at once."""
PATIENCE = 60
"""How often a delivery that was answered 503 is sent again, once a second."""


class Delivery(NamedTuple):
    """A webhook delivery: GitHub's headers and the exact body."""

    event: str
    id: str
    body: bytes
    signature: str


def signed(event: str, body: bytes, secret: str) -> Delivery:
    """A delivery as GitHub makes it, under a new id."""
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Delivery(event, str(uuid.uuid4()), body, signature)


def payloads(progress: Callable[[str], None]) -> tuple[list[tuple[str, bytes]], str]:
    """(event type, body) of every payload, and a sentence that says where they come from."""
    if shutil.which("npm"):
        from hub.testing.octokit import webhook_payloads  # noqa: PLC0415  only where npm can fetch them

        try:
            found = webhook_payloads(progress)
        except EnvironmentProblem as problem:
            progress(f"{problem}; using the project's own payloads instead")
        else:
            kinds = len({event for event, _ in found})
            return found, f"{len(found)} real payloads of {kinds} event types from @octokit/webhooks-examples"
    own = [(path.name.partition(".")[0], path.read_bytes()) for path in sorted(OWN.glob("*.json"))]
    kinds = len({event for event, _ in own})
    return own, f"{len(own)} payloads of {kinds} event types, the project's own (with npm: 329 published ones)"


async def send(url: str, deliveries: Sequence[Delivery], sent: Callable[[int], None]) -> Counter[int]:
    """Posts all deliveries, several at once; answers by status. What is answered 503 is sent again, as people would."""
    answers: Counter[int] = Counter()
    queue = iter(deliveries)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:

        async def worker() -> None:
            for delivery in queue:
                status = await _post(session, url, delivery)
                answers[status] += 1
                sent(status)

        async with asyncio.TaskGroup() as group:
            for _ in range(UNDER_WAY):
                group.create_task(worker())
    return answers


async def _post(session: aiohttp.ClientSession, url: str, delivery: Delivery) -> int:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/demo",
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Delivery": delivery.id,
        "X-Hub-Signature-256": delivery.signature,
    }
    for _ in range(PATIENCE):
        async with session.post(url, data=delivery.body, headers=headers) as response:
            if response.status != 503:  # noqa: PLR2004  Service Unavailable
                return response.status
        await asyncio.sleep(1)
    return 503
