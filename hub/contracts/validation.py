"""Compiled validation: JSON Schema 2020-12 by jsonschema-rs (docs/adr/0008-contracts.md says why)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from hub.contracts.keywords import transform

FORMATS = frozenset({"date-time", "date", "time", "duration", "uuid", "ipv4", "ipv6"})
"""Formats that are checked. Others (``uri``, ``email``, ``hostname`` …) say what a text is meant to be: GitHub itself
sends URLs that RFC 3986 doesn't allow, so a check would dead-letter events that nothing is wrong with."""
# A pattern of a schema must not hold up the hub: the library's own limit is a million steps.
_BACKTRACKING = 100_000


class Validator:
    """A schema, compiled.

    Args:
        schema: valid, and with local references only.
    """

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:  # noqa: FBT001  a schema may be a Boolean
        self._compiled = jsonschema_rs.Draft202012Validator(
            transform(schema, _prepared),
            validate_formats=True,
            ignore_unknown_formats=True,
            offline=True,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKING),
        )

    def fits(self, data: Any) -> bool:
        """Whether data fit; costs some microseconds for a payload of 24 kB.

        Raises:
            ValueError: data hold something that isn't JSON.
        """
        return self._compiled.is_valid(data)

    def errors(self, data: Any) -> list[Any]:
        """What doesn't fit, as the library has it."""
        return list(self._compiled.iter_errors(data))


def _prepared(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("format") not in FORMATS:
        schema.pop("format", None)
    return schema
