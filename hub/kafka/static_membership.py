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

import logging
from collections.abc import Collection
from types import MethodType
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest

from hub.kafka.membership_wire import Heartbeat, LeaveGroup
from hub.sdk import ConfigError

FENCED_INSTANCE = 82
"""Kafka's error code FENCED_INSTANCE_ID, which aiokafka doesn't know."""
_log = logging.getLogger("hub.kafka.static_membership")


class InstanceTaken(ConfigError):
    """Another process has joined the group under our name; only one of them can have it."""


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

    def leave_at_the_end(self) -> None:
        """Has the consumer leave the group when it is closed, so that the others have its partitions at once."""
        self._coordinator._maybe_leave_group = self._leave  # noqa: SLF001  as above

    async def _leave(self) -> None:
        coordinator = self._coordinator
        if coordinator.generation > 0 and not self._fenced:
            await _taken_out(self._send, coordinator.group_id, [(coordinator.member_id, self.instance)])
        coordinator.reset_generation()

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


async def dismiss(consumer: AIOKafkaConsumer, instances: Collection[str]) -> list[str]:
    """Takes members out of a consumer's group that won't come back; gives the names of those that were in it.

    Where the group doesn't answer, they go by themselves after their session timeouts.

    Args:
        consumer: started, and not subscribed yet.
        instances: their own names.
    """
    coordinator = consumer._coordinator  # noqa: SLF001  aiokafka has no other way
    try:
        await coordinator.ensure_coordinator_known()
    except KafkaError as error:
        _log.debug("group %s has no coordinator: %s", coordinator.group_id, type(error).__name__)
        return []
    return await _taken_out(coordinator._send_req, coordinator.group_id, [("", name) for name in instances])  # noqa: SLF001  as above


async def _taken_out(send: Any, group: str, members: list[tuple[str, str]]) -> list[str]:
    """Asks a group to let members go; gives their own names, of those that it has let go."""
    try:
        response = await send(LeaveGroup(group, members))
    except KafkaError as error:
        _log.debug("group %s does not let members go: %s", group, type(error).__name__)
        return []
    return [name for _, name, code in response.members if code == 0]
