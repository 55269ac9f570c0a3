"""What goes wrong with a far side in the suites: the list that every connector is held against."""

from __future__ import annotations

from dataclasses import dataclass

from hub.sdk import NotConnected, Permanent, Signal, Transient

PASSING: tuple[type[Signal], ...] = (Transient, NotConnected)
"""What may be said of a failure that passes; with anything else an event would be lost or dead-lettered for it."""


@dataclass(frozen=True)
class Fault:
    """Something that a far side does wrong for a while.

    Attributes:
        name: in tests, results and exemptions.
        words: what the far side does, for people.
        done: whether it has done what it was asked by then.
        signals: what a unit may say of it.
        seconds: what a signal must say that the far side asked for in ``retry_after``, if it asked.
        slow: whether a unit notices it only by waiting in vain.
        secure: whether it strikes while a TLS connection is made.
        answer: whether it strikes what the far side says, so that a unit that needs no answer may not notice.
    """

    name: str
    words: str
    done: bool = False
    signals: tuple[type[Signal], ...] = PASSING
    seconds: float | None = None
    slow: bool = False
    secure: bool = False
    answer: bool = False


WAIT = 7.0
"""Seconds that a far side asks for when it throttles. Nobody waits for them in the suites."""

FAULTS: tuple[Fault, ...] = (
    Fault("refused", "refuses connections"),
    Fault("timeout", "never answers", slow=True),
    Fault("timeout_done", "does what it was asked, and never answers", done=True, slow=True),
    Fault("stalled", "stops in the middle of its answer", done=True, slow=True, answer=True),
    Fault("throttled", "answers 429 with Retry-After in seconds", signals=(NotConnected,), seconds=WAIT),
    Fault("throttled_until", "answers 429 with Retry-After as a date", signals=(NotConnected,), seconds=WAIT),
    Fault("error", "answers 500"),
    Fault("unavailable", "answers 503 with a page for people"),
    Fault("reset", "resets the connection"),
    Fault("reset_done", "does what it was asked, and resets the connection", done=True),
    Fault("truncated", "closes the connection in the middle of its answer", done=True, answer=True),
    Fault("garbage", "answers bytes that are none of the protocol's", done=True, slow=True),
    Fault("malformed", "answers half a document as if it were whole", done=True, answer=True),
    Fault("login_page", "answers 200 with a page for people, as a proxy before it may", answer=True),
    # It may be the wrong API for good, or one that has changed: a person has to look.
    Fault("alien", "answers 200 with another document, and does nothing", answer=True, signals=(*PASSING, Permanent)),
    Fault("handshake", "breaks off the TLS handshake", secure=True),
    Fault("certificate", "shows a certificate that nobody vouches for", secure=True),
)
"""All of them."""

BY_NAME = {each.name: each for each in FAULTS}
"""Fault by name."""
