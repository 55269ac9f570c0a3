"""Faults of single requests of Kafka's protocol: found by API key in the stream that a proxy passes.

    faults = KafkaFaults()
    proxy = FaultProxy("127.0.0.1", 9092, inspect=faults.inspector)
    faults.strike(END_TXN, Fate(delay=60.0), times=1)     # the next EndTxn arrives a minute late

A request is a frame: four bytes of length, then two bytes of API key (https://kafka.apache.org/protocol). Nothing is
rewritten: brokers tell clients their own addresses, so let each advertise its proxy's port (`hub.testing.cluster`).
With TLS there is nothing to be found in the stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.testing.faults import Fate, Piece

PRODUCE = 0
FETCH = 1
HEARTBEAT = 12
INIT_PRODUCER_ID = 22
ADD_PARTITIONS_TO_TXN = 24
ADD_OFFSETS_TO_TXN = 25
END_TXN = 26
TXN_OFFSET_COMMIT = 28

_LENGTH = 4
_HEADER = 6


@dataclass
class _Rule:
    fate: Fate
    left: int
    skip: int


class KafkaFaults:
    """Says of every request that passes what is to happen to it."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        """Requests by API key."""
        self.struck: Counter[int] = Counter()
        """Those of them to which something happened."""
        self._rules: dict[int, list[_Rule]] = {}

    def strike(self, api_key: int, fate: Fate, *, times: int = 1, after: int = 0) -> None:
        """Has something happen to requests of one kind.

        Args:
            api_key: which kind.
            fate: what happens.
            times: to how many of them.
            after: how many of them pass before that.
        """
        self._rules.setdefault(api_key, []).append(_Rule(fate, times, after))

    def spare(self) -> None:
        """From now on nothing happens to any."""
        self._rules.clear()

    @property
    def pending(self) -> int:
        """How many requests are still to be struck."""
        return sum(rule.left for rules in self._rules.values() for rule in rules)

    def inspector(self) -> Callable[[bytes], Sequence[Piece]]:
        """For one connection."""
        return _Frames(self)

    def fate(self, api_key: int) -> Fate | None:
        """Notes a request, and says what happens to it."""
        self.seen[api_key] += 1
        for rule in self._rules.get(api_key, ()):
            if rule.left > 0:
                if rule.skip > 0:
                    rule.skip -= 1
                    return None
                rule.left -= 1
                self.struck[api_key] += 1
                return rule.fate
        return None


class _Frames:
    """Finds the requests in one connection's bytes; only those to which something happens are held until whole."""

    def __init__(self, faults: KafkaFaults) -> None:
        self._faults = faults
        self._held = b""
        self._left = 0
        self._fate: Fate | None = None

    def __call__(self, data: bytes) -> Sequence[Piece]:
        pieces: list[Piece] = []
        data, self._held = self._held + data, b""
        while data:
            if self._left == 0:
                if len(data) < _HEADER:
                    self._held = data
                    break
                self._left = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
                self._fate = self._faults.fate(int.from_bytes(data[_LENGTH:_HEADER], "big"))
            if self._fate is not None and len(data) < self._left:
                self._held = data
                break
            piece, data = data[: self._left], data[self._left :]
            self._left -= len(piece)
            pieces.append(Piece(piece, self._fate))
        return pieces
