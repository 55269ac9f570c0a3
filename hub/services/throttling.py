"""How long an API asks us to wait, by the headers of its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

LONGEST = 86_400.0
"""Upper bound in seconds of any wait that an answer may ask for, so that nonsense doesn't stop a unit for good."""

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?\Z")
_EPOCH = 1_000_000_000  # a larger X-RateLimit-Reset is a point in time, as at GitHub; a smaller one a number of seconds


def pause_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks us to wait; ``None`` if it doesn't ask.

    ``Retry-After`` counts first (RFC 9110 § 10.2.3: seconds or a date), then ``X-RateLimit-Reset``, if
    ``X-RateLimit-Remaining`` is 0. Points in time are compared with the answer's own ``Date``, as clocks differ.

    Args:
        headers: with lower-case names.
    """
    after = headers.get("retry-after", "").strip()
    if _NUMBER.match(after):
        return min(float(after), LONGEST)
    now = answered_at(headers)
    if after and (date := date_of(after)) is not None:
        return _until(date.timestamp(), now)
    reset = headers.get("x-ratelimit-reset", "").strip()
    if headers.get("x-ratelimit-remaining", "").strip() == "0" and _NUMBER.match(reset):
        at = float(reset)
        # A second more: the reset is told in whole seconds.
        return _until(at + 1, now) if at > _EPOCH else min(at, LONGEST)
    return None


def answered_at(headers: Mapping[str, str]) -> datetime:
    """The time of an answer by the far side's clock; by ours if it doesn't say."""
    return date_of(headers.get("date", "")) or datetime.now(UTC)


def _until(timestamp: float, now: datetime) -> float:
    return min(max(timestamp - now.timestamp(), 0.0), LONGEST)


@lru_cache(maxsize=64)  # what is answered within a second has the same date, and reading one takes 10 µs
def date_of(text: str) -> datetime | None:
    """A date as HTTP writes it (RFC 9110 § 5.6.7); ``None`` if it is none."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
