"""A record to write, and how large Kafka will find it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

Header = tuple[str, bytes]

# Never written to: it only computes sizes.
_SIZER = DefaultRecordBatchBuilder(
    magic=2,
    compression_type=0,
    is_transactional=0,
    producer_id=-1,
    producer_epoch=-1,
    base_sequence=0,
    batch_size=0,
)
_BATCH_HEADER = 61  # KIP-98: base offset to record count


class Record(NamedTuple):
    """A record to write.

    Args:
        topic: where to.
        key: decides the partition; any partition if ``None``.
        value: ``None`` is a tombstone and needs a key.
        headers: in order, names may repeat.
        partition: instead of the key's.
        timestamp: milliseconds since 1970; now if not given.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    partition: int | None = None
    timestamp: int | None = None

    def size(self) -> int:
        """Bytes that it takes as a batch of its own, which is what a topic's ``max.message.bytes`` limits."""
        return _BATCH_HEADER + int(_SIZER.size_in_bytes(0, 0, self.key, self.value, list(self.headers)))
