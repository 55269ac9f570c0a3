"""Who a consumer is in its group, at one moment."""

from __future__ import annotations

from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalGenerationError, KafkaError


class Membership(NamedTuple):
    """A member of a consumer group in one generation, as KIP-447's consumer group metadata.

    Attributes:
        group: the consumer group.
        generation: rises with every rebalance; -1 outside of one.
        member: the broker's name for the consumer.
        instance: our own name for it, where membership is static.
    """

    group: str
    generation: int
    member: str
    instance: str | None = None

    @classmethod
    def of(cls, consumer: AIOKafkaConsumer) -> Self:
        """What a consumer is now. Take it when records are fetched, not when they are committed.

        Raises:
            IllegalGenerationError: it is in no generation: it is joining, or was expelled.
        """
        coordinator = consumer._coordinator  # noqa: SLF001  aiokafka has no other way
        if coordinator is None or coordinator.generation < 0 or not coordinator.member_id:
            raise IllegalGenerationError
        return cls(
            coordinator.group_id,
            coordinator.generation,
            coordinator.member_id,
            coordinator._group_instance_id,  # noqa: SLF001  as above
        )


class StaleMember(KafkaError):  # type: ignore[misc]  # aiokafka is untyped
    """The group has gone on without this member; its offsets were refused, and its transaction must be aborted.

    Attributes:
        member: whose offsets brokers have refused; None where it was found out otherwise.
    """

    def __init__(self, text: str, member: Membership | None = None) -> None:
        super().__init__(text)
        self.member = member
