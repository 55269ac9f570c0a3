"""What our own policies refuse before anything is sent: outages to the engine, but no word of the far side's."""

from __future__ import annotations

from hub.sdk.errors import NotConnected


class Refused(NotConnected):
    """A policy let no request through; ``retry_after`` says when it may."""


class CircuitOpen(Refused):
    """The far side has failed too often lately; it is left alone until the next probe."""


class Limited(Refused):
    """A rate limit is used up for longer than a request may wait."""
