"""All look-ups of a route: asked for a whole batch before it is mapped, and for as long as an outage takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from hub.engine.backoff import backoff
from hub.engine.lookups.answers import DEGRADED, Known, Refusal, graver
from hub.engine.lookups.desk import Desk
from hub.engine.lookups.figures import LookupFigures
from hub.engine.reading.reader import Reader
from hub.engine.unit import State, Unit
from hub.routes.enriching import Pending, Question, Unanswered
from hub.routes.fusion import Outcome
from hub.sdk.errors import ConfigError, HubError, NotConnected, Signal, Transient
from hub.sdk.event import Event

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Bounds in seconds of the waits while a far side is down; the longest is the longest that a recovery goes unseen."""
_TURN = 0.05
"""Seconds of mapping after which others have their turn."""


class Refused(Exception):
    """An event whose look-up has no answer.

    Attributes:
        name: of the look-up.
        error: why.
        attempts: how often it was asked.
    """

    def __init__(self, name: str, refusal: Refusal) -> None:
        super().__init__(f"look-up `{name}`: {refusal.error}")
        self.name = name
        self.error = refusal.error
        self.attempts = refusal.attempts


class Item:
    """One record of a batch until it is known what is made of it.

    Attributes:
        record: as it was read.
        form: of its headers.
        event: that it holds; None where it holds none.
        outcome: what the route makes of it, or the error; None until that is known.
        marks: extensions for what is made of it.
    """

    __slots__ = ("event", "form", "marks", "outcome", "record")

    def __init__(self, record: Any, form: Any) -> None:
        self.record = record
        self.form = form
        self.event: Event | None = None
        self.outcome: Outcome | Exception | None = None
        self.marks: dict[str, str] = {}


class Enrichment:
    """Answers what a route asks.

    Args:
        unit: the route; shows what it waits for.
        desks: its look-ups, by name.
    """

    def __init__(self, unit: Unit, desks: Iterable[Desk]) -> None:
        self._unit = unit
        self._desks = {each.name: each for each in desks}
        self._outages = 0
        self._waiting = False

    @property
    def figures(self) -> list[LookupFigures]:
        """What the look-ups have done."""
        return [each.figures for each in self._desks.values()]

    def follow(self, former: Enrichment) -> None:
        """Takes over what an earlier life of the unit knew and has counted."""
        for name, desk in self._desks.items():
            if name in former._desks:
                desk.follow(former._desks[name])

    async def close(self) -> None:
        """Closes them all."""
        for desk in self._desks.values():
            await desk.close()

    def release(self) -> None:
        """The batch has ended."""
        for desk in self._desks.values():
            desk.release()

    async def settle(self, items: Sequence[Item], program: Callable[..., Outcome], reader: Reader) -> bool:
        """Finds out what the route makes of each item: `Item.outcome`.

        Args:
            items: with their events; those that have an outcome are left alone.
            program: see `hub.routes.Program.function`.
            reader: of the records.

        Returns:
            False where it was interrupted: the batch is to be read again.

        Raises:
            Permanent: a far side refuses us for good.
        """
        open_ = [each for each in items if each.outcome is None]
        while open_:
            questions: dict[str, dict[bytes, None]] = {}
            open_ = await self._map(open_, program, questions)
            if open_ and not await self._persist(lambda asked=questions: self._find(asked), reader):  # type: ignore[misc]
                return False
        return True

    async def _map(
        self, items: Sequence[Item], program: Callable[..., Outcome], questions: dict[str, dict[bytes, None]]
    ) -> list[Item]:
        """Maps what has its answers; gives the others, and adds what they ask."""
        open_: list[Item] = []
        ends = time.monotonic() + _TURN
        for item in items:
            try:
                item.outcome = program(item.event, lambda asked, item=item: self._answers(asked, item))
            except Pending as pending:
                open_.append(item)
                for name, key in pending.questions:
                    if key is not None:
                        questions.setdefault(name, {})[key] = None
            except Unanswered as unanswered:
                item.outcome = unanswered.error
            except ConfigError:
                raise
            except Exception as error:  # noqa: BLE001  whatever a mapping raises is this one event's failure
                item.outcome = error
            if time.monotonic() > ends:
                await asyncio.sleep(0)
                ends = time.monotonic() + _TURN
        return open_

    def _answers(self, questions: Sequence[Question], item: Item) -> list[Any]:
        """The answers to questions of an event.

        Raises:
            Pending: some aren't there yet.
            Unanswered: one will never be.
        """
        asked = [(name, None if key is None else canonical(key)) for name, key in questions]
        found: list[Any] = []
        missing: list[Question] = []
        for name, key in asked:
            answer = Known(None) if key is None else self._desks[name].answer(key)
            if isinstance(answer, Refusal):
                raise Unanswered(name, Refused(name, answer))
            if answer is None:
                missing.append((name, key))
                continue
            found.append(answer.data)
            if answer.marks:
                before = item.marks.get(DEGRADED)
                item.marks.update(answer.marks)
                if DEGRADED in answer.marks:
                    item.marks[DEGRADED] = graver(before, answer.marks[DEGRADED])
        if missing:
            raise Pending(missing)
        return found

    async def _find(self, questions: dict[str, dict[bytes, None]]) -> None:
        """Asks all far sides at once.

        Raises:
            Signal: one of them is down; the others have been asked all the same.
        """
        results = await asyncio.gather(
            *(self._ask(self._desks[name], keys) for name, keys in questions.items()), return_exceptions=True
        )
        for each in results:
            if isinstance(each, BaseException):
                raise each

    async def _ask(self, desk: Desk, keys: dict[bytes, None]) -> None:
        try:
            await desk.find(keys)
        except (NotConnected, Transient) as error:
            text = f"look-up `{desk.name}`: {error}"
            raise NotConnected(text, status=error.status, retry_after=error.retry_after) from error

    # Waiting

    async def _persist(self, work: Callable[[], Awaitable[None]], reader: Reader) -> bool:
        """Does work until it succeeds; False where it was interrupted.

        Raises:
            HubError: it can't work.
        """
        while True:
            try:
                done = await self._uninterrupted(work(), reader)
            except (NotConnected, Transient) as error:
                if await self._wait(error, reader):
                    continue
                done = False
            if done:
                self._outages = 0
            if self._waiting and not self._unit.paused and not self._unit.stopping.is_set():
                self._unit.enter(State.RUNNING)  # also where the batch is given back: others may wait for it now
            self._waiting = False
            return done

    async def _uninterrupted(self, work: Awaitable[None], reader: Reader) -> bool:
        """Awaits work, but not past a stop, nor past a rebalance that waits for us."""
        task = asyncio.ensure_future(work)
        waits = [asyncio.ensure_future(each.wait()) for each in (self._unit.stopping, reader.revoking)]
        try:
            await asyncio.wait({task, *waits}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
                return True
            return False
        finally:
            for each in waits:
                each.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, HubError):
                    await task

    async def _wait(self, error: Signal, reader: Reader) -> bool:
        """Waits out a part of an outage; False where there is something else to do."""
        self._outages += 1
        # Told to wait 0 s, as by a date that is past, nobody means without pause.
        wait = error.retry_after or backoff(self._outages, initial=FIRST_WAIT, maximum=LONGEST_WAIT)
        self._unit.enter(State.PAUSED, f"{error}; trying again in {wait:.1f} s")
        self._waiting = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._unit.either(reader.revoking.wait()), wait)
        interrupted = self._unit.stopping.is_set() or reader.revoking.is_set() or self._unit.paused
        return not interrupted


def canonical(key: bytes) -> bytes:
    """A key as JSON whose fields stand in their order, so that the same key is the same bytes."""
    return orjson.dumps(orjson.loads(key), option=orjson.OPT_SORT_KEYS) if key[:1] in b"{[" else key
