"""Where we differ from the reference on purpose. docs/cel.md gives the reasons, under the same names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.differential.oracle import ERROR


@dataclass(frozen=True)
class Divergence:
    """A known difference.

    Attributes:
        name: as in the documentation.
        source: what stands in an expression that may differ so.
        holds: whether the two outcomes differ in just this way.
    """

    name: str
    source: re.Pattern[str]
    holds: Callable[[Any, Any], bool]


def _only_we_fail(theirs: Any, here: Any) -> bool:
    return bool(here == ERROR and theirs != ERROR)


def _only_they_fail(theirs: Any, here: Any) -> bool:
    return bool(theirs == ERROR and here != ERROR)


def _both_have_values(theirs: Any, here: Any) -> bool:
    return ERROR not in (theirs, here)


def _same_elements(theirs: Any, here: Any) -> bool:
    return bool(theirs[0] == here[0] == "list" and Counter(map(repr, theirs[1:])) == Counter(map(repr, here[1:])))


DIVERGENCES = (
    Divergence("order of a map's keys", re.compile(r"\.(map|filter)\("), _same_elements),
    Divergence("doubles in `format`", re.compile(r"\.format\("), _both_have_values),
    Divergence("`int` of a bool", re.compile(r"\bint\("), _only_we_fail),
    Divergence("`substring` up to the end", re.compile(r"\.substring\("), _only_they_fail),
    Divergence("error within an optional value", re.compile(r"(optional\.|\.\?|\[\?).*\["), _only_we_fail),
    Divergence(
        "field of an optional value that is no object", re.compile(r"(optional\.|\.\?|\[\?).*\.[a-z]"), _only_they_fail
    ),
)


def divergence(source: str, theirs: Any, here: Any) -> str | None:
    """The name of the known divergence that explains two outcomes."""
    for each in DIVERGENCES:
        if each.source.search(source) and each.holds(theirs, here):
            return each.name
    return None
