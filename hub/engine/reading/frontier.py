"""How far a partition is settled: up to which offset all is, and what is beyond it.

The group's position can only be the lowest offset that isn't settled. What is settled beyond it is noted in the
position's metadata, so that a restart or a rebalance doesn't repeat it: the idea of Confluent's parallel consumer. The
note is base64 (RFC 4648 § 5, without padding) of one of two things, whichever is shorter:

``r``  lengths of runs as LEB128: so many open from the position on, so many settled, so many open, …
``b``  a bitmap from the position on, the lowest bit of a byte first; 1 is settled.
"""

from __future__ import annotations

import base64
import bisect
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence

_DONE = re.compile(r"(?:^|\s)done=([rb])([A-Za-z0-9_-]*)(?:\s|\Z)")
_ONES = re.compile("1+")
_PREFIX = len("done=r")

Range = tuple[int, int]
"""Offsets from the first up to, but without, the second."""


class Ranges(Collection[int]):
    """A set of offsets.

    Args:
        ranges: ascending, without overlap.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self._starts.append(start)
            self._ends.append(end)

    def __contains__(self, offset: object) -> bool:
        if not isinstance(offset, int):
            return False
        found = bisect.bisect_right(self._starts, offset) - 1
        return found >= 0 and offset < self._ends[found]

    def __iter__(self) -> Iterator[int]:
        for start, end in zip(self._starts, self._ends, strict=True):
            yield from range(start, end)

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def end(self, offset: int) -> int:
        """The first offset from this one on that isn't one of them."""
        found = bisect.bisect_right(self._starts, offset) - 1
        return max(offset, self._ends[found]) if found >= 0 else offset

    def beyond(self, offset: int) -> Iterator[Range]:
        """Those from an offset on."""
        for start, end in zip(self._starts, self._ends, strict=True):
            if end > offset:
                yield max(start, offset), end


class Frontier:
    """One partition's records from its position on, as they are taken in and settled.

    Args:
        settled: offsets that were settled before the records were read (again).
    """

    __slots__ = ("_beyond", "_committed", "_next", "_open", "_settled", "_version", "whole")

    def __init__(self, settled: Ranges | None = None) -> None:
        self._settled = Ranges() if settled is None else settled
        self._open: OrderedDict[int, None] = OrderedDict()  # finds its first quickly, however many were removed there
        self._next: int | None = None
        self._beyond = 0
        self._version = 0
        self._committed = 0
        self.whole = True
        """Whether the last note held all that is settled beyond the position."""

    def take(self, offset: int) -> bool:
        """Takes a record in; offsets rise. False where it is settled already."""
        self._next = offset + 1
        self._version += 1
        if offset in self._settled:
            self._beyond = offset + 1
            return False
        self._open[offset] = None
        return True

    def settle(self, offset: int) -> None:
        """A record that was taken in is done with."""
        del self._open[offset]
        self._beyond = max(self._beyond, offset + 1)
        self._version += 1

    @property
    def position(self) -> int | None:
        """The lowest offset that isn't settled, as far as is known; None where nothing was taken in."""
        first = next(iter(self._open), None)
        return self._settled.end(self._next) if first is None and self._next is not None else first

    @property
    def version(self) -> int:
        """Rises with everything that changes what is to be committed."""
        return self._version

    @property
    def dirty(self) -> bool:
        """Whether there is something to commit."""
        return self._version != self._committed

    def committed(self, version: int) -> None:
        """What there was to commit at a version is committed."""
        self._committed = max(self._committed, version)

    def note(self, room: int) -> str:
        """What is settled beyond the position, as far as that fits into so many bytes; sees to `whole`."""
        text, self.whole = encode(self.position or 0, list(self._ranges()), room)
        return text

    def _ranges(self) -> Iterator[Range]:
        """Runs of settled offsets beyond the position, those included that were not read again yet."""
        after = None
        for offset in self._open:
            if after is not None and after < min(offset, self._beyond):
                yield after, min(offset, self._beyond)
            after = offset + 1
            if after >= self._beyond:
                break
        if after is not None and after < self._beyond:
            yield after, self._beyond
        if self._next is not None and self.position is not None:
            yield from self._settled.beyond(max(self._next, self.position))


def encode(position: int, ranges: Sequence[Range], room: int) -> tuple[str, bool]:
    """The note of settled offsets, and whether it holds all of them; the first ones where not.

    Args:
        position: where the group stands.
        ranges: settled offsets beyond it, ascending.
        room: bytes that the note may take.
    """
    space = max(0, room - _PREFIX) * 3 // 4
    if not ranges or not space:
        return "", not ranges
    runs, covered = _runs(position, ranges, space)
    total = sum(end - start for start, end in ranges)
    if covered == total and len(runs) * 8 <= ranges[-1][1] - position:
        return _text("r", runs), True
    bitmap, mapped = _bitmap(position, ranges, space)
    if mapped > covered or (mapped == covered and len(bitmap) < len(runs)):
        return _text("b", bitmap), mapped == total
    return _text("r", runs), covered == total


def decode(note: str, position: int) -> Ranges:
    """What a position's metadata says is settled beyond it; nothing where it doesn't say, or can't be read."""
    found = _DONE.search(note)
    if found is None:
        return Ranges()
    text = found[2]
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return Ranges()
    return Ranges(_of_runs(position, data) if found[1] == "r" else _of_bitmap(position, data))


def _text(kind: str, data: bytes) -> str:
    return f"done={kind}{base64.urlsafe_b64encode(data).rstrip(b'=').decode()}" if data else ""


def _runs(position: int, ranges: Sequence[Range], space: int) -> tuple[bytes, int]:
    data = bytearray()
    covered, at = 0, position
    for start, end in ranges:
        pair = _leb128(start - at) + _leb128(end - start)
        if len(data) + len(pair) > space:
            break
        data += pair
        covered += end - start
        at = end
    return bytes(data), covered


def _bitmap(position: int, ranges: Sequence[Range], space: int) -> tuple[bytes, int]:
    limit = position + space * 8
    bits = covered = 0
    for start, end in ranges:
        if start >= limit:
            break
        last = min(end, limit)
        bits |= ((1 << (last - start)) - 1) << (start - position)
        covered += last - start
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little"), covered


def _of_runs(position: int, data: bytes) -> Iterator[Range]:
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(value)
            value = shift = 0
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        yield position + gap, position + gap + length
        position += gap + length


def _of_bitmap(position: int, data: bytes) -> Iterator[Range]:
    lowest_first = bin(int.from_bytes(data, "little"))[:1:-1]
    for run in _ONES.finditer(lowest_first):
        yield position + run.start(), position + run.end()


def _leb128(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits to a byte
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)
