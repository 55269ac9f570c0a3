"""Keys and their partitions."""

import random

import pytest
from aiokafka.partitioner import DefaultPartitioner

from hub.kafka.partitioner import murmur2, partition_of, partitioner

# org.apache.kafka.common.utils.UtilsTest, testMurmur2: signed 32-bit there.
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), VECTORS.items())
def test_kafkas_own_test_vectors(key, expected):
    assert murmur2(key) == expected & 0x7FFFFFFF


def test_a_key_goes_where_aiokafka_would_send_it():
    source = random.Random(7)
    theirs = DefaultPartitioner()
    for count in (1, 2, 3, 7, 12, 100):
        every = list(range(count))
        for _ in range(200):
            key = source.randbytes(source.randrange(40))
            assert partitioner(key, every, every) == theirs(key, every, every) == partition_of(key, count)


def test_a_key_stays_where_it_belongs_when_its_partition_has_no_leader():
    assert partitioner(b"foobar", [0, 1, 2], []) == partitioner(b"foobar", [0, 1, 2], [0, 1, 2])


def test_a_record_without_a_key_goes_where_there_is_a_leader():
    assert {partitioner(None, [0, 1, 2], [1]) for _ in range(50)} == {1}


def test_records_without_keys_are_spread():
    assert {partitioner(None, [0, 1, 2], []) for _ in range(200)} == {0, 1, 2}
    assert {partitioner(None, [0, 1, 2], [0, 2]) for _ in range(200)} == {0, 2}


def test_the_cache_has_an_end():
    assert murmur2.cache_info().maxsize is not None
