"""A route's ledger while its transactions come and go."""

from __future__ import annotations

import time

from hub.engine.ledger.accounts import Accounts, Counts
from hub.engine.ledger.ledger import Ledger


class Tally:
    """What one transaction adds to a route's ledger, once it is committed; where it isn't, nothing.

    Args:
        ledger: the route's, in this worker.
        accounts: those of its partitions, whose open counts are the transaction's.
    """

    def __init__(self, ledger: Ledger, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._taken = ledger.taken
        self._came: list[tuple[float, int]] = []

    def came(self, events: int) -> None:
        """So many events were taken in."""
        self._came.append((time.monotonic(), events))
        self._ledger.taken += events

    def settle(self, committed: bool) -> None:  # noqa: FBT001  the end of a transaction
        """The transaction has ended."""
        ledger = self._ledger
        if committed:
            counts = self._accounts.commit()
            self._time(counts)
            ledger.delivered += counts.delivered
            ledger.filtered.update(counts.filtered)
            ledger.dead_lettered.update(counts.dead_lettered)
            ledger.replayed += counts.replayed
        else:
            self._accounts.abort()
            ledger.taken = self._taken
        self._taken = ledger.taken
        self._came.clear()

    def _time(self, counts: Counts) -> None:
        """Counts how long the events of a transaction took, by the batches in which they came."""
        now, before, came = time.monotonic(), 0, 0
        for moment, events in self._came:
            came += events
            # Which of a batch were delivered isn't known; as large a share of each, so that all are.
            until = counts.delivered * came // counts.taken
            self._ledger.durations.observe(now - moment, until - before)
            before = until
