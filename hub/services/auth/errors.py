"""What goes wrong in signing in: outages to the engine, so that a lost login costs no event."""

from __future__ import annotations

from hub.sdk.errors import HubError
from hub.services.refusals import Refused


class NotSignedIn(Refused):
    """A service has no credential that works now. Its units wait, and look again after ``retry_after`` seconds."""


class ProviderAway(NotSignedIn):
    """Whoever gives the credential out gave no answer that means anything: it is down, or throttles."""


class LoginFailed(HubError):
    """A login didn't come to its end: refused, timed out, or the answer wasn't meant for us."""


class Refusal(HubError):
    """What an OAuth 2 server answered to a request that it refused (RFC 6749 § 5.2).

    Args:
        code: its error code, e.g. ``invalid_grant``.
        message: what was asked and what it said, for people; holds no secret.
        status: HTTP status.
        retry_after: seconds that it asked us to wait.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after
