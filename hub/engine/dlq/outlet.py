"""What a unit writes to Kafka: events and dead letters. Nothing counts as done before Kafka has acknowledged it."""

from __future__ import annotations

from collections.abc import Sequence

from hub.engine.dlq.deadletter import Origin, dead_letter_headers
from hub.kafka.publisher import Publisher, Record, RecordMetadata, TooLarge
from hub.kafka.settings import KafkaSettings
from hub.sdk.errors import HubError
from hub.sdk.event import Header, KafkaMessage


class DeadLetterFailed(HubError):
    """A dead letter could not be written; the unit stops rather than lose the event."""


class Outlet:
    """A unit's way to Kafka.

    Args:
        settings: how to reach Kafka.
        unit: name of the unit.
        connector: what it uses, for the dead letters' headers.
        dlq: topic of its dead letters.
        linger: milliseconds to wait for more records before a request is sent: where many small sends run side by
            side, fewer and larger requests cost much less.
    """

    def __init__(self, settings: KafkaSettings, *, unit: str, dlq: str, connector: str = "", linger: int = 0) -> None:
        self._publisher = Publisher(settings, client_id=f"hub-{unit}", linger_ms=linger)
        self._unit = unit
        self._connector = connector
        self.dlq = dlq

    async def start(self) -> None:
        """Connects."""
        await self._publisher.start()

    async def stop(self) -> None:
        """Sends what is left and disconnects."""
        await self._publisher.stop()

    async def publish(self, records: Sequence[Record], *, limit: float = 30.0) -> dict[int, TooLarge]:
        """Writes records and waits for every acknowledgement, at most ``limit`` seconds.

        Returns:
            The records that are larger than their topic takes, by index; all others are safe.

        Raises:
            HubError: any other failure; some of the records may have been written.
        """
        if not records:
            return {}
        too_large: dict[int, TooLarge] = {}
        for index, result in enumerate(await self._publisher.send(records, timeout=limit)):
            if isinstance(result, TooLarge):
                too_large[index] = result
            elif isinstance(result, Exception):
                raise result
        return too_large

    async def bury(
        self,
        message: KafkaMessage,
        error: BaseException,
        *,
        stage: str,
        attempts: int = 1,
        origin: Origin | None = None,
    ) -> RecordMetadata:
        """Writes a dead letter and waits for its acknowledgement; gives where it lies.

        Raises:
            DeadLetterFailed: it could not be written.
        """
        headers: list[Header] = dead_letter_headers(
            message.headers,
            unit=self._unit,
            connector=self._connector,
            stage=stage,
            error=error,
            attempts=attempts,
            origin=origin,
        )
        try:
            partition = None
            if origin is not None:
                partition = origin.partition % await self._publisher.partitions(self.dlq)
            record = Record(self.dlq, message.key, message.value, headers, partition)
            (result,) = await self._publisher.send([record])
            if isinstance(result, Exception):
                raise result
        except HubError as failure:
            raise DeadLetterFailed(
                f"{self._unit}: a dead letter could not be written to {self.dlq}: {failure}. "
                "The event stays where it is; the unit stands still rather than lose it."
            ) from failure
        return result
