"""One look-up at work: asks a far side for many keys, each once, and tells what came of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from hub.engine.lookups.answers import DEGRADED, Answer, Answers, Known, Refusal
from hub.engine.lookups.figures import LookupFigures
from hub.engine.sinks.attempts import RetryPolicy
from hub.sdk import Lookup
from hub.sdk.attributes import validate
from hub.sdk.errors import HubError, InvalidEvent, InvalidPayload, NotConnected, Permanent, Signal, Transient
from hub.sdk.lookup import Found
from hub.sdk.strictjson import written

_SURE = {"id": "1", "source": "/", "type": "t"}  # what every event has beside its extensions
_OWN = frozenset((*_SURE, "specversion", "time", "subject", "datacontenttype", "dataschema"))  # no answer's to change


@dataclass(frozen=True)
class DeskSettings:
    """How a look-up is used; times in seconds.

    Attributes:
        batch: keys in one call at most.
        concurrency: calls under way at once at most.
        timeout: how long a call may take.
        retry: when a question is asked again that failed for a passing reason.
        ttl, stale, size: which answers are kept, see `Answers`.
        fallback: what takes the place of an answer that can't be had, in a tuple; None where nothing does.
        falls_back_in_outage: whether it does so while the far side is down, too.
    """

    batch: int = 1
    concurrency: int = 8
    timeout: float = 60.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(0.2, 5.0, 4))
    ttl: float = 0.0
    stale: float = 0.0
    size: int = 0
    fallback: tuple[Any] | None = None
    falls_back_in_outage: bool = False


class Desk:
    """Asks one far side for a route.

    Args:
        name: of the look-up.
        lookup: the connector's.
        settings: how it is used.
        log: where faults of the connector go.
    """

    def __init__(
        self,
        name: str,
        lookup: Lookup[Any, Any],
        settings: DeskSettings,
        log: logging.Logger,
    ) -> None:
        self.name = name
        self._lookup = lookup
        self._settings = settings
        self._log = log
        self._kept = Answers(settings.ttl, settings.stale, settings.size)
        self._held: dict[bytes, Answer] = {}
        self._wanted: set[bytes] = set()
        self._opened = False
        self._doubtful = True
        self._outage: Signal | None = None
        self._counts = dict.fromkeys(LookupFigures.model_fields.keys() - {"name", "kept"}, 0.0)

    def follow(self, former: Desk) -> None:
        """Takes over the answers and figures of an earlier life."""
        self._kept, self._counts = former._kept, former._counts

    @property
    def figures(self) -> LookupFigures:
        """What it has done."""
        counts: dict[str, Any] = {key: value if key == "seconds" else int(value) for key, value in self._counts.items()}
        return LookupFigures(name=self.name, kept=len(self._kept), **counts)

    async def _open(self) -> None:
        """Opens the connector's look-up, if it isn't open; that the far side isn't there is an outage.

        Raises:
            Permanent: it refuses us for good.
        """
        if not self._opened:
            try:
                await self._lookup.open()
            except BaseException as error:
                await self._lookup.close()
                if not isinstance(error, NotConnected | Transient):
                    raise
                self._outage = error
            else:
                self._opened = True

    async def close(self) -> None:
        """Closes it."""
        if self._opened:
            self._opened = False
            await self._lookup.close()

    def answer(self, key: bytes) -> Answer | None:
        """The answer of a key, as far as this batch knows it."""
        return self._held.get(key)

    def release(self) -> None:
        """The batch has ended: what was found for it counts no more, unless it is kept."""
        self._held.clear()
        self._wanted.clear()

    async def find(self, keys: Collection[bytes]) -> None:
        """Finds the answers of keys; `answer` then gives them.

        Args:
            keys: as JSON.

        Raises:
            NotConnected, Transient: the far side is down; what isn't answered yet is to be asked again.
            Permanent: it refuses us for good.
        """
        wanted = self._unknown(keys)
        self._outage = None
        if wanted:
            await self._open()
        chunks = [wanted[at : at + self._settings.batch] for at in range(0, len(wanted), self._settings.batch)]
        if chunks and self._doubtful and self._outage is None:
            await self._ask(chunks.pop(0))  # alone: after an outage nobody knows whether it is over
        if chunks and self._outage is None:
            await self._ask_all(chunks)
        if self._outage is not None:
            self._doubtful = True
            await (
                self.close()
            )  # no call is under way; the next question opens it again, whatever stands in for this one
            if not self._substitute_all(keys):
                raise self._outage
        elif wanted:
            self._doubtful = False

    def _unknown(self, keys: Collection[bytes]) -> list[tuple[bytes, Any]]:
        """Those that must be asked for, read."""
        wanted: list[tuple[bytes, Any]] = []
        for key in keys:
            if key in self._held:
                continue
            if key not in self._wanted:
                self._wanted.add(key)
                self._counts["asked"] += 1
            if (known := self._kept.fresh(key)) is not None:
                self._counts["cached"] += 1
                self._held[key] = known
                continue
            try:
                wanted.append((key, self._lookup.read_key(key)))
            except ValidationError as error:
                self._refuse(key, Permanent(_misfit(self.name, error)), 0)
        return wanted

    async def _ask_all(self, chunks: Sequence[Sequence[tuple[bytes, Any]]]) -> None:
        waiting = iter(chunks)

        async def work() -> None:
            for chunk in waiting:  # shared: each takes the next
                if self._outage is not None:
                    return
                await self._ask(chunk)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._settings.concurrency, len(chunks))):
                group.create_task(work())

    async def _ask(self, chunk: Sequence[tuple[bytes, Any]]) -> None:
        """Asks for keys until each has its answer, or the far side is down."""
        attempt, began = 1, time.monotonic()
        open_ = list(chunk)
        while open_ and self._outage is None:
            failed = [each for each in await self._call(open_) if self._took(*each, attempt)]
            waits: list[float] = []
            open_ = []
            for question, failure in failed:
                wait = self._settings.retry.pause(attempt, time.monotonic() - began, failure)
                if wait is None:
                    self._refuse(question[0], failure, attempt)
                else:
                    waits.append(wait)
                    open_.append(question)
            if open_:
                self._counts["retries"] += len(open_)
                await asyncio.sleep(max(waits))
                attempt += 1

    def _took(self, question: tuple[bytes, Any], answer: Any, attempt: int) -> bool:
        """Takes in an answer; whether the question is to be asked again."""
        key = question[0]
        if isinstance(answer, Found):
            self._found(key, answer)
        elif isinstance(answer, NotConnected):
            self._outage = self._outage or answer
        elif isinstance(answer, Transient):
            return True
        elif isinstance(answer, Exception):
            self._refuse(key, _signal(answer), attempt)
        else:
            self._refuse(
                key, _fault(f"gave {type(answer).__name__} for an answer, neither `Found` nor a signal"), attempt
            )
        return False

    async def _call(self, chunk: Sequence[tuple[bytes, Any]]) -> list[tuple[tuple[bytes, Any], Any]]:
        """One call, and what it says of each question."""
        began = time.monotonic()
        self._counts["calls"] += 1
        said: Sequence[Any] | None
        try:
            async with asyncio.timeout(self._settings.timeout) as limit:
                said = await self._lookup.look_up([key for _, key in chunk])
            if len(said) != len(chunk):
                raise _fault(f"gave {len(said)} answers to {len(chunk)} keys")
        except TimeoutError:
            text = f"no answer within {self._settings.timeout:g} s" if limit.expired() else "timed out"
            said = [Transient(text)] * len(chunk)
        except (NotConnected, Transient) as error:
            said = [error] * len(chunk)
        except Exception as error:  # noqa: BLE001  a connector's fault is the failure of the keys that bring it about
            if len(chunk) == 1 and not isinstance(error, HubError):
                self._log.exception("look-up %s failed on a key", self.name)
            said = [_signal(error)] if len(chunk) == 1 else None
        finally:
            self._counts["seconds"] += time.monotonic() - began
        return await self._call_singly(chunk) if said is None else list(zip(chunk, said, strict=True))

    async def _call_singly(self, chunk: Sequence[tuple[bytes, Any]]) -> list[tuple[tuple[bytes, Any], Any]]:
        """A call for each question, to find the one that is to blame; none after one that met an outage."""
        said: list[tuple[tuple[bytes, Any], Any]] = []
        for question in chunk:
            said += await self._call([question])
            if self._outage is not None or isinstance(said[-1][1], NotConnected):
                break
        return said

    def _found(self, key: bytes, found: Found) -> None:
        try:
            data = orjson.loads(written(found.data))  # JSON that can leave the hub again, and nobody else's
            validate({**_SURE, **found.marks})
            if own := _OWN & found.marks.keys():
                raise InvalidEvent(f"expected extensions as marks; got {', '.join(sorted(own))}")
        except (InvalidPayload, InvalidEvent, TypeError) as error:
            self._refuse(key, Permanent(f"look-up `{self.name}` found what no event can hold: {error}"), 1)
            return
        known = Known(data, dict(found.marks))
        degraded = known.marks.get(DEGRADED)
        self._counts[degraded if degraded in ("stale", "fallback") else "found"] += 1
        self._counts["missing"] += known.data is None and not degraded
        self._held[key] = known
        self._kept.keep(key, known)

    def _refuse(self, key: bytes, error: Signal, attempts: int) -> None:
        """There is no answer; unless something stands in for it."""
        if not self._substitute(key, fall_back=True):
            self._counts["failed"] += 1
            self._held[key] = Refusal(error, attempts)

    def _substitute(self, key: bytes, *, fall_back: bool) -> bool:
        """Lets an old answer or the fallback stand in for one that can't be had; whether there was any."""
        known, fallback = self._kept.stale(key), self._settings.fallback
        if known is not None:
            self._counts["stale"] += 1
        elif fallback is not None and fall_back:
            self._counts["fallback"] += 1
            known = Known(fallback[0], {DEGRADED: "fallback"})
        else:
            return False
        self._held[key] = known
        return True

    def _substitute_all(self, keys: Collection[bytes]) -> bool:
        """Does so for all that an outage left open; whether that were all."""
        fall_back = self._settings.falls_back_in_outage
        left = [key for key in keys if key not in self._held and not self._substitute(key, fall_back=fall_back)]
        return not left


def _misfit(name: str, error: ValidationError) -> str:
    """What is wrong with a key; never what it holds."""
    told = [
        ".".join(map(str, each["loc"])) + (": " if each["loc"] else "") + each["msg"]
        for each in error.errors(include_url=False, include_input=False, include_context=False)[:3]
    ]
    return f"look-up `{name}` takes no such key: {'; '.join(told)}"


def _signal(error: Exception) -> Signal:
    return error if isinstance(error, Signal) else _fault(f"failed with {type(error).__name__}: {error}")


def _fault(text: str) -> Permanent:
    return Permanent(f"the connector's look-up {text}")
