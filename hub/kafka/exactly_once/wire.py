"""Three requests of Kafka's protocol in versions that aiokafka doesn't have; see https://kafka.apache.org/protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

_TEXT = CompactString("utf-8")
_NO_TAGS: dict[int, bytes] = {}
_UNKNOWN_EPOCH = -1


class TxnOffsetCommitResponseV3(Response):  # type: ignore[misc]  # aiokafka is untyped
    """Error codes by topic and partition."""

    API_KEY: ClassVar[int] = 28
    API_VERSION: ClassVar[int] = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                ("partitions", CompactArray(("partition", Int32), ("error_code", Int16), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class TxnOffsetCommitV3(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    """Version 3 carries the generation and the member, by which the broker refuses whoever has been replaced."""

    API_KEY = 28
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = TxnOffsetCommitResponseV3
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("group_id", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


_TxnOffsetCommit: TypeAlias = TxnOffsetCommitV3


class TxnOffsetCommit(Request[_TxnOffsetCommit]):  # type: ignore[misc]  # aiokafka is untyped
    """Offsets to be committed with a transaction, by a member of the group.

    Args:
        transactional_id: of the producer.
        group: the consumer group.
        producer: id and epoch of the producer.
        member: generation, member id and instance id of the consumer.
        offsets: next offsets to read.
    """

    API_KEY = 28

    def __init__(
        self,
        transactional_id: str,
        group: str,
        producer: tuple[int, int],
        member: tuple[int, str, str | None],
        offsets: Mapping[TopicPartition, OffsetAndMetadata],
    ) -> None:
        self._before = (transactional_id, group, *producer, *member)
        topics: dict[str, list[tuple[Any, ...]]] = {}
        for at, each in sorted(offsets.items()):
            topics.setdefault(at.topic, []).append((at.partition, each.offset, _UNKNOWN_EPOCH, each.metadata, _NO_TAGS))
        self._topics = [(topic, partitions, _NO_TAGS) for topic, partitions in topics.items()]

    def build(self, request_struct_class: type[_TxnOffsetCommit]) -> _TxnOffsetCommit:
        """The request as it is sent."""
        return request_struct_class(*self._before, self._topics, _NO_TAGS)


class OffsetFetchResponseV7(Response):  # type: ignore[misc]  # aiokafka is untyped
    """Committed offsets by topic and partition; -1 where there is none."""

    API_KEY: ClassVar[int] = 9
    API_VERSION: ClassVar[int] = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class OffsetFetchV7(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    """Version 7 asks for stable offsets: the broker says so where a transaction that commits one is still open."""

    API_KEY = 9
    API_VERSION = 7
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = OffsetFetchResponseV7
    SCHEMA = Schema(
        ("group_id", _TEXT),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), ("tags", TaggedFields))),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


_OffsetFetch: TypeAlias = OffsetFetchV7


class OffsetFetch(Request[_OffsetFetch]):  # type: ignore[misc]  # aiokafka is untyped
    """Asks for a group's stable positions.

    Args:
        group: the consumer group.
        partitions: of which topics and partitions.
    """

    API_KEY = 9

    def __init__(self, group: str, partitions: Mapping[str, list[int]]) -> None:
        self._group = group
        self._topics = [(topic, sorted(numbers), _NO_TAGS) for topic, numbers in sorted(partitions.items())]

    def build(self, request_struct_class: type[_OffsetFetch]) -> _OffsetFetch:
        """The request as it is sent."""
        return request_struct_class(self._group, self._topics, True, _NO_TAGS)  # noqa: FBT003  a field of the protocol


class InitProducerIdResponseV3(Response):  # type: ignore[misc]  # aiokafka is untyped
    """The producer's id and its epoch."""

    API_KEY: ClassVar[int] = 22
    API_VERSION: ClassVar[int] = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )


class InitProducerIdV3(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    """Version 3 carries id and epoch of who asks, by which the broker refuses whoever has been fenced (KIP-360)."""

    API_KEY = 22
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = InitProducerIdResponseV3
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("transaction_timeout_ms", Int32),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("tags", TaggedFields),
    )


_InitProducerId: TypeAlias = InitProducerIdV3


class NextEpoch(Request[_InitProducerId]):  # type: ignore[misc]  # aiokafka is untyped
    """Asks for a producer's next epoch.

    Args:
        transactional_id: of the producer.
        timeout_ms: of its transactions.
        producer: its id and its epoch.
    """

    API_KEY = 22

    def __init__(self, transactional_id: str, timeout_ms: int, producer: tuple[int, int]) -> None:
        self._fields = (transactional_id, timeout_ms, *producer)

    def build(self, request_struct_class: type[_InitProducerId]) -> _InitProducerId:
        """The request as it is sent."""
        return request_struct_class(*self._fields, _NO_TAGS)
