"""HTTP statuses as signals: what a status means that is no success, wherever one stands."""

from __future__ import annotations

from hub.sdk.errors import NotConnected, Permanent, Signal, Transient

_AWAY = frozenset({407, 429, 502, 503, 504})  # 407: a proxy in between doesn't let us through
_PASSING = frozenset({408, 425})


def meaning(status: int, wait: float | None) -> type[Signal]:
    """The kind of signal that a status means which is no success.

    Args:
        status: HTTP status.
        wait: seconds that the answer asked us to wait.
    """
    # GitHub and others answer 403, not 429, when a limit is used up; only then does a 403 say how long to wait.
    if status in _AWAY or (status == 403 and wait is not None):  # noqa: PLR2004  a status says more than a name
        return NotConnected
    return Transient if status in _PASSING or status >= 500 else Permanent  # noqa: PLR2004


def signal_of(status: int, message: str, *, retry_after: float | None = None) -> Signal | None:
    """The signal of a status that an API gives one of many records, by the rules that a service has for its answers.

    Args:
        status: HTTP status.
        message: what is said of it; without secrets, see `Service.clean`.
        retry_after: seconds that were asked for, if they were.

    Returns:
        The signal; ``None`` for a success (2xx).
    """
    if 200 <= status < 300:  # noqa: PLR2004  RFC 9110 § 15.3
        return None
    kind = meaning(status, retry_after)
    return kind(message, status=status, retry_after=None if kind is Permanent else retry_after)
