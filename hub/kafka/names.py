"""What the hub calls its things on Kafka. Every name begins with the deployment's, so that two can share a cluster."""

from __future__ import annotations

import re

from hub.sdk import ConfigError

# Kafka's rule for topics (org.apache.kafka.common.internals.Topic): 1 to 249 of these characters, not "." or "..".
_LEGAL = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")


def group(deployment: str, unit: str) -> str:
    """Consumer group of a unit."""
    return f"{deployment}.{unit}"


def transactional_id(deployment: str, unit: str) -> str:
    """``transactional.id`` of a unit: fixed, so that a restarted or doubled unit fences its predecessor."""
    return f"{deployment}.{unit}"


def cursors(deployment: str) -> str:
    """Compacted topic of the sources' positions."""
    return f"hub.{deployment}.cursors"


def status(deployment: str) -> str:
    """Compacted topic of the units' states."""
    return f"hub.{deployment}.status"


def deliveries(deployment: str) -> str:
    """Topic of webhook deliveries already seen; compacted, and old ones are deleted."""
    return f"hub.{deployment}.deliveries"


def messages(deployment: str) -> str:
    """Topic of messages that consuming sources have stored already; compacted, and old ones are deleted."""
    return f"hub.{deployment}.messages"


def resolutions(deployment: str) -> str:
    """Compacted topic that records which dead letters were replayed or discarded."""
    return f"hub.{deployment}.dlq"


def inbox(deployment: str, unit: str) -> str:
    """Topic through which one route or sink alone receives events."""
    return f"hub.{deployment}.inbox.{unit}"


def dlq(deployment: str, unit: str) -> str:
    """Dead letter topic of a unit, where the schema file names no other."""
    return f"{deployment}.{unit}.dlq"


def check_topic(name: str) -> str:
    """The name itself, if Kafka takes it as a topic's.

    Raises:
        ConfigError: says which characters and which length Kafka takes.
    """
    if not _LEGAL.match(name) or name in (".", ".."):
        raise ConfigError(
            f"expected a topic name of 1 to 249 letters, digits, '.', '_' and '-'; got {name[:260]!r}"
            + (f" of {len(name)} characters" if len(name) > 249 else "")  # noqa: PLR2004  Kafka's limit, see above
        )
    return name


def collision(name: str) -> str:
    """What two topic names must not have in common: Kafka's metrics know no difference between '.' and '_'."""
    return name.replace(".", "_")
