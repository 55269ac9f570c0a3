"""Lists that don't tell what is new: read as a whole, and compared with what they held before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from hub.sdk import Cursor, Permanent

REMEMBER = 20_000
"""Records of a list at most, where the schema file doesn't say otherwise by ``cursor.remember``."""


class ListState(Cursor):
    """What a list held when it was read last.

    Attributes:
        changes: how many there have been, so that each has a number: a record may become what it was before, or come
            back, and that is a version of its own.
        known: a record's key → the digest of its content.
        missing: keys that weren't there then, for the first time. A record may be missed once, where others moved to
            other pages while they were read; what is missing twice in a row is gone.
    """

    changes: int = 0
    known: dict[str, str] = {}
    missing: frozenset[str] = frozenset()


class Comparison:
    """A list while it is read.

    Args:
        state: as it was stored.
        limit: records at most.
        shown: the list, for people.
    """

    def __init__(self, state: ListState, limit: int, shown: str) -> None:
        self._changes = state.changes
        self._known = dict(state.known)
        self._missing = state.missing
        self._limit = limit
        self._shown = shown
        self._found: set[str] = set()

    @property
    def state(self) -> ListState:
        """To be stored with what was given so far."""
        return ListState(changes=self._changes, known=dict(self._known), missing=self._missing)

    def take(self, key: str, digest: str) -> str | None:
        """The version of a record that is new or has changed; ``None`` if it is as it was.

        Raises:
            Permanent: there are too many.
        """
        self._found.add(key)
        before = self._known.get(key)
        if before == digest:
            return None
        if before is None and len(self._known) >= self._limit:
            raise Permanent(
                f"{self._shown} holds more than {self._limit} records, and each poll compares them all; say by "
                "`incremental` how to ask for what is new, or raise `cursor.remember`"
            )
        self._known[key] = digest
        return f"{self._next()}-{digest}"

    def end(self, *, deletes: bool) -> Iterator[tuple[str, str]]:
        """The records that are gone, with a version for each; to be asked for when the list was read to its end."""
        gone = self._known.keys() - self._found
        for key in sorted(gone & self._missing):
            del self._known[key]
            if deletes:
                yield key, f"{self._next()}-gone"
        self._missing = frozenset(gone - self._missing)

    def _next(self) -> int:
        self._changes += 1
        return self._changes


def digest(record: Any) -> str:
    """What a record's content is known by: 12 characters."""
    try:
        content = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        content = repr(_sorted(record)).encode()  # integers beyond 64 bits
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted((name, _sorted(each)) for name, each in value.items())
    return [_sorted(each) for each in value] if isinstance(value, list) else value
