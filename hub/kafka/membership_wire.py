"""Requests of consumer groups in versions that carry a member's own name; see https://kafka.apache.org/protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

_TEXT = String("utf-8")


class HeartbeatResponseV3(Response):  # type: ignore[misc]  # aiokafka is untyped
    """As in version 1."""

    API_KEY: ClassVar[int] = 12
    API_VERSION: ClassVar[int] = 3
    SCHEMA = Schema(("throttle_time_ms", Int32), ("error_code", Int16))


class HeartbeatV3(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    """Version 3 carries the member's own name."""

    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = HeartbeatResponseV3
    SCHEMA = Schema(
        ("group", _TEXT),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
    )


_Heartbeat: TypeAlias = HeartbeatV3


class Heartbeat(Request[_Heartbeat]):  # type: ignore[misc]  # aiokafka is untyped
    """A heartbeat under our own name.

    Args:
        group: the consumer group.
        generation: of the group.
        member: the broker's name for us.
        instance: our own.
    """

    API_KEY = 12

    def __init__(self, group: str, generation: int, member: str, instance: str) -> None:
        self._fields = (group, generation, member, instance)

    def build(self, request_struct_class: type[_Heartbeat]) -> _Heartbeat:
        """The request as it is sent."""
        return request_struct_class(*self._fields)


class LeaveGroupResponseV3(Response):  # type: ignore[misc]  # aiokafka is untyped
    """Version 3 answers for each member."""

    API_KEY: ClassVar[int] = 13
    API_VERSION: ClassVar[int] = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("members", Array(("member_id", _TEXT), ("group_instance_id", _TEXT), ("error_code", Int16))),
    )


class LeaveGroupV3(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    """Version 3 takes several members at once, by their own names."""

    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = LeaveGroupResponseV3
    SCHEMA = Schema(("group", _TEXT), ("members", Array(("member_id", _TEXT), ("group_instance_id", _TEXT))))


_LeaveGroup: TypeAlias = LeaveGroupV3


class LeaveGroup(Request[_LeaveGroup]):  # type: ignore[misc]  # aiokafka is untyped
    """Takes members out of a group.

    Args:
        group: the consumer group.
        members: of each the broker's name, or an empty one for whichever member has the name, and its own name.
    """

    API_KEY = 13

    def __init__(self, group: str, members: Sequence[tuple[str, str]]) -> None:
        self._group = group
        self._members = list(members)

    def build(self, request_struct_class: type[_LeaveGroup]) -> _LeaveGroup:
        """The request as it is sent."""
        return request_struct_class(self._group, self._members)
