"""Every error that the client library knows has a meaning here."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import ssl

import aio_pika.exceptions
import aiormq.exceptions as amqp
import pamqp.exceptions
import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from connectors.rabbitmq import errors
from connectors.rabbitmq.consumer import ConsumerCancelled
from hub.sdk import NotConnected, Permanent, Signal, Transient

RETURN = Basic.Return(312, "NO_ROUTE", "x", "key")

AT_OPEN: dict[type[BaseException], type[Signal]] = {
    amqp.AMQPError: NotConnected,
    amqp.AMQPConnectionError: NotConnected,
    amqp.IncompatibleProtocolError: Permanent,
    amqp.AuthenticationError: Permanent,
    amqp.ProbableAuthenticationError: Permanent,
    amqp.ConnectionClosed: NotConnected,
    amqp.ConnectionSyntaxError: NotConnected,
    amqp.ConnectionFrameError: NotConnected,
    amqp.ConnectionCommandInvalid: Permanent,
    amqp.ConnectionChannelError: NotConnected,
    amqp.ConnectionUnexpectedFrame: NotConnected,
    amqp.ConnectionResourceError: NotConnected,
    amqp.ConnectionNotAllowed: Permanent,
    amqp.ConnectionNotImplemented: Permanent,
    amqp.ConnectionInternalError: NotConnected,
    amqp.AMQPChannelError: NotConnected,
    amqp.ChannelClosed: NotConnected,
    amqp.ChannelAccessRefused: Permanent,
    amqp.ChannelNotFoundEntity: Permanent,
    amqp.ChannelLockedResource: Permanent,
    amqp.ChannelPreconditionFailed: Permanent,
    amqp.DuplicateConsumerTag: NotConnected,
    amqp.ProtocolSyntaxError: NotConnected,
    amqp.InvalidFrameError: NotConnected,
    amqp.MethodNotImplemented: Permanent,
    amqp.DeliveryError: NotConnected,
    amqp.PublishError: NotConnected,
    amqp.ChannelInvalidStateError: NotConnected,
    aio_pika.exceptions.MessageProcessError: NotConnected,
    aio_pika.exceptions.QueueEmpty: NotConnected,
}

AT_PUBLISH: dict[type[BaseException], type[Signal]] = {
    **dict.fromkeys(AT_OPEN, NotConnected),
    amqp.ConnectionSyntaxError: Permanent,
    amqp.ConnectionFrameError: Permanent,
    amqp.ConnectionCommandInvalid: Permanent,
    amqp.ConnectionNotImplemented: Permanent,
    amqp.ConnectionInternalError: Transient,
    amqp.ChannelPreconditionFailed: Permanent,
    amqp.PublishError: Permanent,
}


def vendor() -> list[type[BaseException]]:
    """All exceptions that aiormq, aio-pika and pamqp define."""
    found = {
        each
        for module in (amqp, aio_pika.exceptions, pamqp.exceptions)
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, BaseException) and not each.__module__.startswith("builtins")
    }
    return sorted(found, key=lambda each: f"{each.__module__}.{each.__name__}")


def example(kind: type[BaseException]) -> BaseException:
    if issubclass(kind, amqp.PublishError):
        return kind(DeliveredMessage(RETURN, ContentHeader(), b"", None), RETURN)  # type: ignore[arg-type, call-arg]
    if issubclass(kind, amqp.DeliveryError):
        return kind(None, Basic.Nack(1))  # type: ignore[call-arg]
    return kind("text", "more")


def at_publish(error: BaseException, when_full: str = "wait") -> Signal:
    return errors.at_publish(error, when_full=when_full, routing_key="key", exchange="x")


@pytest.mark.parametrize("kind", vendor(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_vendor_exception_has_a_meaning(kind: type[BaseException]) -> None:
    """A class that a new version of the library adds fails here until somebody has thought about it."""
    # What wasn't acknowledged comes again, and opening the source tells what is for good.
    assert type(errors.at_consume(example(kind))) is NotConnected
    if kind.__module__ == "pamqp.exceptions":  # never raised by aiormq but where bytes make no sense
        assert type(errors.at_open(example(kind))) is type(at_publish(example(kind))) is NotConnected
        return
    assert type(errors.at_open(example(kind))) is AT_OPEN[kind]
    assert type(at_publish(example(kind))) is AT_PUBLISH[kind]


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route"),
        ConnectionRefusedError(111, "refused"),
        socket.gaierror(-2, "unknown host"),
        ssl.SSLCertVerificationError(1, "certificate has expired"),
        TimeoutError(),
        asyncio.CancelledError(),
        StopAsyncIteration(),
        RuntimeError("<Connection> closed"),
        EOFError(),
        Exception(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_broken_connections_are_outages(error: BaseException) -> None:
    """However aiormq and asyncio put it, a connection that breaks or can't be made is waited for."""
    assert type(errors.at_open(error)) is type(at_publish(error)) is type(errors.at_consume(error)) is NotConnected


def test_bugs_are_not_hidden() -> None:
    """An exception that nothing here knows is raised as it is."""
    for map_ in (errors.at_open, at_publish, errors.at_consume):
        with pytest.raises(AttributeError):
            map_(AttributeError("a bug"))


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", NotConnected),
        (530, "NOT_ALLOWED - vhost nowhere not found", Permanent),
        (530, "NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (1) is reached", NotConnected),
        (541, "INTERNAL_ERROR - access to vhost '/' refused: vhost is down", NotConnected),
    ],
)
def test_closed_connection_says_by_its_code_whether_to_wait(code: int, text: str, expected: type[Signal]) -> None:
    """What passes is waited for; what a person must change stops the sink. Code and text are kept."""
    signal = errors.at_open(amqp.ConnectionClosed(code, text))
    assert (type(signal), signal.status) == (expected, code)
    assert text in str(signal)


def test_full_queue_waits_or_dead_letters_as_configured() -> None:
    """A nack is an outage, unless the user wants dead letters."""
    nack = amqp.DeliveryError(None, Basic.Nack(1))
    assert type(at_publish(nack)) is NotConnected
    assert type(at_publish(nack, "dead_letter")) is Permanent


@pytest.mark.parametrize("error", [TypeError("str required"), ValueError("bad"), OverflowError("int too large")])
def test_what_amqp_cannot_carry_is_permanent(error: Exception) -> None:
    """Values that no AMQP field can hold fail in pamqp; trying again doesn't help."""
    assert type(at_publish(error)) is Permanent


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConsumerCancelled("the queue orders was deleted"), "gives us no more messages: the queue orders was deleted"),
        (
            amqp.ChannelPreconditionFailed(
                "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms"
            ),
            "waited for too long.*see consumer_timeout",
        ),
        (amqp.ChannelNotFoundEntity("NOT_FOUND - no queue 'orders'"), "has ended the consumer: NOT_FOUND"),
        (
            amqp.ConnectionClosed(320, "CONNECTION_FORCED - by the operator"),
            "has ended the consumer: CONNECTION_FORCED",
        ),
        (TimeoutError(), "didn't answer in time"),
    ],
)
def test_the_end_of_a_consumer_is_waited_out_and_explained(error: Exception, says: str) -> None:
    """Whatever ended it, what wasn't acknowledged comes again."""
    signal = errors.at_consume(error)
    assert type(signal) is NotConnected
    assert re.search(says, str(signal))


@pytest.mark.parametrize(
    "error",
    [
        amqp.ChannelAccessRefused("ACCESS_REFUSED - queue 'orders' in vhost '/' in exclusive use"),
        amqp.ChannelNotFoundEntity("NOT_FOUND - home node 'b@host' of durable queue 'orders' is down or inaccessible"),
    ],
)
def test_a_queue_that_somebody_or_nobody_has_now_is_waited_for(error: Exception) -> None:
    """Another consumer that wants to be alone will go; a node will come back."""
    assert type(errors.at_open(error)) is NotConnected
