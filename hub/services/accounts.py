"""What a service did and how it fared, in numbers."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from hub.sdk.errors import Signal
from hub.sdk.policies import Usage
from hub.sdk.service import Response
from hub.services.request import Request
from hub.services.rolling import Rolling

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the latency histogram in seconds; the last bucket has none."""
GIVEN_UP = "GivenUp"
_RECENT = 300.0  # seconds that the recent error rate and availability are of


class Accounts:
    """Counts attempts as the innermost step, so that each of them is counted, and what it took.

    An attempt has failed if it gave no answer, or one with a status of 400 and above; the far side was available if it
    answered with less than 500.

    Args:
        usage: where answers say what they cost.
        clock: gives the time in seconds.
    """

    def __init__(self, usage: Usage | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._usage = usage
        self._clock = clock
        self._errors = Rolling(_RECENT)
        self._outages = Rolling(_RECENT)  # only those
        self.requests = 0
        """Attempts that went out."""
        self.pending = 0
        """Attempts that have no answer yet."""
        self.statuses: Counter[int] = Counter()
        """Answers by status."""
        self.failures: Counter[str] = Counter()
        """Attempts without an answer, by the kind of signal; `GIVEN_UP` for those that who asked didn't wait for."""
        self.latency = [0] * (len(BUCKETS) + 1)
        """Attempts by the bucket of `BUCKETS` that the time until their answer falls into."""
        self.seconds = 0.0
        """Time until all answers."""
        self.received = 0
        """Bytes of answers."""
        self.sent = 0
        """Bytes of request bodies."""
        self.tokens = 0.0
        """Tokens that the API has reported."""
        self.cost = 0.0
        """Cost that the API has reported, or that the tokens have by their price."""

    async def __call__(self, request: Request, proceed: Callable[[Request], Any]) -> Response:
        """Counts one attempt."""
        began = self._clock()
        self.requests += 1
        self.pending += 1
        try:
            response: Response = await proceed(request)
        except asyncio.CancelledError:
            self.failures[GIVEN_UP] += 1
            raise
        except Signal as signal:
            self.failures[type(signal).__name__] += 1
            self._outages.add(self._took(began, failed=True), failed=True)
            raise
        finally:
            self.pending -= 1
        status = response.status
        self.statuses[status] += 1
        self.received += len(response.body)
        if request.body is not None:
            self.sent += len(request.body)
        now = self._took(began, failed=status >= 400)  # noqa: PLR2004  a status
        if status >= 500:  # noqa: PLR2004  likewise
            self._outages.add(now, failed=True)
        if self._usage is not None:
            self._spent(self._usage, response)
        return response

    def _took(self, began: float, *, failed: bool) -> float:
        now = self._clock()
        took = now - began
        self.seconds += took
        self.latency[bisect_left(BUCKETS, took)] += 1
        self._errors.add(now, failed=failed)
        return now

    @property
    def error_rate(self) -> float | None:
        """Part of the last five minutes' attempts that failed; ``None`` if there were none."""
        return self._share(self._errors)

    @property
    def availability(self) -> float | None:
        """Part of the last five minutes' attempts that the far side was there for; ``None`` if there were none."""
        away = self._share(self._outages)
        return None if away is None else 1 - away

    def _share(self, failures: Rolling) -> float | None:
        now = self._clock()
        for each in (self._errors, self._outages):
            each.move(now)
        return failures.failed / self._errors.total if self._errors.total else None

    def quantile(self, part: float) -> float | None:
        """The bound of the bucket below which a part of all latencies lies; ``None`` without any, or without bound."""
        total = sum(self.latency)
        seen = 0
        for bound, count in zip(BUCKETS, self.latency, strict=False):
            seen += count
            if total and seen >= part * total:
                return bound
        return None

    def _spent(self, usage: Usage, response: Response) -> None:
        document: Any = None
        if any(place and place.lower() not in response.headers for place in (usage.tokens, usage.cost)):
            try:
                document = orjson.loads(response.body)
            except orjson.JSONDecodeError:
                document = None
        tokens = _number(usage.tokens, response, document)
        cost = _number(usage.cost, response, document)
        if cost is None and usage.price is not None and tokens is not None:
            cost = tokens * usage.price / 1000
        self.tokens += tokens or 0
        self.cost += cost or 0


def _number(place: str | None, response: Response, document: Any) -> float | None:
    if place is None:
        return None
    found: Any = response.headers.get(place.lower())
    if found is None:
        found = document
        for key in place.split("."):
            found = found.get(key) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return None
    try:
        number = float(found)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < float("inf") else None
