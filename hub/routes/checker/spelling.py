"""What was probably meant by a field that isn't there: one beside it, or one of that name elsewhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from hub.contracts.shape import Shape

_CLOSE, _CLOSE_ENOUGH = 0.8, 0.6  # of difflib's ratio, from 0 to 1
_LONG = 8  # letters of a constant in which two may be wrong
_SHORT = 3  # letters of the shortest name in which one may be wrong
_DEPTH = 3  # levels below the object where a field of the same name is looked for
_MOST = 2_000  # fields that are looked at for it
_OBJECT = frozenset(("map",))
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[A-Za-z_]\w*")


def close(name: str, known: Iterable[str], cutoff: float = _CLOSE_ENOUGH) -> str | None:
    """The known name that is closest to one that isn't, if one is close; however words are joined in it."""
    plain: dict[str, str] = {}
    for each in known:
        plain.setdefault(_plain(each), each)
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=cutoff)
    return plain[found[0]] if found else None


def misspelt(text: str, known: Iterable[str]) -> str | None:
    """The constant that a text differs from by a slip of the pen: one letter, or two in a long one.

    Constants are told apart by less than names (``opened``, ``pinned``), so this is stricter than `close`.
    """
    wanted = text.lower()
    allowed = 1 if len(wanted) < _LONG else 2
    near = [(apart, each) for each in known if (apart := _distance(wanted, each.lower())) <= allowed]
    return min(near)[1] if near else None


def is_slip(written: str, known: str) -> bool:
    """Whether a name is surely another one, misspelt: by one letter, or by how its words are joined.

    One digit makes another name of it (``v1``, ``v2``), and so does one letter of two.
    """
    one, other = _plain(written), _plain(known)
    if _DIGITS.findall(one) != _DIGITS.findall(other):
        return False
    return one == other or (max(len(one), len(other)) >= _SHORT and _distance(one, other) == 1)


def _distance(one: str, other: str) -> int:
    """Letters to insert, delete, replace, or swap with their neighbour (optimal string alignment)."""
    if abs(len(one) - len(other)) > 2:  # noqa: PLR2004  more than is ever allowed
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, previous, row = row, before, [i]
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def meant(name: str, shape: Shape, place: tuple[str, ...], root: Shape, roots: str) -> tuple[str, ...] | None:
    """The path of the field that was probably meant.

    Args:
        name: that isn't a field of the object.
        shape: of the object.
        place: path of the object.
        root: shape of the value where the path begins.
        roots: name of it.

    Returns:
        a path from that name on.
    """
    fields = list(shape.fields)
    beside = close(name, fields, _CLOSE)
    if beside:
        return (*place, beside)
    below = _elsewhere(name, shape)
    if below:
        return (*place, *below)
    above = _elsewhere(name, root) if len(place) > 1 or place != (roots,) else None
    if above and not _fuzzy_is_better(name, fields):
        return (roots, *above)
    beside = close(name, fields)
    return (*place, beside) if beside else None


def _fuzzy_is_better(name: str, fields: list[str]) -> bool:
    return close(name, fields, 0.7) is not None


def _elsewhere(name: str, shape: Shape) -> tuple[str, ...] | None:
    """The shortest path below an object to a field of this name; not through lists, which have no such fields.

    Of several the one whose objects are always there.
    """
    level: list[tuple[tuple[str, ...], int, Shape]] = [((), 0, shape)]
    looked = 0
    wanted = _plain(name)
    for _ in range(_DEPTH + 1):
        found: list[tuple[int, tuple[str, ...]]] = []
        below: list[tuple[tuple[str, ...], int, Shape]] = []
        for path, optional, each in level:
            for field in each.fields:
                looked += 1
                if looked > _MOST:
                    return None
                missing = optional + (field not in each.required)
                if _plain(field) == wanted:
                    found.append((missing, (*path, field)))
                below.append(((*path, field), missing, each))
        if found:
            return min(found, key=lambda each: each[0])[1]
        level = [
            (path, optional + (child.kinds != _OBJECT), child)
            for path, optional, parent in below
            if "map" in (child := parent.fields[path[-1]]).kinds
        ]
    return None


def dotted(path: Iterable[str]) -> str:
    """A path as an expression writes it."""
    text = ""
    for part in path:
        if not text:
            text = part
        elif _WORD.fullmatch(part):
            text += f".{part}"
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text
