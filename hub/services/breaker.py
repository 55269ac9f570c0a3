"""The circuit breaker: an API that fails is left alone for a while, then tried with a few probes.

The states are those of Nygard, "Release It!" (2007), ch. 5.2; the thresholds those of resilience4j and Convoy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from hub.sdk.errors import NotConnected, Signal, Transient
from hub.sdk.policies import CircuitBreaker
from hub.sdk.service import Response
from hub.services.pipeline import Proceed
from hub.services.refusals import CircuitOpen, Refused
from hub.services.request import Request
from hub.services.rolling import Rolling
from hub.services.throttling import pause_asked

State = Literal["closed", "open", "half_open"]

_CROWDED = 1.0  # seconds after which those come again who found all probes taken, at most
_REQUEST_TIMEOUT = 408
_NOT_IMPLEMENTED = 501
_THROTTLED = 429


class Breaker:
    """Counts how a far side does, and lets nothing through while it is down.

    A failure is no answer, or one with a status of 500 and above but 501, or 408. Being throttled (429) says neither.
    Requests that began before the circuit opened don't count any more.

    Args:
        name: of the service.
        config: thresholds and times.
        clock: gives the time in seconds.
        changed: is told each new state with the reason.
    """

    def __init__(
        self,
        name: str,
        config: CircuitBreaker,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[[State, str], None] = lambda _, __: None,
    ) -> None:
        self._name = name
        self._config = config
        self._clock = clock
        self._changed = changed
        self._timeout = config.breaker_timeout.total_seconds()
        self._recent = Rolling(config.window.total_seconds())
        self.state: State = "closed"
        self.opened = 0
        """How often the circuit has opened."""
        self.reason = ""
        """Why it has last."""
        self._period = 0  # of one state: what began in another doesn't count
        self._failures = 0
        self._successes = 0
        self._probes = 0
        self._until = 0.0

    @property
    def next_probe(self) -> float:
        """Seconds until the next probe may go; 0 unless the circuit is open."""
        return max(self._until - self._clock(), 0.0) if self.state == "open" else 0.0

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """Lets a request through unless the circuit is open.

        Raises:
            CircuitOpen: it is; ``retry_after`` says when the next probe may go.
        """
        if self.state != "closed":
            return await self._probe(request, proceed)
        period = self._period
        try:
            response = await proceed(request)
        except Signal as signal:
            if _failed(signal) and period == self._period:
                self._fail(str(signal), signal.retry_after)
            raise
        if period == self._period:
            self._judge(response)
        return response

    async def _probe(self, request: Request, proceed: Proceed) -> Response:
        if self.state == "open":
            wait = self._until - self._clock()
            if wait > 0:
                raise self._refusal(wait)
            self._enter("half_open", "trying whether it is back")
        if self._probes >= self._config.half_open_max:
            raise self._refusal(min(_CROWDED, self._timeout))
        period = self._period
        self._probes += 1
        try:
            response = await proceed(request)
        except Signal as signal:
            if _failed(signal) and period == self._period:
                self._open(str(signal), signal.retry_after)
            raise
        finally:
            # Also when it was cancelled, or refused by a step below us: another one may probe then.
            if period == self._period:
                self._probes -= 1
        if period == self._period:
            self._judge(response)
        return response

    def _judge(self, response: Response) -> None:
        status = response.status
        if status == _THROTTLED:
            return
        if status == _REQUEST_TIMEOUT or (status >= 500 and status != _NOT_IMPLEMENTED):  # noqa: PLR2004  statuses
            wait = pause_asked(response.headers)
            if self.state == "half_open":
                self._open(f"it answered {status}", wait)
            else:
                self._fail(f"it answered {status}", wait)
        elif self.state == "half_open":
            self._successes += 1
            if self._successes >= self._config.success_threshold:
                self._enter("closed", "it is back")
        else:
            self._failures = 0
            if self._config.failure_rate is not None:
                self._recent.add(self._clock(), failed=False)

    def _fail(self, reason: str, wait: float | None) -> None:
        self._failures += 1
        if self._failures >= self._config.failure_threshold:
            self._open(f"{self._failures} failures in a row, the last: {reason}", wait)
            return
        rate, recent = self._config.failure_rate, self._recent
        if rate is None:
            return
        recent.add(self._clock(), failed=True)
        if recent.total >= self._config.sample_rate and recent.failed >= rate * recent.total:
            self._open(f"{recent.failed} of {recent.total} requests failed, the last: {reason}", wait)

    def _open(self, reason: str, wait: float | None) -> None:
        self._until = self._clock() + max(self._timeout, wait or 0.0)
        self.opened += 1
        self.reason = reason
        self._enter("open", reason)

    def _enter(self, state: State, reason: str) -> None:
        self.state = state
        self._period += 1
        self._failures = self._successes = self._probes = 0
        self._recent.clear()
        self._changed(state, reason)

    def _refusal(self, wait: float) -> CircuitOpen:
        return CircuitOpen(
            f"{self._name}: the circuit is {self.state.replace('_', ' ')}; next probe in {wait:.3g} s ({self.reason})",
            retry_after=wait,
        )


def _failed(signal: Signal) -> bool:
    return isinstance(signal, (Transient, NotConnected)) and not isinstance(signal, Refused)
