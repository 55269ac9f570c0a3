"""What the embedded Apache Kafka is told: its ``server.properties`` and the JVM's command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"

# GitHub sends up to 25 MB; the rest is room for headers and for dead letters, which are larger than their sources.
_LARGEST = 34 * 2**20

# Small enough to run beside everything else, and quick to start rather than quick after hours: half a gigabyte of heap,
# one collector thread, no optimizing compiler.
_JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


def properties(data: Path, port: int, controller_port: int, overrides: Mapping[str, str]) -> dict[str, str]:
    """Settings of one node that is broker and controller at once.

    Args:
        data: directory of its logs.
        port: for clients.
        controller_port: for the quorum of one.
        overrides: win over everything else.
    """
    listener = f"PLAINTEXT://{HOST}:{port}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"{listener},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": listener,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        # One node holds the only copy of everything.
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Few groups and transactions: small internal topics start and load faster.
        "offsets.topic.num.partitions": "10",
        "transaction.state.log.num.partitions": "5",
        "share.coordinator.state.topic.num.partitions": "1",
        # Nobody else will join within the three seconds that it would wait.
        "group.initial.rebalance.delay.ms": "0",
        # After a crash the controller, which is this node too, waits so long for the broker that it knew to be gone.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "group.min.session.timeout.ms": "1000",
        # A misspelt name must be an error, not a new topic.
        "auto.create.topics.enable": "false",
        "num.partitions": "3",
        "message.max.bytes": str(_LARGEST),
        "replica.fetch.max.bytes": str(_LARGEST),
        # A transaction that timed out holds readers back until it is aborted; looked for every 10 s otherwise.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "log.retention.hours": "168",
        # Retention deletes whole segments, so they are smaller than Kafka's 1 GiB; their indexes in proportion.
        "log.segment.bytes": str(256 * 2**20),
        "log.index.size.max.bytes": str(2 * 2**20),
        # Its buffer would otherwise be 128 MiB of the heap.
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        **overrides,
    }


def write_properties(path: Path, settings: Mapping[str, str]) -> None:
    """Writes settings in Java's properties format."""
    path.write_text("".join(f"{name}={_escape(value)}\n" for name, value in settings.items()), encoding="ascii")


def command(java: Path, jars: Sequence[Path], *arguments: str) -> list[str]:
    """The command line of a main class of Kafka's with its arguments."""
    return [str(java), *_JVM, "-cp", ":".join(map(str, jars)), *arguments]


def _escape(value: str) -> str:
    """Java's form of a value: backslashes doubled, other characters than ASCII as UTF-16 escapes."""
    ascii_only = value.replace("\\", "\\\\").replace("\n", "\\n")
    if ascii_only.isascii():
        return ascii_only
    units = ascii_only.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)  # noqa: PLR2004  the end of ASCII
