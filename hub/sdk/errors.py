"""The errors of the hub: a small tree, whose types carry the decision of what happens next.

    HubError
    ├── ConfigError          a schema file, a setting or a unit's configuration is wrong: exit code 2
    ├── EnvironmentProblem   a server, a tool or a file that we need isn't there: exit code 3
    ├── InvalidEvent         bytes or attributes that are no CloudEvent
    │   └── InvalidPayload   a payload that isn't what its content type says, or no strict JSON
    ├── WebhookRejected      a request that a webhook source refuses, with the HTTP status to answer
    └── Signal               what a connector says about a failed call to its system
        ├── Transient        this one failed; the same again may work
        ├── Permanent        this one will never work: dead-letter it
        ├── NotConnected     the far side is down or throttles: wait, and use up no retry
        └── EndOfInput       a source has nothing more to give, ever

A connector maps its vendor's exceptions to signals in one place. The engine acts on the type alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.sdk.event import Event
    from hub.sdk.service import Response


class HubError(Exception):
    """Anything that the hub itself reports. ``str()`` says what was expected, what came and what to do."""


class ConfigError(HubError):
    """What the user configured can't work; raised before anything is read or written."""


class EnvironmentProblem(HubError):
    """Something outside the hub that it needs is missing or broken (a server, a tool, disk space, a port)."""


class InvalidEvent(HubError):
    """An event that breaks CloudEvents 1.0, or a message that holds none."""


class InvalidPayload(InvalidEvent):
    """A payload that isn't what its content type says; or JSON that can't be read and written again without loss."""


class WebhookRejected(HubError):
    """A request that a webhook source refuses. Nothing is published for it.

    Args:
        status: HTTP status to answer, 4xx.
        code: stable word for metrics and for the problem document, e.g. ``signature_mismatch``.
        detail: a sentence for the sender; must not repeat a secret.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class Signal(HubError):
    """What a connector says about a call that failed.

    Args:
        message: the far side's own words where there are any.
        status: the far side's status or reply code, for the DLQ record and for filters.
        retry_after: seconds that the far side asked us to wait, if it did.

    Attributes:
        answer: the whole answer of an API, where a service raised it for one of at most a mebibyte. For connectors that
            look closer at it; it may hold anything, and is not to be shown.
    """

    answer: Response | None = None
    """See above; only what a service raises for an answer has one."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Transient(Signal):
    """This delivery failed, and the same again may work. Retried by the unit's ``on_error.retry``.

    Arguments and attributes are those of `Signal`.
    """


class Permanent(Signal):
    """This delivery will never work as it is. Dead-lettered at once; a source stops.

    Arguments and attributes are those of `Signal`: where a service raised it, ``answer`` is what the API said, so that
    ``refusal.answer.json()`` can be looked at, and ``None`` where it said too much to keep, or a connector raised it.
    """


class NotConnected(Signal):
    """The far side is down or throttles (refused connection, 429, 502-504).

    The unit waits and tries again until the far side is back; no retry is used up and nothing is dead-lettered.
    """


class EndOfInput(Signal):
    """A source has given all that it will ever give; its unit ends in the state STOPPED."""


class WriteFailed(HubError):
    """Some deliveries of a batch failed; all others of it succeeded.

    Args:
        failures: signal by index into the batch that was written.
        replies: events that the far side answered for the deliveries that succeeded.
    """

    def __init__(self, failures: Mapping[int, Signal], replies: Sequence[Event] = ()) -> None:
        super().__init__(f"{len(failures)} of the batch's deliveries failed")
        self.failures = dict(failures)
        self.replies = tuple(replies)
