"""What brokers know of consumer groups: whether anybody is in them, and where they stand.

aiokafka's admin client asks for both, and gets both wrong. It asks for descriptions in version 3 of the request and
reads the answer as one of version 2, so that the four bytes by which version 3 is longer shift all that comes after the
first group. And it doesn't look at the error of a group as a whole: one whose coordinator is still loading it
looks as if it had no position at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TypeAlias, TypeVar

from aiokafka import TopicPartition
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.structs import OffsetAndMetadata

from hub.kafka import clients
from hub.kafka.errors import kafka_error
from hub.kafka.settings import KafkaSettings

_Answer = TypeVar("_Answer")
_GROUPS = "__consumer_offsets"
_LIMIT = 20.0
_PAUSE = 0.1
# What a coordinator answers that is being found, moved or started.
_AGAIN = (
    kafka.GroupLoadInProgressError,
    kafka.GroupCoordinatorNotAvailableError,
    kafka.NotCoordinatorForGroupError,
    kafka.RequestTimedOutError,
    kafka.KafkaConnectionError,
    kafka.NodeNotReadyError,
)


class DescribeGroupsV3(DescribeGroupsRequest_v3):  # type: ignore[misc]  # aiokafka is untyped
    """aiokafka's request, with the answer that belongs to it."""

    RESPONSE_TYPE = DescribeGroupsResponse_v3


_DescribeGroups: TypeAlias = DescribeGroupsV3


class DescribeGroups(Request[_DescribeGroups]):  # type: ignore[misc]  # aiokafka is untyped
    """Asks for the states and the members of groups.

    Args:
        groups: which.
    """

    API_KEY = 15

    def __init__(self, groups: Collection[str]) -> None:
        self._groups = list(groups)

    def build(self, request_struct_class: type[_DescribeGroups]) -> _DescribeGroups:
        """The request as it is sent."""
        return request_struct_class(self._groups, False)  # noqa: FBT003  a field of the protocol: no permissions


async def states(settings: KafkaSettings, groups: Collection[str]) -> dict[str, str]:
    """The state of each group, in Kafka's words: ``Stable``, ``Empty``, …; ``Dead`` for one that isn't known.

    Args:
        settings: how to reach Kafka.
        groups: which.

    Raises:
        HubError: Kafka's.
    """
    if not groups:
        return {}
    async with clients.running(clients.admin(settings)) as admin:
        if not await _any(admin):
            return dict.fromkeys(groups, "Dead")
        return await _again(partial(_states, admin, groups), "asking for the states of groups")


async def positions(
    settings: KafkaSettings, groups: Collection[str]
) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
    """The committed positions of each group; empty for one that has none.

    Args:
        settings: how to reach Kafka.
        groups: which.

    Raises:
        HubError: Kafka's.
    """
    if not groups:
        return {}
    async with clients.running(clients.admin(settings)) as admin:
        if not await _any(admin):
            return {group: {} for group in groups}
        return {
            group: await _again(partial(_positions, admin, group), f"asking for the positions of group {group}")
            for group in groups
        }


async def _any(admin: AIOKafkaAdminClient) -> bool:
    """Whether there has ever been a group; where not, asking for one would make the brokers' topic for them."""
    try:
        return _GROUPS in await admin.list_topics()
    except (kafka.KafkaError, TimeoutError) as error:
        raise kafka_error(error, "asking for topics") from error


async def _states(admin: AIOKafkaAdminClient, groups: Collection[str]) -> dict[str, str]:
    by_node: dict[int, list[str]] = {}
    for group in groups:
        by_node.setdefault(await admin.find_coordinator(group), []).append(group)
    found: dict[str, str] = {}
    for node, names in by_node.items():
        answer = await admin._client.send(node, DescribeGroups(names))  # noqa: SLF001  its own method, see above
        for code, group, state, *_ in answer.groups:
            _check(code)
            found[group] = state
    return found


async def _positions(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    node = await admin.find_coordinator(group)
    answer = await admin._client.send(node, OffsetFetchRequest(group, None))  # noqa: SLF001  its own method, see above
    _check(answer.error_code)
    found: dict[TopicPartition, OffsetAndMetadata] = {}
    for topic, partitions in answer.topics:
        for partition, offset, metadata, code in partitions:
            _check(code)
            if offset >= 0:
                found[TopicPartition(topic, partition)] = OffsetAndMetadata(offset, metadata or "")
    return found


def _check(code: int) -> None:
    if code:
        refusal: type[kafka.KafkaError] = kafka.for_code(code)
        raise refusal


async def _again(ask: Callable[[], Awaitable[_Answer]], doing: str) -> _Answer:
    """Asks until there is an answer, within a limit."""
    deadline = time.monotonic() + _LIMIT
    while True:
        try:
            return await ask()
        except (*_AGAIN, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise kafka_error(error, doing) from error
        except kafka.KafkaError as error:
            raise kafka_error(error, doing) from error
        await asyncio.sleep(_PAUSE)
