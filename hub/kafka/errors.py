"""What goes wrong with Kafka, in the hub's own words: the one place where aiokafka's exceptions are mapped."""

from __future__ import annotations

import ssl

from aiokafka import errors as kafka

from hub.sdk import ConfigError, EnvironmentProblem, HubError, NotConnected, Permanent


class TooLarge(Permanent):
    """A record that is larger than its topic takes.

    Args:
        topic: where it should have gone.
        size: of the record as a batch of its own, in bytes.
        limit: the topic's ``max.message.bytes``, in bytes.
    """

    def __init__(self, topic: str, size: int, limit: int) -> None:
        super().__init__(f"the record has {size:,} bytes, and the topic {topic} takes {limit:,} (max.message.bytes)")
        self.topic = topic
        self.size = size
        self.limit = limit


class OffsetLost(HubError):
    """An offset to read from is no longer, or not yet, in its topic. Going on elsewhere would lose events silently."""


class Fenced(HubError):
    """Another instance has taken over: this one may not write or commit any more."""


# The first line with a class that fits decides.
_MAPPED: tuple[tuple[tuple[type[BaseException], ...], type[HubError], str], ...] = (
    (
        (
            kafka.ProducerFenced,
            kafka.InvalidProducerEpoch,
            kafka.TransactionCoordinatorFenced,
            kafka.IllegalGenerationError,
            kafka.UnknownMemberIdError,
            kafka.RebalanceInProgressError,
            kafka.CommitFailedError,
        ),
        Fenced,
        "{}; another instance has taken over",
    ),
    (
        (kafka.OffsetOutOfRangeError, kafka.NoOffsetForPartitionError),
        OffsetLost,
        "{}; the topic's retention has removed the offset, or the topic was made anew",
    ),
    (
        (
            kafka.AuthenticationFailedError,
            kafka.AuthenticationMethodNotSupported,
            kafka.SaslAuthenticationFailed,
            kafka.UnsupportedSaslMechanismError,
            kafka.IllegalSaslStateError,
            kafka.TopicAuthorizationFailedError,
            kafka.GroupAuthorizationFailedError,
            kafka.ClusterAuthorizationFailedError,
            kafka.TransactionalIdAuthorizationFailed,
            kafka.InvalidTopicError,
            kafka.InvalidPartitionsError,
            kafka.InvalidReplicationFactorError,
            kafka.InvalidReplicationAssignmentError,
            kafka.InvalidConfigurationError,
            kafka.InvalidGroupIdError,
            kafka.InvalidSessionTimeoutError,
            kafka.InvalidTransactionTimeout,
            kafka.PolicyViolationError,
        ),
        ConfigError,
        "Kafka refuses: {}",
    ),
    (
        (kafka.UnknownTopicOrPartitionError,),
        EnvironmentProblem,
        "{}; the topic or partition doesn't exist on this cluster",
    ),
    (
        (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError, kafka.InvalidTimestampError),
        Permanent,
        "{}",
    ),
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        NotConnected,
        "Kafka has closed the connection: {}",
    ),
    (
        (ssl.SSLError,),
        ConfigError,
        "no TLS with Kafka: {}; see HUB_KAFKA__SSL_CAFILE, HUB_KAFKA__SSL_CERTFILE and HUB_KAFKA__SSL_CHECK_HOSTNAME",
    ),
    (
        (kafka.KafkaUnavailableError, kafka.KafkaTimeoutError, kafka.ReplicaNotAvailableError, OSError, TimeoutError),
        NotConnected,
        "Kafka can't be reached or isn't ready: {}",
    ),
)


def kafka_error(error: BaseException, doing: str = "") -> HubError:
    """The hub's error for one of aiokafka's.

    Args:
        error: what aiokafka raised; an error of the hub's own is given back as it is.
        doing: what failed, e.g. ``writing to the topic orders``; begins the message.

    Returns:
        `NotConnected` where waiting helps, `ConfigError` where only the user can help, `EnvironmentProblem` for a
        topic that doesn't exist, `OffsetLost`, `Fenced`, `Permanent` for a record that Kafka will never take, and a
        plain `HubError` for the rest.
    """
    if isinstance(error, HubError):
        return error
    text = f"{doing}: {_said(error)}" if doing else _said(error)
    for classes, ours, template in _MAPPED:
        if isinstance(error, classes):
            return ours(template.format(text))
    if getattr(error, "retriable", False):
        return NotConnected(f"Kafka can't be reached or isn't ready: {text}")
    return HubError(f"Kafka: {text}")


def _said(error: BaseException) -> str:
    """The exception's words, and its class where that says more than they do."""
    words = str(error) or getattr(error, "description", "")
    name = type(error).__name__
    return f"{words} ({name})" if words and name not in words else words or name
