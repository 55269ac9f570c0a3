"""A limit as the API itself tells it, answer by answer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

from hub.services.limits.reading import Reading
from hub.services.throttling import pause_asked

_LONGEST_GUESS = 60.0  # seconds to pause after a 429 that doesn't say for how long, at most
_RECENTLY = 0.01  # seconds
_GLANCE = 0.05  # seconds until we look again whether the one request under way has been answered
_THROTTLED = 429
_MAY_THROTTLE = frozenset({403, 503})  # where they say how long to wait
_CHANCE = random.Random()  # noqa: S311  spreads waits, guards nothing


class AdaptiveGate:
    """Slows down before the API's limit, and pauses when it says so.

    While more than `slow_below` of the limit is left, requests go as they come. Below it, those that are left are
    spread over the time until the limit starts anew. Requests under way count as used. After a pause one request goes
    first, and the others once it has been answered.

    Args:
        slow_below: part of the limit.
        chance: gives numbers from 0 to 1, for pauses that the API leaves to us.
    """

    __slots__ = (
        "_chance",
        "_heard",
        "_limit",
        "_next",
        "_pause",
        "_remaining",
        "_reset",
        "_slow_below",
        "_strikes",
        "pending",
        "spacing",
    )

    def __init__(self, slow_below: float, chance: Callable[[], float] = _CHANCE.random) -> None:
        self.spacing = 0.0
        self.pending = 0
        """Requests that went and have no answer yet."""
        self._slow_below = slow_below
        self._chance = chance
        self._limit: int | None = None
        self._remaining: int | None = None
        self._reset: float | None = None
        self._next = 0.0
        self._pause = 0.0
        self._strikes = 0
        self._heard = -math.inf

    def earliest(self, now: float) -> float:
        """When the next request may go."""
        if now < self._pause:
            return self._pause
        if self._reset is not None and now >= self._reset:
            self._anew()
        used_up = self._remaining is not None and self._remaining <= 0
        if used_up and self._reset is not None:
            return self._reset
        if self.pending and (used_up or self._strikes):
            # One goes and tries; whether others may, its answer says.
            return now + _GLANCE
        return max(now, self._next)

    def take(self, now: float) -> None:
        """Counts a request that goes now."""
        self.pending += 1
        if self._remaining is not None:
            self._remaining -= 1
            self._pace(now)

    def knows(self, now: float) -> bool:
        """Whether another answer would hardly tell more: one just did, and much is left, less what has gone since."""
        if now - self._heard >= _RECENTLY or self._strikes or self._remaining is None or self._limit is None:
            return False
        return self._remaining >= self._limit * self._slow_below

    def learn(self, now: float, status: int, headers: Mapping[str, str], reading: Reading | None) -> None:
        """Takes in an answer, after `answered`."""
        if status < 400:  # noqa: PLR2004  a status
            self._strikes = 0
        elif status == _THROTTLED or status in _MAY_THROTTLE:
            wait = pause_asked(headers)
            if status == _THROTTLED or wait is not None:
                self._strikes += 1
                if wait is None:
                    wait = min(2.0 ** (self._strikes - 1), _LONGEST_GUESS) * (0.5 + self._chance() / 2)
                self._pause = max(self._pause, now + wait)
        if reading is not None:
            self._heard = now
            self._limit = reading.limit if reading.limit is not None else self._limit
            # Those under way haven't been counted by the far side yet, as far as we know.
            self._remaining = reading.remaining - self.pending
            self._reset = None if reading.reset is None else now + reading.reset
            self._pace(now)

    def answered(self) -> None:
        """A request that went is over, with an answer or without."""
        self.pending -= 1

    def _anew(self) -> None:
        """A new window: all is left as far as we know, less what is under way."""
        self._remaining = None if self._limit is None else self._limit - self.pending
        self._reset = None
        self._next = self.spacing = 0.0

    def _pace(self, now: float) -> None:
        left, reset, limit = self._remaining, self._reset, self._limit
        spacing = 0.0
        if left is None or reset is None or left <= 0 or now >= reset:
            pass
        elif limit is None or left < limit * self._slow_below:
            spacing = (reset - now) / (left + 1)
        self.spacing = spacing
        self._next = now + spacing

    @property
    def state(self) -> tuple[int | None, int | None, float | None, float]:
        """Limit, what is left of it, when it starts anew, and until when we pause."""
        return self._limit, self._remaining, self._reset, self._pause
