"""Aiokafka's exceptions in the hub's words."""

import ssl

import pytest
from aiokafka import errors as kafka

from hub.kafka.errors import Fenced, OffsetLost, TooLarge, kafka_error
from hub.sdk import ConfigError, EnvironmentProblem, HubError, NotConnected, Permanent

EXPECTED = {
    kafka.KafkaConnectionError: NotConnected,
    kafka.KafkaTimeoutError: NotConnected,
    kafka.RequestTimedOutError: NotConnected,
    kafka.NodeNotReadyError: NotConnected,
    kafka.NoBrokersAvailable: NotConnected,
    kafka.NotEnoughReplicasError: NotConnected,
    kafka.LeaderNotAvailableError: NotConnected,
    kafka.NotLeaderForPartitionError: NotConnected,
    kafka.GroupCoordinatorNotAvailableError: NotConnected,
    kafka.KafkaStorageError: NotConnected,
    ConnectionRefusedError: NotConnected,
    TimeoutError: NotConnected,
    ssl.SSLEOFError: NotConnected,
    ssl.SSLCertVerificationError: ConfigError,
    kafka.SaslAuthenticationFailed: ConfigError,
    kafka.UnsupportedSaslMechanismError: ConfigError,
    kafka.TopicAuthorizationFailedError: ConfigError,
    kafka.InvalidReplicationFactorError: ConfigError,
    kafka.PolicyViolationError: ConfigError,
    kafka.UnknownTopicOrPartitionError: EnvironmentProblem,
    kafka.OffsetOutOfRangeError: OffsetLost,
    kafka.NoOffsetForPartitionError: OffsetLost,
    kafka.ProducerFenced: Fenced,
    kafka.IllegalGenerationError: Fenced,
    kafka.CommitFailedError: Fenced,
    kafka.MessageSizeTooLargeError: Permanent,
    kafka.CorruptRecordException: HubError,
    AssertionError: HubError,
}


@pytest.mark.parametrize(("theirs", "ours"), EXPECTED.items(), ids=lambda each: each.__name__)
def test_the_type_says_what_happens_next(theirs, ours):
    assert type(kafka_error(theirs())) is ours


# BrokerResponseError is abstract: it has no number.
EVERY = [
    each
    for each in vars(kafka).values()
    if isinstance(each, type) and issubclass(each, kafka.KafkaError) and each is not kafka.BrokerResponseError
]


@pytest.mark.parametrize("theirs", EVERY)
def test_every_exception_of_aiokafka_becomes_one_of_ours_and_keeps_its_name(theirs):
    ours = kafka_error(theirs(), "writing to orders")

    assert isinstance(ours, HubError)
    assert theirs.__name__ in str(ours)
    assert "writing to orders" in str(ours)


def test_whatever_aiokafka_calls_retriable_is_waited_for():
    for theirs in EVERY:
        if theirs.retriable:
            assert isinstance(kafka_error(theirs()), NotConnected | EnvironmentProblem | Fenced), theirs


def test_an_error_of_ours_passes_unchanged():
    error = TooLarge("orders", 1_048_700, 1_048_588)

    assert kafka_error(error) is error


def test_too_large_says_the_size_and_the_limit():
    error = TooLarge("orders", 1_048_700, 1_048_588)

    assert isinstance(error, Permanent)
    assert str(error) == "the record has 1,048,700 bytes, and the topic orders takes 1,048,588 (max.message.bytes)"
