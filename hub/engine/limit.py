"""How many deliveries a sink has in flight: as many as its far side takes without slowing down or failing.

Latency is followed by the gradient of Netflix's concurrency limits (`Gradient2Limit`; Eran Landau et al., "Performance
Under Load", Netflix Technology Blog, 2018): as long as calls take no longer than they use to, the limit grows by its
square root, the queue that this leaves at the far side; where they take longer, it shrinks in proportion. Failures
shrink it as in DCTCP (Alizadeh et al., "Data Center TCP", SIGCOMM 2010): by half the share of the calls that failed, so
that one event which fails again and again hardly matters, and a far side that fails at everything is soon left with one
call at a time. At the start the limit doubles (RFC 5681 § 3.1, slow start).
"""

from __future__ import annotations

from math import sqrt

START = 8
"""The first limit, also after an outage."""
TOLERANCE = 2.0
"""Times as long as usual that calls may take before the limit shrinks. Netflix' figure is 1.5, for servers inside one
network; what sinks talk to varies more."""
_MEMORY = 0.05
"""Weight of a round in what is usual."""


class Limit:
    """Adapts in rounds: one is over when as many deliveries have ended as the limit was.

    Args:
        largest: upper bound.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._usual: float | None = None
        self.restart()

    def restart(self) -> None:
        """Begins anew, carefully: the far side has just come up."""
        self._limit = float(min(START, self._largest))
        self._doubling = True
        self._begin()

    def _begin(self) -> None:
        self._ended = self._failed = 0
        self._time = 0.0
        self._timed = 0
        self._used = False

    @property
    def now(self) -> int:
        """Deliveries that may be in flight."""
        return max(1, int(self._limit))

    def ended(self, seconds: float, delivered: int, failed: int, *, used: bool) -> None:
        """Notes how a call ended.

        Args:
            seconds: that it took.
            delivered: how many of its deliveries succeeded, or were refused for good, which is an answer as well.
            failed: how many failed in a way that more of them may have brought about.
            used: whether the limit held others back.
        """
        self._ended += delivered + failed
        self._failed += failed
        self._used = self._used or used
        if delivered:
            self._time += seconds
            self._timed += 1
        if self._ended >= self.now:
            self._adapt()
            self._begin()

    def _adapt(self) -> None:
        share = self._failed / self._ended
        gradient = self._gradient()
        calm = gradient >= 1.0 and not self._failed
        self._doubling = self._doubling and calm
        grown = self._limit * 2 if self._doubling else self._limit * gradient + sqrt(self._limit)
        if not self._used or share > 0.5:  # noqa: PLR2004  most of them: nothing speaks for more
            grown = min(grown, self._limit * gradient)
        self._limit = min(max(1.0, grown * (1.0 - share / 2.0)), float(self._largest))

    def _gradient(self) -> float:
        if not self._timed:
            return 1.0
        mean = self._time / self._timed
        if self._usual is None:
            self._usual = mean
        gradient = min(1.0, max(0.5, TOLERANCE * self._usual / mean)) if mean else 1.0
        self._usual += (mean - self._usual) * _MEMORY
        self._usual = min(self._usual, 2 * mean)  # it may have been slow once, and is quick again
        return gradient
