"""What an answer says of a rate limit: the header families that APIs use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from hub.services.throttling import LONGEST, answered_at

_EPOCH = 1_000_000_000  # a larger reset is a point in time, as at GitHub; a smaller one a number of seconds
_MILLISECONDS = 100_000_000_000
_DIGITS = 15
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,6})?\Z")
_PARAMETER = re.compile(r'[;,]?\s*([a-z-]+)\s*=\s*"?([^;,"\s]*)"?')
_FAMILIES = tuple(
    tuple(family + part for part in ("remaining", "limit", "reset", "resource"))
    for family in ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
)


class Reading(NamedTuple):
    """A limit as the API counts it.

    Attributes:
        limit: requests in its window; ``None`` if it doesn't say.
        remaining: how many of them are left.
        reset: seconds until it starts anew; ``None`` if it doesn't say.
        resource: which of the API's limits this is; empty where it has but one.
    """

    limit: int | None
    remaining: int
    reset: float | None
    resource: str = ""


def read(headers: Mapping[str, str]) -> Reading | None:
    """The limit that an answer tells of.

    ``RateLimit`` is read as in the IETF's draft-ietf-httpapi-ratelimit-headers from version 8 on
    (``"name";r=50;t=30``, with ``q`` from ``RateLimit-Policy``) and as in version 7 (``limit=100, remaining=50,
    reset=30``); ``RateLimit-*`` as in those before, ``X-RateLimit-*`` as at GitHub and its followers.

    Args:
        headers: with lower-case names.
    """
    if "ratelimit" in headers and (found := _combined(headers["ratelimit"], headers)) is not None:
        return found
    for remaining, most, reset, resource in _FAMILIES:
        if remaining not in headers or (left := _number(headers[remaining])) is None:
            continue
        said = headers.get(most, "")
        limit = _number(said if said.isdecimal() else said.partition(",")[0].partition(";")[0])
        window = _seconds(headers[reset], headers) if reset in headers else None
        return Reading(None if limit is None else int(limit), int(left), window, headers.get(resource, ""))
    return None


def _combined(text: str, headers: Mapping[str, str]) -> Reading | None:
    """The tightest of the limits that ``RateLimit`` lists."""
    policies = {name: found.get("q") for name, found in _items(headers.get("ratelimit-policy", ""))}
    tightest: Reading | None = None
    for name, found in _items(text):
        left = _number(found.get("r") or found.get("remaining") or "")
        if left is None:
            continue
        limit = _number(found.get("limit") or policies.get(name) or "")
        reset = _number(found.get("t") or found.get("reset") or "")
        reading = Reading(
            limit=None if limit is None else int(limit),
            remaining=int(left),
            reset=None if reset is None else min(reset, LONGEST),
        )
        if tightest is None or reading.remaining < tightest.remaining:
            tightest = reading
    return tightest


def _items(text: str) -> list[tuple[str, dict[str, str]]]:
    """Names with their parameters; version 7 has parameters alone, which belong to one limit without a name."""
    if '"' not in text and "limit" in text:
        return [("", dict(_PARAMETER.findall(text.lower())))]
    found = []
    for item in text.split(","):
        name, _, parameters = item.strip().partition(";")
        found.append((name.strip('" '), dict(_PARAMETER.findall(parameters.lower()))))
    return found


def _seconds(text: str, headers: Mapping[str, str]) -> float | None:
    reset = _number(text)
    if reset is None or reset < _EPOCH:
        return None if reset is None else min(reset, LONGEST)
    if reset > _MILLISECONDS:
        reset /= 1000
    # By the far side's own clock; a second more, as it is told in whole seconds.
    return min(max(reset + 1 - answered_at(headers).timestamp(), 0.0), LONGEST)


def _number(text: str) -> float | None:
    if len(text) <= _DIGITS and text.isdecimal() and text.isascii():
        return int(text)  # nearly always
    text = text.strip()
    return float(text) if _NUMBER.match(text) else None
