"""What an answer means: which are successes, which failures pass, which mean that the far side is down or throttles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from connectors.http.config import Verdict
from hub.sdk import NotConnected, Permanent, Signal, Transient

# 408 and 425 ask for a repetition, and a lock (423) opens. 409 is what a repetition gets while the first request is
# still under way (draft-ietf-httpapi-idempotency-key-header § 2.6), which is how a request that timed out may go on.
_TRANSIENT = frozenset({408, 409, 423, 425})
_WAIT = frozenset({429, 502, 503, 504})
# Servers that say so won't learn it until somebody changes them.
_NOT_IMPLEMENTED = frozenset({501, 505})

# Seconds. Who asks for more does so by mistake (dates in local time, milliseconds); one request a day costs nothing.
_LONGEST_WAIT = 86_400.0


def verdict(status: int, statuses: Mapping[str, Verdict]) -> Verdict:
    """What a status means, the user's own table first."""
    for key in (str(status), f"{status // 100}xx"):
        if key in statuses:
            return statuses[key]
    if 200 <= status < 300:  # noqa: PLR2004  RFC 9110 § 15.3
        return "success"
    if status in _WAIT:
        return "wait"
    if status in _TRANSIENT or (status >= 500 and status not in _NOT_IMPLEMENTED):  # noqa: PLR2004  RFC 9110 § 15.6
        return "transient"
    return "permanent"


def failure(shown: str, status: int, meaning: Verdict, headers: Mapping[str, str], text: str) -> Signal:
    """The signal for an answer that is no success.

    Args:
        shown: the request in a few words.
        status: of the answer.
        meaning: of the status.
        headers: of the answer.
        text: an excerpt of its body.
    """
    try:
        phrase = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = str(status)
    message = f"{shown} answered {phrase}"
    if 300 <= status < 400:  # noqa: PLR2004  RFC 9110 § 15.4
        message += " (redirects are not followed)"
    if text:
        message += f": {text}"
    if meaning == "permanent":
        return Permanent(message, status=status)
    wait = retry_after(headers)
    return (NotConnected if meaning == "wait" else Transient)(message, status=status, retry_after=wait)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``Retry-After`` (RFC 9110 § 10.2.3), in either form, by the far side's own clock.

    None where there is no such header, or nonsense in it.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text) if text[0].isdecimal() else (_date(text) - _now(headers)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None


def _now(headers: Mapping[str, str]) -> datetime:
    try:
        return _date(headers["Date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _date(text: str) -> datetime:
    date = parsedate_to_datetime(text)
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
