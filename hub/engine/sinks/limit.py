"""How many deliveries a sink has in flight: no more than help.

Hill climbing on what gets through, after the thread pool of .NET (Hellerstein, Morrison, Eilebrecht: "Optimizing
Concurrency Levels in the .NET ThreadPool", 2008), in steps of two instead of its waves: now and then twice as many are
in flight for a while, and it stays so where clearly more gets through; or half as many, several times in turn with as
many as before, and it stays so where hardly less ever does. So a far side that works on more at once gets more, one
that only lets them queue doesn't, one that slows down under load is relieved, and where chance rules the limit is
rather too high than too low. Latency alone would not tell: it also grows where a far side gathers writes, which then
come through faster, and it jumps about by nature.

It doesn't climb down below `START`: a few deliveries that hang must not hold up all others.

Failures shrink the limit as in DCTCP (Alizadeh et al., "Data Center TCP", SIGCOMM 2010): by half the share of the
deliveries that failed, so that a far side which fails at everything is soon left with one at a time.
"""

from __future__ import annotations

from enum import Enum

START = 8
"""The first limit where nothing else is said; also after an outage."""
BETTER = 1.25
"""Times as much that must get through with twice as many in flight for it to stay so."""
GOOD = 0.9
"""Share of it that must still get through with half as many in flight for it to stay so."""
TIMES = 3
"""Times in a row that it must."""
CLEARLY_LESS = 0.7
"""Share of it below which no more than one round is needed to see that half as many won't do."""
TOLERATED = 0.1
"""Share of failures that is put down to the events themselves."""
FIRST_ROUNDS, ROUNDS = 2, 4
"""Times the limit that must be through before two limits are compared; the first holds as long as each step helps."""
PAUSE, LONGEST_PAUSE = 30, 480
"""Rounds between two attempts; doubles with each that changed nothing."""
_LEAST = 12  # deliveries; fewer are chance


class _Trial(Enum):
    MORE = 2.0
    LESS = 0.5


class Limit:
    """Adapts to how deliveries end.

    Args:
        largest: upper bound.
        start: the first limit, also after an outage.
    """

    def __init__(self, largest: int, start: int = START) -> None:
        self._largest = largest
        self._start = start
        self.restart()

    def restart(self) -> None:
        """Begins anew, carefully: the far side has just come up."""
        self._climb(float(self._start))

    def _climb(self, start: float) -> None:
        """Goes on from a limit, up as long as that helps."""
        self._limit = min(start, float(self._largest))
        self._rounds = FIRST_ROUNDS
        self._pause = PAUSE
        self._wins = 0
        self._settle(_Trial.MORE, pause=0)
        self._begin_round()

    def _settle(self, following: _Trial, *, pause: int) -> None:
        """Stays with the limit for a while, and then tries something."""
        self._trial: _Trial | None = None
        self._following = following
        self._waits = pause
        self._before = self._limit
        self._rate: float | None = None
        self._measure()

    def _measure(self) -> None:
        self._began: float | None = None
        self._counted = self._through = 0
        self._skipped = int(self._before) if self._trial else 0  # of what ends, so much began under the other limit

    def _begin_round(self) -> None:
        self._ended = self._failed = 0

    @property
    def now(self) -> int:
        """Deliveries that may be in flight."""
        return max(1, int(self._limit))

    def idle(self) -> None:
        """There isn't enough to send to make use of the limit, or to learn anything."""
        if self._trial is not None:
            self._limit = self._before
            self._settle(self._following, pause=self._pause)
        elif self._began is not None:
            self._measure()

    def stalled(self) -> None:
        """Nothing has ended for long, although more waits: what is under way must not hold up the rest."""
        self._climb(max(self._limit * 2, START))

    def ended(self, now: float, delivered: int, failed: int) -> None:
        """Notes how a call ended.

        Args:
            now: when, by a clock that never goes back.
            delivered: how many of its deliveries succeeded, or were refused for good, which is an answer as well.
            failed: how many failed in a way that more of them may have brought about.
        """
        self._ended += delivered + failed
        self._failed += failed
        if self._ended >= self.now:
            share = self._failed / self._ended
            self._begin_round()
            self._waits = max(0, self._waits - 1)
            if share > TOLERATED:
                self._climb(max(1.0, self._limit * (1.0 - share / 2.0)))
                return
        if self._skipped > 0:
            self._skipped -= delivered + failed
        else:
            self._count(now, delivered, failed)

    def _count(self, now: float, delivered: int, failed: int) -> None:
        if self._began is None:
            self._began = now  # what ends now was under way before
            return
        self._counted += delivered + failed
        self._through += delivered
        if self._counted < max(_LEAST, self.now) or now <= self._began:
            return
        rate = self._through / (now - self._began)
        if self._counted < max(_LEAST, self._rounds * self.now) and not self._is_lost(rate):
            return
        if self._trial is not None:
            self._judge(self._trial, rate)
        elif self._waits:
            self._measure()  # a fresh figure is wanted when the time has come
        else:
            self._try(rate)

    def _is_lost(self, rate: float) -> bool:
        """Whether it makes no sense to go on with a trial: where half as many bring half as much, each round costs."""
        return self._trial is _Trial.LESS and self._rate is not None and rate < self._rate * CLEARLY_LESS

    def _try(self, rate: float) -> None:
        step = self._following
        wanted = min(self._limit * step.value, float(self._largest))
        if wanted == self._limit or (step is _Trial.LESS and wanted < START):
            other = _Trial.LESS if step is _Trial.MORE else _Trial.MORE
            self._settle(other, pause=self._pause)
            return
        self._rate, self._before, self._trial, self._limit = rate, self._limit, step, wanted
        self._measure()

    def _judge(self, trial: _Trial, rate: float) -> None:
        assert self._rate is not None
        gain = min(self._limit / self._before, BETTER) if trial is _Trial.MORE else GOOD
        if rate >= self._rate * gain:
            self._accept(trial, rate)
            return
        self._wins = 0
        self._limit, self._rounds = self._before, ROUNDS
        self._settle(_Trial.LESS if trial is _Trial.MORE else _Trial.MORE, pause=self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)

    def _accept(self, trial: _Trial, rate: float) -> None:
        if trial is _Trial.MORE:
            self._wins, self._pause = 0, PAUSE
            self._settle(_Trial.MORE, pause=0)
            self._try(rate)  # even more may help, too
            return
        self._wins += 1
        if self._wins < TIMES:
            self._limit = self._before
            self._settle(_Trial.LESS, pause=0)
        else:
            self._wins, self._pause = 0, PAUSE
            self._settle(_Trial.LESS, pause=PAUSE)
