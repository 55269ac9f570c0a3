"""A connector for tests of the engine and of deployments: sources and sinks that do what a test tells them.

script = Script()
registry = Registry([script.connector])          # use: script.poll, .feed, .rows or .hook; script
script.failures = lambda delivery: Permanent("no") if delivery.event.data["bad"] else None
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from hub.sdk import (
    Batch,
    Change,
    Connector,
    Cursor,
    Delivery,
    Event,
    IncrementalSource,
    InvalidPayload,
    Numbers,
    PollingSource,
    Signal,
    Sink,
    SinkConfig,
    SourceConfig,
    WebhookConfig,
    WebhookRejected,
    WebhookRequest,
    WebhookSource,
    Window,
    WriteFailed,
)
from hub.sdk.strictjson import parse
from hub.testing.scripted_lookup import lookup_of

EVENT_TYPE = "script.event"


class Position(Cursor):
    """How many records were read."""

    at: int = 0


class Script:
    """What a test sets and sees.

    Args:
        batch: how many deliveries the sink takes at once.
        ordered: whether there may be several of one key among them.

    Attributes:
        records: what the polling source reads: one event each, in this order; append to it at any time.
        polls: raised, in turn, by the next polls.
        rows: what the incremental source reads, by stream: ``key``, ``at`` and ``gone`` of each; see `Rows`.
        broken: raised by reading a stream, as long as it is there.
        windows: what it was asked for, each with its stream.
        opening: raised, in turn, by the next openings of the sink.
        failures: says of a delivery whether and how it fails.
        before: awaited by every write, with its batch.
        bug: raised by a write that holds a delivery for which it gives an error.
        outage: raised by every write while it is set.
        attempts: every delivery that the sink was asked to write, in order.
        written: every event that the sink took, in order.
        answers: says of a key what the look-up `script.thing` finds; it raises the signal that it gives.
        answering: awaited by every call of it, with its keys.
        asked: the keys of each of its calls, in order.
        lookup_opening: raised, in turn, by its next openings.
        connector: to put into a registry.
    """

    def __init__(self, *, batch: int = 1, ordered: bool = False) -> None:
        self.batch = batch
        self.ordered = ordered
        self.records: list[dict[str, Any]] = []
        self.polls: list[Signal] = []
        self.rows: dict[str, list[dict[str, Any]]] = {"": []}
        self.broken: dict[str, Signal] = {}
        self.windows: list[tuple[str, Window]] = []
        self.opening: list[Signal] = []
        self.failures: Callable[[Delivery], Signal | None] = lambda _: None
        self.before: Callable[[Sequence[Delivery]], Awaitable[None]] | None = None
        self.bug: Callable[[Delivery], Exception | None] = lambda _: None
        self.outage: Signal | None = None
        self.attempts: list[tuple[str, int, str]] = []
        self.written: list[Event] = []
        self.answers: Callable[[Any], Any] = lambda key: {"name": f"thing {key}"}
        self.answering: Callable[[Sequence[Any]], Awaitable[None]] | None = None
        self.asked: list[list[Any]] = []
        self.lookup_opening: list[Signal] = []
        self.connector = Connector(
            name="script",
            title="Script",
            sources={"poll": _poll(self), "feed": _feed(self), "rows": _rows(self), "hook": _hook()},
            sinks={"": _sink(self)},
            lookups={"thing": lookup_of(self)},
        )


def _poll(script: Script) -> type[PollingSource[Any, Any]]:
    class Poll(PollingSource[SourceConfig, Position]):
        events = {EVENT_TYPE: None}
        partition_key = "key"

        async def poll(self, cursor: Position) -> AsyncIterator[Batch]:
            if script.polls:
                raise script.polls.pop(0)
            at = cursor.at
            while records := script.records[at : at + 10]:
                events = [self.event(EVENT_TYPE, each, id=str(at + n)) for n, each in enumerate(records)]
                at += len(records)
                yield Batch(events, Position(at=at))

    return Poll


def _feed(script: Script) -> type[PollingSource[Any, Any]]:
    class Feed(PollingSource[SourceConfig, Position]):
        """Gives all records again whenever there is another one."""

        events = {EVENT_TYPE: None}
        partition_key = "key"

        async def poll(self, cursor: Position) -> AsyncIterator[Batch]:
            if len(script.records) != cursor.at:
                events = [self.event(EVENT_TYPE, each, id=str(n)) for n, each in enumerate(script.records)]
                yield Batch(events, Position(at=len(script.records)))

    return Feed


def _rows(script: Script) -> type[IncrementalSource[Any]]:
    class Rows(IncrementalSource[SourceConfig]):
        """Rows with a number as cursor value, in pages of ten, unordered; a row that is ``gone`` is a deletion."""

        events = {EVENT_TYPE: None}
        partition_key = "key"
        values = Numbers()

        def streams(self) -> Sequence[str]:
            return list(script.rows)

        async def read(self, stream: str, window: Window) -> AsyncIterator[Sequence[Change]]:
            script.windows.append((stream, window))
            for start in range(0, len(script.rows[stream]), 10):
                yield [self._change(stream, row) for row in script.rows[stream][start : start + 10]]
                if stream in script.broken:
                    raise script.broken[stream]

        def _change(self, stream: str, row: dict[str, Any]) -> Change:
            key, at = str(row["key"]), int(row["at"])
            version = f"{stream}{key}@{at}"
            if row.get("gone"):
                return Change(key, at, self.deleted(EVENT_TYPE, key=key, id=version))
            return Change(key, at, self.event(EVENT_TYPE, row, id=version))

    return Rows


def _hook() -> type[WebhookSource[Any]]:
    class Hook(WebhookSource[WebhookConfig]):
        events = {EVENT_TYPE: None}
        partition_key = "key"

        def receive(self, request: WebhookRequest) -> Sequence[Event]:
            if request.headers.get("x-signature") != "right":
                raise WebhookRejected(401, "signature_mismatch", "expected the right signature")
            event_id = request.headers.get("x-id", "1")
            try:
                data = parse(request.body)
            except InvalidPayload:
                data = {}
            return [self.event(EVENT_TYPE, request.body, id=event_id, partitionkey=str(data.get("key")))]

    return Hook


def _sink(script: Script) -> type[Sink[Any]]:
    class Write(Sink[SinkConfig]):
        far_side = "the script"
        batch = script.batch
        ordered = script.ordered

        async def open(self) -> None:
            if script.opening:
                raise script.opening.pop(0)

        async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
            if script.outage:
                raise script.outage
            if script.before:
                await script.before(batch)
            for error in filter(None, map(script.bug, batch)):
                raise error
            failures: dict[int, Signal] = {}
            replies: list[Event] = []
            for index, delivery in enumerate(batch):
                script.attempts.append((delivery.event.id, delivery.attempt, delivery.idempotency_key))
                failure = script.failures(delivery)
                if failure is None:
                    script.written.append(delivery.event)
                    replies.append(delivery.reply("script.reply", {"of": delivery.event.id}))
                else:
                    failures[index] = failure
            if failures:
                raise WriteFailed(failures, replies)
            return replies

    return Write
