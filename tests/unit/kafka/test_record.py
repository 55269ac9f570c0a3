"""Records and their sizes."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from hub.kafka.record import Record


@pytest.mark.parametrize(
    "record",
    [
        Record("t", b"k", b"v"),
        Record("t", None, b"x" * 100_000),
        Record("t", b"k" * 200, None),
        Record("t", None, None),
        Record("t", b"", b"", [("ce_id", b"1"), ("naïve", b"\xff" * 300)]),
    ],
)
def test_the_size_is_that_of_the_batch_that_kafka_gets(record):
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    builder.append(0, 1_700_000_000_000, record.key, record.value, list(record.headers))

    assert record.size() == len(builder.build())
