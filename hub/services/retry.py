"""Requests that are tried again: exponential backoff with full jitter, within a budget.

Full jitter is that of Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015); the budget that of
Finagle's ``RetryBudget``: each request pays in a part of a retry, each retry takes out a whole one.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from hub.sdk.errors import NotConnected, Permanent, Signal, Transient
from hub.sdk.policies import ServiceRetry
from hub.sdk.service import Response
from hub.sdk.statuses import meaning
from hub.services.pipeline import Proceed
from hub.services.refusals import Refused
from hub.services.request import Request
from hub.services.throttling import pause_asked

_SAVED = 10.0  # seconds' worth of retries that a budget holds at most
_CHANCE = random.Random()  # noqa: S311  spreads waits, guards nothing


class Budget:
    """What is left for retries.

    Args:
        config: how much each request and each second pays in.
        clock: gives the time in seconds.
    """

    def __init__(self, config: ServiceRetry, clock: Callable[[], float]) -> None:
        self._ratio = config.budget
        self._floor = config.budget_floor
        self._clock = clock
        self._most = max(self._floor * _SAVED, 10 * self._ratio, 1.0)
        self._balance = self._floor * _SAVED
        self._filled = clock()

    def pay_in(self) -> None:
        """For a request. One that comes often saves up no more than a burst's worth of retries."""
        if self._balance < self._most:
            self._balance = min(self._balance + self._ratio, self._most)

    def take(self) -> bool:
        """Whether a retry can be paid."""
        now = self._clock()
        self._balance = min(self._balance + (now - self._filled) * self._floor, self._most)
        self._filled = now
        if self._balance < 1:
            return False
        self._balance -= 1
        return True


class Retry:
    """Tries again what failed for a passing reason, if it may be repeated.

    Args:
        config: how often, and how long between.
        clock: gives the time in seconds.
        chance: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        config: ServiceRetry,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _CHANCE.random,
    ) -> None:
        self._config = config
        self._clock = clock
        self._chance = chance
        self._budget = Budget(config, clock)
        self._initial = config.initial_interval.total_seconds()
        self._longest = config.max_interval.total_seconds()
        self._elapsed = config.max_elapsed_time.total_seconds()
        self.retries = 0
        """Attempts after the first."""
        self.exhausted = 0
        """Requests that would have been tried again, had the budget allowed it."""

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """A request, and as many further attempts as it takes and may take."""
        self._budget.pay_in()
        if not (request.retries and request.repeatable):
            return await proceed(request)
        began = self._clock()
        attempt, asking = 1, request
        while True:
            failed: Signal | None = None
            response: Response | None = None
            try:
                response = await proceed(asking)
                if response.status < 400:  # noqa: PLR2004  a status
                    return response
                asked = pause_asked(response.headers)
                passing = meaning(response.status, asked) is not Permanent
            except (Transient, NotConnected) as signal:
                failed, asked = signal, signal.retry_after
                passing = not isinstance(signal, Refused)
            wait = self._wait(attempt, asked, began, request.deadline) if passing else None
            if wait is None:
                if failed is not None:
                    raise failed
                assert response is not None
                return response
            await asyncio.sleep(wait)
            attempt += 1
            asking = request.again(attempt=attempt)
            self.retries += 1

    def _wait(self, attempt: int, asked: float | None, began: float, deadline: float | None) -> float | None:
        """Seconds to the next attempt; ``None`` if there is none."""
        if attempt > self._config.max_retries or (asked is not None and asked > self._longest):
            return None
        wait = self._chance() * min(self._longest, self._initial * 2.0 ** (attempt - 1))
        if asked is not None:
            # All who were sent away at once would come back at once.
            wait += asked
        at = self._clock() + wait
        if at > began + self._elapsed or (deadline is not None and at >= deadline):
            return None
        if not self._budget.take():
            self.exhausted += 1
            return None
        return wait
