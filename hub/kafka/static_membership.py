"""What aiokafka lacks for static membership (KIP-345): heartbeats that say who we are, and an end for who was replaced.

A member with a name of its own (``group.instance.id``) keeps its partitions over a restart, if it is back within the
session timeout. aiokafka sends the name when it joins, and leaves it out of heartbeats. Brokers then answer a member
whose name another process has taken with "unknown", upon which aiokafka joins again, by which it takes the name back;
and so on. Here heartbeats carry the name, and who has lost it is told so and stops.

The leader of a group watches for new partitions. A leader that comes back under its name isn't told that it leads, so
that nobody would; here every member asks for a new assignment when it sees new partitions, and brokers act on the
leader's.
"""

from __future__ import annotations

from types import MethodType
from typing import Any, ClassVar, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.types import Int16, Int32, Schema, String

from hub.sdk import ConfigError

FENCED_INSTANCE = 82
"""Kafka's error code FENCED_INSTANCE_ID, which aiokafka doesn't know."""


class InstanceTaken(ConfigError):
    """Another process has joined the group under our name; only one of them can have it."""


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
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
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


class StaticMembership:
    """A consumer's membership under a name of its own.

    Args:
        consumer: started with ``group_instance_id``, and not subscribed yet.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._coordinator: Any = consumer._coordinator  # noqa: SLF001  aiokafka has no other way
        self._send = self._coordinator._send_req  # noqa: SLF001  as above
        self._counts: dict[str, int] = {}
        self._fenced = False
        # What it sends goes through us from now on.
        self._coordinator._send_req = MethodType(lambda _, request: self._sent(request), self._coordinator)  # noqa: SLF001

    @property
    def instance(self) -> str:
        """Our own name."""
        name: str = self._coordinator._group_instance_id  # noqa: SLF001  as above
        return name

    def check(self) -> None:
        """Whether we still have our name.

        Raises:
            InstanceTaken: we don't; leave the group alone from now on.
        """
        if self._fenced:
            raise InstanceTaken(
                f"another worker runs under the name {self.instance} in the group {self._coordinator.group_id}, and "
                "has taken over. Names must differ: set HUB_WORKER__INSTANCE for each, or for none"
            )

    async def confirm(self) -> None:
        """Asks the group now whether we still have our name; nothing is said where it doesn't answer.

        Raises:
            InstanceTaken: we don't.
        """
        self.check()
        if self._coordinator.member_id:
            await self._coordinator._do_heartbeat()  # noqa: SLF001  as above
            self.check()

    def look_for_partitions(self, counts: dict[str, int]) -> None:
        """Asks for a new assignment where topics have got more partitions.

        Args:
            counts: how many each topic has now.
        """
        before, self._counts = self._counts, counts
        if any(count > before.get(topic, count) for topic, count in counts.items()):
            self._coordinator.request_rejoin()

    async def _sent(self, request: Any) -> Any:
        if isinstance(request, HeartbeatRequest):
            coordinator = self._coordinator
            request = Heartbeat(coordinator.group_id, coordinator.generation, coordinator.member_id, self.instance)
        response = await self._send(request)
        if getattr(response, "error_code", 0) == FENCED_INSTANCE:
            self._fenced = True
        return response
