"""The events that a source gave last, for far sides that give some again, such as feeds.

What is remembered is stored with the cursor, in the same transaction as the events: so it is as exact. An event counts
as the same by its type, source and id. Incremental sources don't need it: see `hub.sdk.remembered`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from hub.sdk.event import Event
from hub.sdk.remembered import SIZE, mark


class Recent:
    """The last events of a source, up to a number; beyond it the oldest are forgotten, and may be repeated.

    Args:
        limit: how many; 0 for none.
        stored: what `stored` gave before.
    """

    def __init__(self, limit: int, stored: bytes = b"") -> None:
        self._limit = limit
        digests = [stored[at : at + SIZE] for at in range(0, len(stored) - SIZE + 1, SIZE)] if limit else []
        self._order = deque(digests[-limit:], maxlen=limit or None)
        self._known = set(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def new(self, events: Sequence[Event]) -> list[Event]:
        """Those that weren't given lately, each once; from now on they are remembered."""
        if not self._limit:
            return list(events)
        fresh: list[Event] = []
        for event in events:
            digest = mark(event.type, event.source, event.id)
            if digest in self._known:
                continue
            fresh.append(event)
            if len(self._order) == self._limit:
                self._known.discard(self._order[0])
            self._order.append(digest)
            self._known.add(digest)
        return fresh

    @property
    def stored(self) -> bytes:
        """To be stored with the cursor; the oldest first."""
        return b"".join(self._order)
