"""Which Kafka a program means that doesn't say: the environment's, or the embedded one that runs in this directory."""

from __future__ import annotations

from hub.kafka.embedded import DIRECTORY, EmbeddedKafka
from hub.kafka.settings import KafkaSettings
from hub.sdk import EnvironmentProblem


def find_kafka() -> KafkaSettings | None:
    """Kafka as the environment names it, or the embedded one that runs here; ``None`` if there is neither.

    Raises:
        ConfigError: a variable of the environment is wrong.
    """
    settings = KafkaSettings()
    if settings.bootstrap_servers is not None:
        return settings
    status = EmbeddedKafka(DIRECTORY).status()
    return KafkaSettings.plain(status.bootstrap) if status.running and status.bootstrap else None


def kafka() -> KafkaSettings:
    """As `find_kafka`, for those who can't do without.

    Raises:
        EnvironmentProblem: there is none; says how to get one.
    """
    settings = find_kafka()
    if settings is None:
        raise EnvironmentProblem(
            "no Kafka to work with: HUB_KAFKA__BOOTSTRAP_SERVERS is not set, and no embedded one runs in "
            f"{DIRECTORY}. Set it to host:port of your cluster, or let `hub up DIR` or `hub kafka start` start one here"
        )
    return settings
