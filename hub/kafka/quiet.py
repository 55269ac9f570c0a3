"""Keeps aiokafka's log fit to be read: no keys and values, and no line a hundred times."""

from __future__ import annotations

import logging
import time

_EVERY = 30.0  # seconds between two lines of one kind
# A filter counts for its own logger only, so these are all loggers of aiokafka's that log while it works.
_LOGGERS = (
    "aiokafka",
    "aiokafka.admin.client",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.consumer.subscription_state",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


class Seldom(logging.Filter):
    """Lets one record of each kind pass in a while, which says how many others there were.

    aiokafka logs every attempt to reach a broker that is down, which is ten a second for each client. A kind is a line
    of its code, whatever the values in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        kind = (record.name, record.lineno)
        now = time.monotonic()
        last, held = self._seen.get(kind, (-_EVERY, 0))
        if now - last < _EVERY:
            self._seen[kind] = (last, held + 1)
            return False
        self._seen[kind] = (now, 0)
        if held:
            record.msg = f"{record.msg} [and {held} more like this since the last one]"
        return True


_SELDOM = Seldom()


def quiet() -> None:
    """Sees to aiokafka's loggers: at DEBUG they show keys, values and whole requests.

    Whoever wants to hear more than warnings sets the level of a logger to INFO; DEBUG is not to be had.
    """
    root = logging.getLogger("aiokafka")
    if root.level == logging.NOTSET:
        root.setLevel(logging.WARNING)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if logger.level != logging.NOTSET:
            logger.setLevel(max(logging.INFO, logger.level))
        logger.addFilter(_SELDOM)  # once, however often it is called
