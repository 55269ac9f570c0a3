"""What each function takes and returns: the table, and how a line of it is read.

A line is ``function(parameter, …) -> result`` or, for what follows a dot, ``target.function(…) -> result``. A parameter
is one or more types, or ``any``; ``?`` after it says that it may be left out, ``*`` that it may stand any number of
times. ``list<string>`` says what a list holds. A result is a type, ``$0`` for the type of an operand (the target is the
first), ``item($0)`` for what a list or an optional holds, or ``|`` of several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from hub.contracts.shape import DYN, NEVER, Shape
from hub.contracts.shape_union import union

_NUMBER = "int|uint|double"
_TABLE = """
size(string|bytes|list|map) -> int
string|bytes|list|map.size() -> int
string.contains(string) -> bool
string.startsWith(string) -> bool
string.endsWith(string) -> bool
string.matches(string) -> bool
matches(string, string) -> bool
int(int|uint|double|string|timestamp) -> int
uint(int|uint|double|string) -> uint
double(int|uint|double|string) -> double
bool(bool|string) -> bool
string(string|int|uint|double|bool|bytes|timestamp|duration|address|block) -> string
bytes(bytes|string) -> bytes
timestamp(timestamp|string|int) -> timestamp
duration(duration|string) -> duration
dyn(any) -> any
type(any) -> type
timestamp.getFullYear(string?) -> int
timestamp.getMonth(string?) -> int
timestamp.getDate(string?) -> int
timestamp.getDayOfMonth(string?) -> int
timestamp.getDayOfWeek(string?) -> int
timestamp.getDayOfYear(string?) -> int
timestamp.getHours(string?) -> int
timestamp.getMinutes(string?) -> int
timestamp.getSeconds(string?) -> int
timestamp.getMilliseconds(string?) -> int
duration.getHours() -> int
duration.getMinutes() -> int
duration.getSeconds() -> int
duration.getMilliseconds() -> int
optional.of(any) -> optional<$0>
optional.none() -> optional
optional.ofNonZeroValue(any) -> optional<$0>
optional.unwrap(list<optional_type>) -> list
list<optional_type>.unwrapOpt() -> list
optional_type.hasValue() -> bool
optional_type.value() -> item($0)
optional_type.or(optional_type) -> $0|$1
optional_type.orValue(any) -> item($0)|$1
list.first() -> optional<item($0)>
list.last() -> optional<item($0)>
string.charAt(int) -> string
string.indexOf(string, int?) -> int
string.lastIndexOf(string, int?) -> int
string.lowerAscii() -> string
string.upperAscii() -> string
string.replace(string, string, int?) -> string
string.split(string, int?) -> list<string>
string.substring(int, int?) -> string
string.trim() -> string
string.reverse() -> string
list.reverse() -> $0
string.format(list) -> string
list<string>.join(string?) -> string
strings.quote(string) -> string
regex.extract(string, string) -> optional<string>
regex.extractAll(string, string) -> list<string>
regex.replace(string, string, string, int?) -> string
math.greatest(list<int|uint|double>) -> item($0)
math.greatest(int|uint|double, int|uint|double*) -> $all
math.least(list<int|uint|double>) -> item($0)
math.least(int|uint|double, int|uint|double*) -> $all
math.ceil(double) -> double
math.floor(double) -> double
math.round(double) -> double
math.trunc(double) -> double
math.abs(int|uint|double) -> kind($0)
math.sign(int|uint|double) -> kind($0)
math.sqrt(int|uint|double) -> double
math.isNaN(double) -> bool
math.isInf(double) -> bool
math.isFinite(double) -> bool
math.bitAnd(int, int) -> int
math.bitAnd(uint, uint) -> uint
math.bitOr(int, int) -> int
math.bitOr(uint, uint) -> uint
math.bitXor(int, int) -> int
math.bitXor(uint, uint) -> uint
math.bitNot(int) -> int
math.bitNot(uint) -> uint
math.bitShiftLeft(int, int) -> int
math.bitShiftLeft(uint, int) -> uint
math.bitShiftRight(int, int) -> int
math.bitShiftRight(uint, int) -> uint
base64.encode(bytes) -> string
base64.decode(string) -> bytes
list.slice(int, int) -> $0
list.flatten(int?) -> list
list.distinct() -> $0
list.sort() -> $0
lists.range(int) -> list<int>
sets.contains(list, list) -> bool
sets.equivalent(list, list) -> bool
sets.intersects(list, list) -> bool
ip(string|block) -> address
string|block.ip() -> address
cidr(string) -> block
isIP(string) -> bool
isCIDR(string) -> bool
ip.isCanonical(string) -> bool
address.family() -> int
address.isUnspecified() -> bool
address.isLoopback() -> bool
address.isGlobalUnicast() -> bool
address.isLinkLocalMulticast() -> bool
address.isLinkLocalUnicast() -> bool
block.containsIP(string|address) -> bool
block.containsCIDR(string|block) -> bool
block.prefixLength() -> int
block.isMask() -> bool
block.masked() -> block
lookup(string, string, any?) -> any
hash(any, string?) -> string
uuid5(string, string) -> string
parseJson(string|bytes) -> any
toJson(any) -> string
redact(any, string*) -> any
"""
_NAMESPACES = frozenset(("optional", "strings", "regex", "math", "base64", "lists", "sets", "ip"))
_NAMED = {"address": "net.IP", "block": "net.CIDR"}
"""Words of the table for types whose names have dots."""
_LINE = re.compile(r"(?:(?P<target>[\w|]+(?:<[\w|]+>)?)\.)?(?P<name>\w+)\((?P<parameters>.*)\) -> (?P<result>\S+)")


@dataclass(frozen=True)
class Parameter:
    """What may stand in one place.

    Attributes:
        kinds: types that are taken; none means any.
        items: likewise of the elements, if it is a list.
        text: for messages.
    """

    kinds: frozenset[str]
    items: frozenset[str]
    text: str


@dataclass(frozen=True)
class Overload:
    """One form of a function.

    Attributes:
        member: whether the first operand is the target.
        parameters: of all operands, the target included.
        least: how many operands there must be.
        more: what any number of further ones must be.
        result: of the operands' shapes.
    """

    member: bool
    parameters: tuple[Parameter, ...]
    least: int
    more: Parameter | None
    result: Callable[[Sequence[Shape]], Shape]

    def parameter(self, index: int) -> Parameter:
        """What is taken in a place."""
        if index < len(self.parameters):
            return self.parameters[index]
        assert self.more
        return self.more

    def takes(self, *, member: bool, count: int) -> bool:
        """Whether it is written with a target or without, and with so many operands."""
        return (
            self.member is member and self.least <= count and (count <= len(self.parameters) or self.more is not None)
        )


@cache
def signatures() -> dict[str, tuple[Overload, ...]]:
    """The forms of all functions that are known, by name."""
    found: dict[str, list[Overload]] = {}
    for line in _TABLE.strip().splitlines():
        match = _LINE.fullmatch(line)
        assert match, line
        target, name = match["target"], match["name"]
        member = target is not None and target not in _NAMESPACES
        full = name if member or target is None else f"{target}.{name}"
        found.setdefault(full, []).append(_overload(match, member=member))
    return {name: tuple(overloads) for name, overloads in found.items()}


def _overload(match: re.Match[str], *, member: bool) -> Overload:
    texts = [each for each in match["parameters"].split(", ") if each]
    parameters: list[Parameter] = [_parameter(match["target"])] if member else []
    least = len(parameters)
    more: Parameter | None = None
    for text in texts:
        parameter = _parameter(text.rstrip("?*"))
        if text.endswith("*"):
            more = parameter
            continue
        parameters.append(parameter)
        least += not text.endswith("?")
    return Overload(member, tuple(parameters), least, more, _result(match["result"]))


def _parameter(text: str) -> Parameter:
    outer, _, inner = text.rstrip(">").partition("<")
    kinds = frozenset() if outer == "any" else frozenset(_NAMED.get(each, each) for each in outer.split("|"))
    return Parameter(kinds, frozenset(inner.split("|")) if inner else frozenset(), text)


def _result(text: str) -> Callable[[Sequence[Shape]], Shape]:  # noqa: PLR0911  one for each form
    if "|" in text and "<" not in text:
        parts = [_result(each) for each in text.split("|")]
        return lambda shapes: union(*(part(shapes) for part in parts))
    if text == "$all":
        return lambda shapes: Shape(union(*shapes).kinds)
    if match := re.fullmatch(r"\$(\d)", text):
        place = int(match[1])
        return lambda shapes: shapes[place]
    if match := re.fullmatch(r"item\(\$(\d)\)", text):
        place = int(match[1])
        return lambda shapes: shapes[place].items or DYN
    if match := re.fullmatch(r"kind\(\$(\d)\)", text):
        place = int(match[1])
        return lambda shapes: Shape(shapes[place].kinds)
    if match := re.fullmatch(r"(list|optional)<(.+)>", text):
        inner = _result(match[2])
        kinds = ("list",) if match[1] == "list" else ("optional_type",)
        return lambda shapes: Shape(kinds, items=inner(shapes))
    fixed = {"any": DYN, "optional": Shape(("optional_type",), items=NEVER)}.get(text) or Shape(
        (_NAMED.get(text, text),)
    )
    return lambda shapes: fixed  # noqa: ARG005  it is always the same
