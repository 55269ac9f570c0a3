"""The step that makes requests wait for their turn."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from hub.sdk.policies import Limit, RateLimit, compile_endpoint
from hub.sdk.service import LimitState, Response
from hub.services.limits.adaptive import AdaptiveGate
from hub.services.limits.gates import Gate, gate
from hub.services.limits.reading import read
from hub.services.pipeline import Proceed
from hub.services.refusals import Limited
from hub.services.request import Request

_USERS = 10_000  # whose limits are remembered at once
_AT_ONCE = 1e-3  # seconds below which nobody speaks of waiting

G_co = TypeVar("G_co", bound=Gate, covariant=True)


class Shared(Protocol):
    """Limits that several processes keep together."""

    async def take(self, limits: list[tuple[str, Limit]]) -> float | None:
        """Counts a request at all of these limits, or at none.

        Returns:
            Seconds to wait before asking again; 0 if the request may go; ``None`` where nobody can say.
        """
        ...

    async def close(self) -> None:
        """Disconnects."""
        ...


class Lane(Generic[G_co]):
    """A gate and those who queue at it, in the order in which they came.

    Attributes:
        waiting: how many will pass it, including those who still queue at another one.
    """

    __slots__ = ("gate", "limit", "name", "turn", "waiting")

    def __init__(self, name: str, gate: G_co, limit: Limit | None = None) -> None:
        self.name = name
        self.gate = gate
        self.limit = limit
        self.turn = asyncio.Lock()
        self.waiting = 0

    def foreseen(self, now: float) -> float:
        """Seconds that somebody who comes now would wait."""
        return self.gate.earliest(now) - now + self.waiting * self.gate.spacing


class _Rule:
    """A declared limit, with a lane for all or for each user."""

    def __init__(self, name: str, limit: Limit, match: Sequence[str] = ()) -> None:
        self._name = name
        self._limit = limit
        self._means = tuple(match), limit.model_dump()
        self._matching = [compile_endpoint(each) for each in match]
        self._by_user = limit.by == "user"
        self._lanes: OrderedDict[str, Lane[Gate]] = OrderedDict()

    def lane(self, request: Request) -> Lane[Gate] | None:
        """The lane of a request; ``None`` if the rule isn't for it."""
        for method, path in self._matching:
            if (method is None or method == request.method) and path.match(request.path):
                break
        else:
            if self._matching:
                return None
        user = request.user if self._by_user else ""
        lane = self._lanes.get(user)
        if lane is None:
            name = f"{self._name} of {user}" if user else self._name
            lane = self._lanes[user] = Lane(name, gate(self._limit), self._limit)
            _bound(self._lanes)
        elif user:
            self._lanes.move_to_end(user)  # forgotten are those who asked for nothing for longest
        return lane

    def follow(self, before: _Rule) -> None:
        """Goes on with the lanes of another one, if it means the same."""
        if self._means == before._means:
            self._lanes = before._lanes

    @property
    def lanes(self) -> list[Lane[Gate]]:
        return list(self._lanes.values())


class RateLimiter:
    """Keeps the declared limits and those that the API tells of.

    Args:
        name: of the service.
        config: the declared limits.
        shared: keeps the declared limits together with other processes; where it fails, this one keeps them alone.
        clock: gives the time in seconds.
    """

    def __init__(
        self, name: str, config: RateLimit, shared: Shared | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._shared = shared
        self._clock = clock
        self._max_wait = config.max_wait.total_seconds()
        self._rules = [_Rule(", ".join(each.match), each, each.match) for each in config.endpoints]
        own = config.limit
        self._own = None if own is None else _Rule("service", own)
        self._adaptive = config.adaptive
        self._slow_below = config.slow_below
        self._learnt: OrderedDict[tuple[str, str], Lane[AdaptiveGate]] = OrderedDict()
        self._resources: OrderedDict[tuple[str, str], str] = OrderedDict()
        self.waits = 0
        """Requests that had to wait."""
        self.waited = 0.0
        """Seconds that they waited."""
        self.refused = 0
        """Requests that would have had to wait for too long."""
        self.alone = 0
        """Requests that were counted by this process alone, although others share the limits."""

    def follow(self, before: RateLimiter) -> None:
        """Goes on where the same service's limiter was before its settings changed.

        What the API has told stays, and what has gone by a declared limit that is the same as before.
        """
        mine, theirs = [*self._rules, self._own], [*before._rules, before._own]
        for rule in filter(None, mine):
            for other in filter(None, theirs):
                rule.follow(other)
        self._learnt, self._resources = before._learnt, before._resources
        self.waits, self.waited, self.refused, self.alone = before.waits, before.waited, before.refused, before.alone

    async def close(self) -> None:
        """Disconnects from what is shared."""
        if self._shared is not None:
            await self._shared.close()

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """Lets a request go when all its limits do.

        Raises:
            Limited: that would take longer than it may.
        """
        # The particular ones first: who waits for one of them doesn't hold up others at those that all share.
        lanes = [lane for rule in self._rules if (lane := rule.lane(request)) is not None] if self._rules else []
        learning = self._learner(request) if self._adaptive else None
        if learning is not None:
            lanes.append(learning)
        if self._own is not None and (own := self._own.lane(request)) is not None:
            lanes.append(own)
        if not self._at_once(lanes):
            await self._queue(lanes, request)
        if learning is None:
            return await proceed(request)
        adaptive = learning.gate
        try:
            response = await proceed(request)
        finally:
            adaptive.answered()
        now, status = self._clock(), response.status
        if status < 400 and adaptive.knows(now):  # noqa: PLR2004  a status
            return response
        reading = read(response.headers)
        if reading is not None and reading.resource:
            adaptive = self._told(request, reading.resource)
        adaptive.learn(now, status, response.headers, reading)
        return response

    def _at_once(self, lanes: list[Lane[Gate]]) -> bool:
        """Lets a request go that need not wait, as most; without a task, a lock or a pause."""
        if self._shared is not None:
            return False
        now = self._clock()
        for each in lanes:
            if each.waiting or each.gate.earliest(now) > now:
                return False
        for each in lanes:
            each.gate.take(now)
        return True

    def _told(self, request: Request, resource: str) -> AdaptiveGate:
        """The gate of the limit that an answer tells of: the request may have gone through another one's."""
        segment = _segment(request)
        if self._resources.get((request.user, segment)) != resource:
            self._resources[request.user, segment] = resource
            _bound(self._resources)
        return self._learner(request).gate

    def _learner(self, request: Request) -> Lane[AdaptiveGate]:
        """The lane of the API's own limit that a request counts for, as far as we know by then."""
        resource = self._resources.get((request.user, _segment(request)), "") if self._resources else ""
        key = request.user, resource
        lane = self._learnt.get(key)
        if lane is None:
            name = " of ".join(each for each in (resource or "told by the API", request.user) if each)
            lane = self._learnt[key] = Lane(name, AdaptiveGate(self._slow_below))
            _bound(self._learnt)
        else:
            self._learnt.move_to_end(key)
        return lane

    async def _queue(self, lanes: list[Lane[Gate]], request: Request) -> None:
        """Waits at each lane in turn, then until all of them let the request go at the same moment."""
        began = self._clock()
        latest = began + self._max_wait
        if request.deadline is not None:
            latest = min(latest, request.deadline)
        now = self._clock()
        slowest = max(lanes, key=lambda each: each.foreseen(now))
        self._give_up(slowest, slowest.foreseen(now), latest)
        held: list[Lane[Gate]] = []
        for lane in lanes:
            lane.waiting += 1
        try:
            for lane in lanes:
                await self._line_up(lane, latest)
                held.append(lane)
                while (wait := lane.gate.earliest(now := self._clock()) - now) > 0:
                    await self._wait(lane, wait, latest)
            await self._go(lanes, latest)
        finally:
            for lane in lanes:
                lane.waiting -= 1
            for lane in held:
                lane.turn.release()
        waited = self._clock() - began
        if waited > _AT_ONCE:
            self.waits += 1
            self.waited += waited

    async def _line_up(self, lane: Lane[Gate], latest: float) -> None:
        try:
            async with asyncio.timeout(max(latest - self._clock(), 0.001)):
                await lane.turn.acquire()
        except TimeoutError:
            self._give_up(lane, max(lane.foreseen(self._clock()), 0.001), -math.inf)

    async def _go(self, lanes: list[Lane[Gate]], latest: float) -> None:
        while True:
            wait = await self._share(lanes)
            now = self._clock()
            slowest = max(lanes, key=lambda each: each.gate.earliest(now))
            if wait is None:
                wait = slowest.gate.earliest(now) - now
            if wait <= 0:
                for each in lanes:
                    each.gate.take(now)
                return
            await self._wait(slowest, wait, latest)

    async def _wait(self, lane: Lane[Gate], wait: float, latest: float) -> None:
        self._give_up(lane, wait, latest)
        await asyncio.sleep(wait)

    async def _share(self, lanes: list[Lane[Gate]]) -> float | None:
        """Asks for all processes' limits, once the API's own lets the request go; ``None`` if only ours count."""
        if self._shared is None:
            return None
        now = self._clock()
        told = max((each.gate.earliest(now) - now for each in lanes if each.limit is None), default=0.0)
        declared = [(each.name, each.limit) for each in lanes if each.limit is not None]
        if told > 0 or not declared:
            return told
        wait = await self._shared.take(declared)
        self.alone += wait is None
        return wait

    def _give_up(self, lane: Lane[Gate], wait: float, latest: float) -> None:
        if self._clock() + wait > latest:
            self.refused += 1
            raise Limited(
                f"{self._name}: the rate limit ({lane.name}) is used up; the next request may go in {wait:.3g} s",
                retry_after=wait,
            )

    @property
    def states(self) -> list[LimitState]:
        """The limits as they are now."""
        now = self._clock()
        states = []
        rules = [*([] if self._own is None else [self._own]), *self._rules]
        for lane in (lane for rule in rules for lane in rule.lanes):
            assert lane.limit is not None
            states.append(
                LimitState(
                    lane.name,
                    limit=lane.limit.count,
                    interval=lane.limit.interval.total_seconds(),
                    wait=max(lane.gate.earliest(now) - now, 0.0),
                    waiting=lane.waiting,
                )
            )
        for lane in self._learnt.values():
            limit, remaining, reset, _ = lane.gate.state
            if remaining is not None or lane.gate.earliest(now) > now:
                states.append(
                    LimitState(
                        lane.name,
                        limit=limit,
                        remaining=None if remaining is None else max(remaining, 0),
                        reset=None if reset is None else max(reset - now, 0.0),
                        wait=max(lane.gate.earliest(now) - now, 0.0),
                        waiting=lane.waiting,
                    )
                )
        return states


def _segment(request: Request) -> str:
    return request.path.lstrip("/").partition("/")[0]


def _bound(table: OrderedDict[Any, Any]) -> None:
    if len(table) > _USERS:
        table.popitem(last=False)
