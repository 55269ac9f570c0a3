"""The HTTP sink: a batch as concurrent requests, each reported by itself; or many events in one request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import yarl

from connectors.http.answer import failure, retry_after, verdict
from connectors.http.batches import Item, Reader, batched, groups, item
from connectors.http.config import HttpConfig, Verdict
from connectors.http.request import Request, packed, request
from connectors.http.wire import Answer, OwnWire, ServiceWire, Wire
from hub.sdk import (
    Delivery,
    Event,
    NotConnected,
    Permanent,
    Signal,
    Sink,
    Transient,
    UnitContext,
    WriteFailed,
    write_each,
)
from hub.sdk.bulk import write_halving

_WORTH_PACKING = 512  # bytes
_ASIDE = 2**18  # bytes that take so long to pack that others needn't wait
# A refusal that one event of many may be to blame for: by its content, or by what is there already.
_BLAMES = frozenset({400, 409, 412, 413, 415, 422})


class HttpSink(Sink[HttpConfig]):
    """Sends each event as a request. At least once, with the same idempotency key at every attempt."""

    def __init__(self, config: HttpConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        self._wire: Wire = OwnWire(config) if config.service is None else ServiceWire(self.service)
        self._results: Reader | None = None
        if config.batch is not None:
            self.batch = config.batch.count
            self._results = Reader(config, self._wire.clean) if config.batch.results is not None else None

    @property
    def far_side(self) -> str:
        """Scheme, host and port; the rest of a webhook's URL is often a secret."""
        url = self.config.url
        if url is None:
            return f"HTTP, service {self.config.service}"
        return f"HTTP {yarl.URL(url.source).origin()}" if url.constant else "HTTP, URL by event"

    async def open(self) -> None:
        """Makes ready; connections are made when there is something to send.

        Raises:
            Permanent: a file of the TLS settings can't be used.
        """
        await self._wire.open()

    async def close(self) -> None:
        """Closes all connections."""
        await self._wire.close()

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Sends all that there is at once.

        Returns:
            The answers as events, where `reply_type` is configured.

        Raises:
            WriteFailed: by index, what became of those that were not answered with success.
        """
        if self.config.batch is not None:
            return await self._together(batch)
        return await write_each(batch, self._deliver)

    # One event, one request

    async def _deliver(self, delivery: Delivery) -> Event | None:
        reply_type = self.config.reply_type
        sent = request(delivery, self.config)
        answer = await self._sent(sent, lambda status: reply_type is not None and self._is_success(status))
        meaning = self._meaning(answer)
        if meaning != "success":
            raise _refusal(sent, answer, meaning)
        if reply_type is None:
            return None
        return delivery.reply(reply_type, {"status": answer.status, "body": self._body(sent, answer)})

    async def _sent(self, sent: Request, needed: Callable[[int], bool]) -> Answer:
        body = sent.body
        if self.config.compression is not None and body is not None and len(body) > _WORTH_PACKING:
            body = await asyncio.to_thread(packed, body) if len(body) > _ASIDE else packed(body)
            sent.headers["Content-Encoding"] = "gzip"
            sent = sent._replace(body=body)
        return await self._wire.send(sent, needed)

    def _is_success(self, status: int) -> bool:
        return verdict(status, self.config.statuses) == "success"

    def _meaning(self, answer: Answer) -> Verdict:
        statuses, status = self.config.statuses, answer.status
        meant_so = not {str(status), f"{status // 100}xx"}.isdisjoint(statuses)
        # A service may know more: of limits that a 403 tells of, of credentials that will be renewed.
        if isinstance(answer.signal, NotConnected) and not meant_so:
            return "wait"
        return verdict(status, statuses)

    def _body(self, sent: Request, answer: Answer) -> Any:
        limit = self.config.max_response
        if len(answer.body) > limit:
            raise Permanent(
                f"{sent.shown} took the event, but its answer is longer than `max_response`, {limit} bytes",
                status=answer.status,
            )
        try:
            return orjson.loads(answer.body) if answer.body else None
        except orjson.JSONDecodeError:
            return answer.body.decode(errors="replace")

    # Many events in one request

    async def _together(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        config = self.config
        assert config.batch is not None
        failures: dict[int, Signal] = {}
        items: list[Item] = []
        replies: list[Event] = []
        for index, delivery in enumerate(batch):
            try:
                items.append(item(index, delivery, config))
            except Permanent as refusal:
                failures[index] = refusal

        async def write(part: Sequence[Item]) -> None:
            await self._send_batch(part, replies)

        parts = list(groups(items, config.batch))
        for part, failed in zip(
            parts, await asyncio.gather(*(write_halving(part, write) for part in parts)), strict=True
        ):
            failures.update({part[index].number: signal for index, signal in failed.items()})
        if failures:
            raise WriteFailed(failures, replies)
        return replies

    async def _send_batch(self, items: Sequence[Item], replies: list[Event]) -> None:
        """One request; what is answered goes to the replies.

        Raises:
            Signal: none of it was taken, and a part of it might be.
            WriteFailed: what became of each.
        """
        config = self.config
        assert config.batch is not None
        sent = batched(items, config)
        reads = self._results is not None
        answer = await self._sent(sent, lambda status: reads and status < 500)  # noqa: PLR2004  who fails so says nothing more
        meaning = self._meaning(answer)
        if meaning != "success":
            failed = self._failed_singly(answer, items, sent, meaning)
            if failed is not None:
                raise WriteFailed(failed)
            refusal = _refusal(sent, answer, meaning)
            if config.batch.split and (meaning == "transient" or answer.status in _BLAMES):
                raise refusal
            raise WriteFailed(dict.fromkeys(range(len(items)), refusal))
        if self._results is not None:
            self._settle(answer, items, sent, replies)

    def _failed_singly(
        self, answer: Answer, items: Sequence[Item], sent: Request, meaning: Verdict
    ) -> Mapping[int, Signal] | None:
        """What a refusal says of each event, where it does, as where some of a batch failed and the status is 422.

        What it says has succeeded is not believed.
        """
        if self._results is None or meaning != "permanent" or answer.status not in _BLAMES:
            return None
        try:
            outcomes = self._results.outcomes(answer.body, answer.status, len(items), sent.shown)
        except Transient:
            return None
        if not any(each.signal for each in outcomes):
            return None
        again = Transient(f"{sent.shown} refused a batch for other events in it", status=answer.status)
        return {index: each.signal or again for index, each in enumerate(outcomes)}

    def _settle(self, answer: Answer, items: Sequence[Item], sent: Request, replies: list[Event]) -> None:
        assert self._results is not None
        outcomes = self._results.outcomes(answer.body, answer.status, len(items), sent.shown)
        reply_type = self.config.reply_type
        replies += [
            each.delivery.reply(reply_type, {"status": outcome.status, "body": outcome.result})
            for each, outcome in zip(items, outcomes, strict=True)
            if reply_type is not None and outcome.signal is None
        ]
        failed = {index: each.signal for index, each in enumerate(outcomes) if each.signal is not None}
        if failed:
            raise WriteFailed(failed)


def _refusal(sent: Request, answer: Answer, meaning: Verdict) -> Signal:
    if answer.signal is None:
        return failure(sent.shown, answer.status, meaning, answer.headers, answer.excerpt)
    if meaning == "permanent":
        return Permanent(answer.excerpt, status=answer.status)
    wait = answer.signal.retry_after if answer.signal.retry_after is not None else retry_after(answer.headers)
    return (NotConnected if meaning == "wait" else Transient)(answer.excerpt, status=answer.status, retry_after=wait)
