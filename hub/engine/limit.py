"""How many deliveries a sink has in flight: as many as its far side takes without slowing down or failing.

Latency is followed by the gradient of Netflix's concurrency limits (`GradientLimit` in Netflix/concurrency-limits; Eran
Landau et al., "Performance Under Load", Netflix Technology Blog, 2018): as long as calls take no longer than they do
without a queue, the limit grows by its square root, the queue that this leaves at the far side; where they take longer,
it shrinks in proportion. What they take without a queue is measured now and then with a quarter of the limit, as BBR
does (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14 (5), 2016, "ProbeRTT"): without that the
queue itself would soon pass for usual. Failures shrink the limit as in DCTCP (Alizadeh et al., "Data Center TCP",
SIGCOMM 2010): by half the share of the calls that failed, so that one event which fails again and again hardly matters,
and a far side that fails at everything is soon left with one call at a time. At the start the limit doubles (RFC 5681
§ 3.1, slow start).
"""

from __future__ import annotations

from math import sqrt

START = 8
"""The first limit, also after an outage."""
TOLERANCE = 2.0
"""Times as long as without a queue that calls may take before the limit shrinks. Netflix' figure is 1.5, for servers
inside one network; what sinks talk to varies more."""
PROBE_EVERY = 50
"""Rounds between two measurements without a queue. They cost about one and a half rounds, and only where the limit is
below its bound."""
_PROBE = 4  # so many times fewer are in flight then


class Limit:
    """Adapts in rounds: one is over when as many deliveries have ended as the limit was.

    Args:
        largest: upper bound.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._unqueued: float | None = None
        self.restart()

    def restart(self) -> None:
        """Begins anew, carefully: the far side has just come up."""
        self._limit = float(min(START, self._largest))
        self._doubling = True
        self._rounds = self._skipped = 0
        self._probing = False
        self._begin()

    def _begin(self) -> None:
        self._ended = self._failed = self._timed = 0
        self._time = 0.0
        self._used = False

    @property
    def now(self) -> int:
        """Deliveries that may be in flight."""
        return max(1, int(self._limit / _PROBE if self._probing else self._limit))

    def ended(self, seconds: float, delivered: int, failed: int, *, used: bool) -> None:
        """Notes how a call ended.

        Args:
            seconds: that it took.
            delivered: how many of its deliveries succeeded, or were refused for good, which is an answer as well.
            failed: how many failed in a way that more of them may have brought about.
            used: whether the limit held others back.
        """
        if self._skipped > 0:  # it began in the queue that a measurement must not see
            self._skipped -= delivered + failed
            return
        self._ended += delivered + failed
        self._failed += failed
        self._used = self._used or used
        if delivered:
            self._time += seconds
            self._timed += 1
        if self._ended >= self.now:
            self._end_round()
            self._begin()

    def _end_round(self) -> None:
        mean = self._time / self._timed if self._timed else None
        if self._probing:
            self._unqueued, self._probing = mean or self._unqueued, False
            return
        self._rounds += 1
        share = self._failed / self._ended
        gradient = self._gradient(mean)
        self._doubling = self._doubling and gradient >= 1.0 and not self._failed
        grown = self._limit * 2 if self._doubling else self._limit * gradient + sqrt(self._limit)
        if not self._used or share > 0.5:  # noqa: PLR2004  most of them: nothing speaks for more
            grown = min(grown, self._limit * gradient)
        self._limit = min(max(1.0, grown * (1.0 - share / 2.0)), float(self._largest))
        if self._rounds % PROBE_EVERY == 0 and self._limit < self._largest and self._used:
            self._probing, self._skipped = True, int(self._limit)

    def _gradient(self, mean: float | None) -> float:
        """How much longer calls take than without a queue, from 0.5 for a lot to 1 for not more than is tolerated."""
        if not mean:
            return 1.0
        self._unqueued = mean if self._unqueued is None else min(self._unqueued, mean)
        return min(1.0, max(0.5, TOLERANCE * self._unqueued / mean))
