"""The one place where aiohttp's exceptions and HTTP's statuses become signals of the hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from connectors.http.config import Verdict
from hub.sdk import NotConnected, Permanent, Signal, Transient

EXCERPT = 500
"""Characters of an answer that an error shows."""
LONGEST_WAIT = 86_400.0
"""Upper bound in seconds of what ``Retry-After`` may ask for, so that nonsense doesn't stop a sink for good."""

# Throttling and outages, as Standard Webhooks has them.
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_PASSING = frozenset({408, 409, 423, 425})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

# Nobody is there, or nobody that we can talk to: no event's fault.
_NOT_THERE = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientSSLError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
)
# This request can't work another time either.
_HOPELESS = (aiohttp.InvalidURL, aiohttp.ContentTypeError, aiohttp.TooManyRedirects)


def of_exception(error: Exception, seconds: float) -> Signal:
    """The signal for what aiohttp raised; other exceptions are not its own and are raised as they are.

    Args:
        error: as it was raised.
        seconds: the limit of the whole request, for the message.
    """
    said = _CONTROL.sub(" ", str(error)).strip() or type(error).__name__
    if isinstance(error, _HOPELESS):
        return Permanent(f"the request can't be sent: {type(error).__name__}: {said[:EXCERPT]}")
    if isinstance(error, _NOT_THERE):
        return NotConnected(f"can't connect: {said[:EXCERPT]}")
    if isinstance(error, TimeoutError):
        # It may have been done: the same idempotency key goes with the next attempt.
        return Transient(f"no answer within {seconds:g} s")
    if isinstance(error, aiohttp.ClientError | OSError):
        return Transient(f"the exchange broke off: {said[:EXCERPT]}")
    raise error


def of_answer(status: int, headers: Mapping[str, str], body: bytes, statuses: Mapping[int, Verdict]) -> Signal | None:
    """The signal for an answer; None for a success.

    Args:
        status: HTTP status.
        headers: case-insensitive.
        body: the answer's beginning.
        statuses: what single statuses mean at this API.
    """
    verdict = statuses.get(status) or _verdict(status)
    if verdict == "success":
        return None
    said = _CONTROL.sub(" ", body.decode(errors="replace")).strip()[:EXCERPT]
    message = f"answered {status}{f': {said}' if said else ''}"
    if verdict == "permanent":
        return Permanent(message, status=status)
    signal = NotConnected if verdict == "unavailable" else Transient
    return signal(message, status=status, retry_after=retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for, in both forms of RFC 9110 § 10.2.3; dates by the answer's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT)
    at = _date(value)
    if at is None:
        return None
    now = _date(headers.get("Date", "")) or datetime.now(UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT)


def _verdict(status: int) -> Verdict:
    if 200 <= status < 300:  # noqa: PLR2004  2xx alone is success: a redirect is the operator's to follow
        return "success"
    if status in _UNAVAILABLE:
        return "unavailable"
    return "transient" if status in _PASSING or status >= 500 else "permanent"  # noqa: PLR2004


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
