"""The play: deliveries come in, routes work, an API refuses some, the dead letters are replayed, the ledger adds up."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import aio_pika

from demo import deliveries
from demo.chat import Chat
from demo.githubapi import GitHubApi
from demo.screen import Screen
from demo.stage import SECRET, AttachedStage, Stage, github_reachable, local
from hub.engine.dlq.deadletters import DeadLetters, Letter, queues_of
from hub.engine.dlq.replay import Replay
from hub.engine.dlq.resolutions import Resolutions
from hub.engine.dlq.selection import Selection
from hub.engine.ledger.ledger import Totals
from hub.engine.unit import Status
from hub.sdk import NotConnected

PATIENCE = 180.0
"""Seconds that the hub may take to be done, on a slow and busy machine."""
ISSUES = 60
"""Issues that the demo's own GitHub API holds at first."""
CHANGED = 7
"""Issues that change while the demo runs."""


async def play(screen: Screen, *, attach: bool) -> bool:
    """Plays it all; whether the ledger adds up for every unit."""
    screen.act("Setting up")
    payloads, origin = deliveries.payloads(screen.say)
    async with AsyncExitStack() as stack:
        chat = Chat(os.environ.get("DEMO_HOST", "127.0.0.1"), int(os.environ.get("DEMO_CHAT_PORT", "0")))
        await chat.start()
        stack.push_async_callback(chat.stop)
        api = await _github(screen, stack)
        screen.say(f"deliveries: {origin}")
        stage: Stage
        if attach:
            stage = attached = AttachedStage()
            screen.say(f"the hub: containers, at {stage.webhook}; waiting for them …")
            stack.push_async_callback(attached.stop)
            await attached.ready()
        else:
            stage = await stack.enter_async_context(local(chat, api, screen.starting))
        return await _Play(screen, stage, chat, api).run(payloads)


async def _github(screen: Screen, stack: AsyncExitStack) -> GitHubApi | None:
    """The demo's own API, unless the real one can be asked."""
    if await github_reachable():
        screen.say(f"polling: GitHub itself, the issues of {os.environ['GITHUB_REPO']}")
        return None
    api = GitHubApi(
        issues=ISSUES,
        host=os.environ.get("DEMO_HOST", "127.0.0.1"),
        port=int(os.environ.get("DEMO_GITHUB_PORT", "0")),
    )
    await api.start()
    stack.push_async_callback(api.stop)
    why = "GitHub can't be reached" if os.environ.get("GITHUB_REPO") else "GITHUB_REPO is not set"
    screen.say(f"polling: a small API of the demo's own, with ETag, Link and since ({why})")
    return api


class _Play:
    def __init__(self, screen: Screen, stage: Stage, chat: Chat, api: GitHubApi | None) -> None:
        self._screen = screen
        self._stage = stage
        self._chat = chat
        self._api = api
        self._expected = 0
        self._replayed = 0

    async def run(self, payloads: Sequence[tuple[str, bytes]]) -> bool:
        screen = self._screen
        screen.act("GitHub delivers", f"{len(payloads)} signed webhooks to {self._stage.webhook}, one of them twice")
        await self._deliver(payloads)
        screen.act("Everything settles", "routes filter, reshape and fan out; sinks deliver, retry, give up")
        await self._settle()
        screen.act("What could not be delivered", "is in a dead letter queue, with its cause")
        await self._show_letters()
        screen.act("The chat is mended, the dead letters are replayed", "to the sink that failed, and to nobody else")
        self._chat.mend()
        await self._replay()
        statuses = await self._settle()
        screen.act("The ledger")
        screen.ledger(statuses)
        queued = await self._queued()
        screen.say(f"RabbitMQ's queue `tasks` holds {queued:,} messages; the chat got {len(self._chat.lines):,} lines.")
        totals = Totals.sum(status.totals for status in statuses)
        fits = self._fits(statuses, queued)
        screen.what_next(self._stage.left, self._stage.suggestions)
        screen.last(totals)
        return fits

    async def _deliver(self, payloads: Sequence[tuple[str, bytes]]) -> None:
        sent = [deliveries.signed(event, body, SECRET) for event, body in payloads]
        forged = sent[0]._replace(id="forged", signature="sha256=" + "0" * 64)
        with self._screen.live(self._stage, len(sent) + 2) as progress:
            answers = await deliveries.send(self._stage.webhook, [*sent, forged], progress.sent)
            answers += await deliveries.send(self._stage.webhook, sent[-1:], progress.sent)
        self._expected = len(sent) + 1
        self._screen.say(
            f"{answers[202]} answered 202 (the second copy too: it is dropped as a duplicate), "
            f"{answers[401]} forged one 401"
        )
        if answers[202] != self._expected or answers[401] != 1:
            raise NotConnected(f"the webhook bridge answered {dict(answers)}; expected 202 for all genuine deliveries")
        if self._api is not None:
            self._api.change(CHANGED)

    async def _settle(self) -> Sequence[Status]:
        """Waits until every unit has been idle, with nothing in flight, for a while."""
        before: list[Totals] = []
        since = began = asyncio.get_running_loop().time()
        with self._screen.live(self._stage):
            while True:
                await asyncio.sleep(0.2)
                statuses = await self._stage.statuses()
                now = asyncio.get_running_loop().time()
                totals = [status.totals for status in statuses]
                if totals != before or not self._done(statuses):
                    before, since = totals, now
                elif now - since > self._stage.quiet:
                    return statuses
                if now - began > PATIENCE:
                    raise NotConnected(f"the hub was not done after {PATIENCE:g} s: {self._screen.line(statuses)}")

    def _done(self, statuses: Sequence[Status]) -> bool:
        by_name = {status.unit: status for status in statuses}
        if set(by_name) != set(self._stage.deployment.units) or any(each.totals.in_flight for each in statuses):
            return False
        if by_name["announce"].totals.replayed < self._replayed:
            return False
        polled = by_name["issues"]
        caught_up = self._api is None or self._api.newest in (polled.cursor or "")
        return by_name["deliveries"].totals.received >= self._expected and caught_up and bool(polled.totals.received)

    async def _show_letters(self) -> None:
        resolutions = Resolutions(self._stage.settings, self._stage.deployment.name)
        await resolutions.refresh()
        try:
            letters = DeadLetters(self._stage.settings, queues_of(self._stage.deployment), resolutions)
            causes = Counter([_cause(letter) async for letter in letters.read(Selection())])
        finally:
            await resolutions.stop()
        self._screen.letters([(*cause, count) for cause, count in causes.most_common()])

    async def _replay(self) -> None:
        replay = Replay(self._stage.settings, self._stage.deployment, Selection(units=frozenset({"announce"})))
        await replay.replay()
        self._replayed = replay.outcomes["announce"].resolved
        self._screen.say(f"{self._replayed} dead letters replayed")

    async def _queued(self) -> int:
        connection = await aio_pika.connect(self._stage.amqp)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("tasks", passive=True)
            return queue.declaration_result.message_count or 0

    def _fits(self, statuses: Sequence[Status], queued: int) -> bool:
        """Whether every unit's ledger adds up, with nothing in flight, and the far sides have what was delivered."""
        delivered = {status.unit: status.totals.delivered for status in statuses}
        unbalanced = [each.unit for each in statuses if not each.totals.balanced or each.totals.in_flight]
        for unit in unbalanced:
            self._screen.fail(f"the ledger of {unit} does not add up, or has events in flight")
        if queued < delivered["tasks"]:
            self._screen.fail(f"the queue holds {queued} messages, but {delivered['tasks']} were delivered")
        if len(self._chat.lines) < delivered["announce"]:
            self._screen.fail(f"the chat has {len(self._chat.lines)} lines, but {delivered['announce']} were delivered")
        return not unbalanced and queued >= delivered["tasks"] and len(self._chat.lines) >= delivered["announce"]


def _cause(letter: Letter) -> tuple[str, str, str]:
    """Unit, event type and cause: what dead letters have in common."""
    failure = letter.failure
    what = letter.event.type if letter.event else "no event"
    return letter.unit, what, f"{failure.status or failure.error}: {failure.cause}"
