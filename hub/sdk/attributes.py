"""Attributes of events by CloudEvents 1.0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from hub.sdk.errors import InvalidEvent

# CloudEvents 1.0 § "Naming conventions": lower-case ASCII letters and digits.
_NAME = re.compile(r"[a-z0-9]+\Z")
# RFC 3339 § 5.6 date-time; the calendar itself is checked by datetime.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.IGNORECASE)
_REQUIRED = ("id", "source", "type")
# Attribute values by CloudEvents 1.0 § "Type system": no control characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def validate(attributes: Mapping[str, str]) -> None:
    """Checks attributes against CloudEvents 1.0.

    Raises:
        InvalidEvent: names the attribute, what was expected and what came.
    """
    for name in _REQUIRED:
        if not attributes.get(name):
            raise InvalidEvent(f"expected a non-empty CloudEvents attribute {name!r}; got {attributes.get(name)!r}")
    for name, value in attributes.items():
        if not _NAME.match(name):
            raise InvalidEvent(f"expected attribute names of lower-case letters and digits; got {name!r}")
        if not isinstance(value, str):
            raise InvalidEvent(f"expected text in the attribute {name!r}; got {value!r} ({value.__class__.__name__})")
        if not value.isprintable() and _CONTROL.search(value):
            raise InvalidEvent(f"expected no control characters in the attribute {name!r}; got {value!r}")
    time = attributes.get("time")
    if time is not None:
        _check_time(time)
    if attributes.get("subject") == "":
        raise InvalidEvent("expected a non-empty subject, or none; got ''")
    if " " in attributes["source"]:
        raise InvalidEvent(f"expected a URI-reference as source; got {attributes['source']!r}")


def _check_time(time: str) -> None:
    if _TIME.match(time):
        try:
            # Python has microseconds and no leap second; both are cut for the check alone.
            datetime.fromisoformat(re.sub(r"\.\d+", "", time.upper()).replace(":60", ":59"))
        except ValueError:
            pass
        else:
            return
    raise InvalidEvent(f"expected an RFC 3339 time, e.g. 2026-11-20T10:02:11Z; got {time!r}")
