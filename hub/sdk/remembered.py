"""What was given of a stream lately, so that reading the same again repeats nothing.

A change is remembered by a digest of 8 bytes: of 100,000 changes remembered and a million read, two look alike with a
probability of 5e-9. Digests stand in groups, each with the newest cursor value in it, and leave as groups: so that none
needs its own value, and a cursor takes 11 bytes for each.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from hub.sdk.values import Value

SIZE = 8
"""Bytes of a digest."""
GROUPS = 64
"""Groups in a cursor at most."""

Group = tuple[Value, str]
"""The newest cursor value of a group, and its digests in base64."""


def mark(*parts: str) -> bytes:
    """The digest of what a change is known by."""
    digest = hashlib.blake2b(digest_size=SIZE)
    for part in parts:
        raw = part.encode(errors="surrogatepass")
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()


class Remembered:
    """The marks of a stream, at work.

    What is stored is bounded; what this run has seen itself isn't, so that only a crash makes the bound felt.

    Args:
        groups: as stored.
        rank: what cursor values are compared by.
        limit: digests to store at most; the oldest are forgotten beyond it.
    """

    def __init__(self, groups: Iterable[Group], rank: Callable[[Value], Any], limit: int) -> None:
        self._rank = rank
        self._limit = limit
        self._groups: list[tuple[Any, Value, bytes]] = [
            (rank(newest), newest, base64.b64decode(text)) for newest, text in groups
        ]
        self._known = {each for _, _, packed in self._groups for each in _digests(packed)}
        # Beyond the limit: known to this run alone, each with the newest cursor value of the group that it stood in.
        self._beyond: list[tuple[Any, bytes]] = []
        self.forgotten = 0
        """Digests that were dropped for want of room since the start."""

    def __len__(self) -> int:
        return sum(len(packed) for _, _, packed in self._groups) // SIZE

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._known

    def add(self, newest: Value, digests: Iterable[bytes]) -> None:
        """Remembers digests that weren't known, the newest of which has this cursor value."""
        digests = list(digests)
        if not digests:
            return
        self._known.update(digests)
        self._groups.append((self._rank(newest), newest, b"".join(digests)))
        self._groups.sort(key=lambda group: group[0])
        self._bound()

    def forget(self, before: Value) -> None:
        """Drops the groups that hold nothing from this cursor value on."""
        bound = self._rank(before)
        kept = [group for group in self._groups if group[0] >= bound]
        gone = [packed for _, _, packed in self._groups[: len(self._groups) - len(kept)]]  # they stand in order
        gone += [packed for rank, packed in self._beyond if rank < bound]
        for packed in gone:
            self._known.difference_update(_digests(packed))
        self._groups = kept
        self._beyond = [each for each in self._beyond if each[0] >= bound]

    def groups(self) -> tuple[Group, ...]:
        """To be stored."""
        return tuple((newest, base64.b64encode(packed).decode()) for _, newest, packed in self._groups)

    def _bound(self) -> None:
        while len(self._groups) > GROUPS:
            sizes = [
                len(first[2]) + len(second[2]) for first, second in zip(self._groups, self._groups[1:], strict=False)
            ]
            at = sizes.index(min(sizes))
            first, second = self._groups[at : at + 2]
            self._groups[at : at + 2] = [(second[0], second[1], first[2] + second[2])]
        over = len(self) - self._limit
        while over > 0:
            rank, newest, packed = self._groups[0]
            left = packed[over * SIZE :]
            self._beyond.append((rank, packed[: len(packed) - len(left)]))
            self.forgotten += (len(packed) - len(left)) // SIZE
            over -= (len(packed) - len(left)) // SIZE
            self._groups[:1] = [(rank, newest, left)] if left else []


def _digests(packed: bytes) -> list[bytes]:
    return [packed[at : at + SIZE] for at in range(0, len(packed), SIZE)]


def count(groups: Iterable[Group]) -> int:
    """How many digests stored groups hold."""
    return sum(len(base64.b64decode(text)) for _, text in groups) // SIZE
