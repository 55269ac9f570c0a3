"""The one place where errors of aio-pika, aiormq and the broker become signals of the hub."""

from __future__ import annotations

import asyncio
import struct
import traceback

import aiormq.exceptions as amqp
from pamqp.commands import Connection
from pamqp.exceptions import PAMQPException

from connectors.rabbitmq.consumer import ConsumerCancelled
from hub.sdk import NotConnected, Permanent, Signal, Transient

# AMQP 0-9-1 § 1.2 "Reply codes", for aiormq's exceptions that carry the text alone.
_CODES: dict[type[BaseException], int] = {
    amqp.ProbableAuthenticationError: 403,
    amqp.ChannelAccessRefused: 403,
    amqp.ChannelNotFoundEntity: 404,
    amqp.ChannelLockedResource: 405,
    amqp.ChannelPreconditionFailed: 406,
    amqp.ConnectionFrameError: 501,
    amqp.ConnectionSyntaxError: 502,
    amqp.ConnectionCommandInvalid: 503,
    amqp.ConnectionChannelError: 504,
    amqp.ConnectionUnexpectedFrame: 505,
    amqp.ConnectionResourceError: 506,
    amqp.ConnectionNotAllowed: 530,
    amqp.ConnectionNotImplemented: 540,
    amqp.ConnectionInternalError: 541,
}
_NO_ROUTE, _ACCESS_REFUSED, _NOT_FOUND, _PRECONDITION_FAILED, _NOT_ALLOWED, _INTERNAL = 312, 403, 404, 406, 530, 541

# Codes that the broker closes a channel or connection with because of a message.
_REFUSED_MESSAGE = frozenset({311, 313, 406, 501, 502, 503, 540})
# Also because of something else that it was sent; 504 and 505 come where publishes follow one that closed the channel.
_REFUSALS = _REFUSED_MESSAGE | {403, 404, 405, 504, 505, 530, 541}
# Those among them that say, before any message was sent, that somebody has to change something.
_REFUSALS_AT_OPEN = frozenset({402, 403, 404, 405, 406, 503, 530, 540})

# Limits of connections or channels; another consumer that wants to be alone; a queue whose node is away.
_PASSING = ("limit", "in exclusive use", "is down or inaccessible")

_UNUSABLE_SERVER = (amqp.AuthenticationError, amqp.IncompatibleProtocolError, amqp.MethodNotImplemented)

# The connection broke, or never was. Where one is lost, aiormq also hands out CancelledError, StopAsyncIteration,
# RuntimeError and a bare Exception; failures of DNS and TLS are OSErrors.
_LOST = (
    amqp.AMQPError,
    PAMQPException,
    OSError,
    EOFError,
    TimeoutError,
    RuntimeError,
    StopAsyncIteration,
    asyncio.CancelledError,
)


def is_refusal(error: BaseException) -> bool:
    """Whether the broker closed the channel or connection because of something that was sent on it.

    Everything else that was under way then fails too, so alone it says nothing about a single message.
    """
    return isinstance(error, (amqp.ChannelClosed, amqp.ConnectionClosed)) and _reply(error)[0] in _REFUSALS


def is_undecided(error: BaseException) -> bool:
    """Whether a message may have failed for nothing but a refusal of another."""
    return is_refusal(error) or isinstance(error, amqp.ChannelInvalidStateError)


def is_unroutable(error: BaseException) -> bool:
    """Whether the broker returned the message because no queue takes it."""
    return isinstance(error, amqp.PublishError)


def at_open(error: BaseException) -> Signal:
    """The signal for what failed while connecting, logging in, or declaring."""
    if isinstance(error, Signal):
        return error
    code, text = _reply(error)
    if code in _REFUSALS_AT_OPEN and not any(each in text for each in _PASSING):
        return Permanent(f"RabbitMQ refuses us: {text}{_advice(error, code)}", status=code)
    if isinstance(error, _UNUSABLE_SERVER) or _is_unencodable(error):
        return Permanent(f"expected a RabbitMQ that we can use: {text}", status=code)
    return _lost(error, code, text)


def at_publish(error: BaseException, *, when_full: str, routing_key: str, exchange: str) -> Signal:
    """The signal for one message that failed, where nothing else was under way on its channel."""
    if isinstance(error, Signal):
        return error
    code, text = _reply(error)
    target = f"routing key {routing_key!r} at {f'the exchange {exchange!r}' if exchange else 'the default exchange'}"
    if isinstance(error, amqp.PublishError):
        return Permanent(f"unroutable: no queue is bound for {target}", status=_NO_ROUTE)
    if isinstance(error, amqp.DeliveryError):
        full = f"RabbitMQ refused a message for {target}: a queue is full"
        return Permanent(full) if when_full == "dead_letter" else NotConnected(full)
    if _is_unencodable(error):
        return Permanent(f"expected a message that AMQP can carry: {text}")
    if is_refusal(error):
        return _refused(code, text)
    return _lost(error, code, text)


def at_consume(error: BaseException) -> Signal:
    """The signal for what failed while consuming, acknowledging or rejecting.

    Nothing of it is for good: what is, is told by opening the source again. What wasn't acknowledged comes again.
    """
    if isinstance(error, Signal):
        return error
    if isinstance(error, ConsumerCancelled):
        return NotConnected(f"RabbitMQ gives us no more messages: {error}")
    code, text = _reply(error)
    if code == _PRECONDITION_FAILED and "timed out" in text:
        return NotConnected(
            f"RabbitMQ has taken back messages that waited for too long: {text}; see consumer_timeout", status=code
        )
    if isinstance(error, amqp.ChannelClosed | amqp.ConnectionClosed | amqp.AMQPChannelError):
        return NotConnected(f"RabbitMQ has ended the consumer: {text}", status=code)
    return _lost(error, code, text)


def _is_unencodable(error: BaseException) -> bool:
    """Whether pamqp can't make bytes of what it was given. Certificate errors are ValueErrors too, but OSErrors."""
    return isinstance(error, (ValueError, TypeError, OverflowError, struct.error)) and not isinstance(error, OSError)


def _refused(code: int | None, text: str) -> Signal:
    """What concerns the exchange or our rights waits for a person; what concerns the message will never work."""
    if code in _REFUSED_MESSAGE or (code == _ACCESS_REFUSED and "access to topic" in text):
        return Permanent(f"RabbitMQ refuses the message: {text}", status=code)
    if code == _INTERNAL:
        return Transient(f"RabbitMQ failed at the message: {text}", status=code)
    return NotConnected(f"RabbitMQ lets us no longer publish: {text}", status=code)


def _lost(error: BaseException, code: int | None, text: str) -> Signal:
    if isinstance(error, TimeoutError):
        return NotConnected("RabbitMQ didn't answer in time; is it out of memory or disk, or a queue without leader?")
    if isinstance(error, _LOST) or type(error) is Exception:
        return NotConnected(f"no connection to RabbitMQ: {text}", status=code)
    raise error


def _reply(error: BaseException) -> tuple[int | None, str]:
    """The broker's reply code and text, as far as there are any."""
    if isinstance(error, amqp.InvalidFrameError) and (close := _close_frame(error)) is not None:
        return close.reply_code, close.reply_text or ""
    if type(error) in (amqp.ConnectionClosed, amqp.ChannelClosed) and len(error.args) > 1:
        code, text = error.args[:2]
        return (code if isinstance(code, int) and code > 0 else None), str(text)
    cause = error.__cause__ if isinstance(error, amqp.AMQPConnectionError) and error.__cause__ else error
    return _CODES.get(type(error)), str(cause) or type(cause).__name__


def _close_frame(error: BaseException) -> Connection.Close | None:
    """What the broker closed a new connection with, e.g. because there is no such vhost.

    aiormq says only that it expected another frame; the one that came is a local variable of the function that raised.
    """
    for each, _ in traceback.walk_tb(error.__traceback__):
        if isinstance(frame := each.f_locals.get("frame"), Connection.Close):
            return frame
    return None


def _advice(error: BaseException, code: int | None) -> str:
    if isinstance(error, amqp.ProbableAuthenticationError):
        return "; check user and password in `url`"
    if code == _PRECONDITION_FAILED:
        return "; make `type`, `durable` and `arguments` as they are there, or say `passive: true`"
    if code == _NOT_FOUND:
        return "; create it, or leave out `passive`"
    if code == _NOT_ALLOWED:
        return "; check the vhost in `url` and the user's permissions for it"
    return ""
