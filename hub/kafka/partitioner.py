"""Which partition a key belongs to: exactly as Kafka's own clients decide it, and quick for keys that come again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

from aiokafka.partitioner import murmur2 as _pure

KEYS = 65_536
"""Keys whose hash is remembered; about 10 MB when full of keys of 40 bytes."""


@lru_cache(maxsize=KEYS)
def murmur2(key: bytes) -> int:
    """Kafka's positive 32-bit murmur2 of a key (org.apache.kafka.common.utils.Utils, murmur2 and toPositive)."""
    return int(_pure(key)) & 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic of so many partitions."""
    return murmur2(key) % partitions


def partitioner(key: bytes | None, every: Sequence[int], available: Sequence[int]) -> int:
    """The hook of aiokafka: by the key where there is one, otherwise any partition that has a leader.

    Args:
        key: the record's.
        every: all partitions of the topic, in order.
        available: those with a leader.
    """
    if key is None:
        return random.choice(available or every)  # noqa: S311  spreads load, protects nothing
    return every[murmur2(key) % len(every)]
