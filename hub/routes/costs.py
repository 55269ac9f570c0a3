"""What an expression may cost: bounds that are seen before it runs, and a budget for each evaluation.

CEL ends on any input, but not always soon: macros inside of each other multiply, and ``cel.bind(b, a + a, …)`` thirty
times over makes a text of a billion characters of one. So the depth of macros is limited, and so is how often the same
part of the data may come into a value; both are errors of the expression. How many elements there will be is only known
at run time: each evaluation has a budget of steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from hub.routes.errors import Failure
from hub.routes.functions import FUNCTIONS
from hub.routes.kinds import Kind
from hub.routes.syntax import (
    Binary,
    Bind,
    Call,
    Conditional,
    Expr,
    Has,
    Index,
    ListLiteral,
    Literal,
    Logical,
    Macro,
    MapLiteral,
    Name,
    OptionalIndex,
    OptionalMap,
    OptionalSelect,
    Select,
    Unary,
    children,
)

MAX_DEPTH = 200
"""Levels of the tree; each operator, selection or call in a row is one."""
MAX_LOOPS = 8
"""Macros inside of each other."""
MAX_COPIES = 1000
"""How often the same part of the data may come into one value."""
MAX_STEPS = 1_000_000
"""Elements that macros may go through in one evaluation, about half a second."""

SCANNING = frozenset((
    "contains", "matches", "indexOf", "lastIndexOf", "replace", "split", "join", "format", "lowerAscii", "upperAscii",
    "trim", "reverse", "distinct", "sort", "flatten", "slice", "sets.contains", "sets.equivalent", "sets.intersects",
    "math.greatest", "math.least", "strings.quote", "base64.encode", "base64.decode", "bytes", "string", "hash",
    "uuid5", "parseJson", "toJson", "redact", "regex.extract", "regex.extractAll", "regex.replace",
    "optional.unwrap", "unwrapOpt",
))  # fmt: skip
"""Functions that take longer for longer values. Within a macro they count by what they are given."""
DEEP = frozenset(
    ("format", "distinct", "sets.contains", "sets.equivalent", "sets.intersects", "hash", "toJson", "redact")
)
"""Those that go through all that is in a value."""

_SHARE = 5  # binary places by which scanning a character or an element is cheaper than a step
_LARGE = frozenset(("lists.range", "replace", "regex.replace", "format", "lookup", "parseJson"))
# How many paths are told apart.
_MANY = 500
_HERE, _ELSEWHERE = "", "()"  # roots of what has no name
_SCALARS = frozenset((
    Kind.BOOL, Kind.INT, Kind.UINT, Kind.DOUBLE, Kind.TIMESTAMP, Kind.DURATION, Kind.TYPE,
))  # fmt: skip

Path: TypeAlias = tuple[str, ...]
Known: TypeAlias = Mapping[str, Counter[Path]]


def too_costly() -> None:
    """Ends an evaluation."""
    raise Failure(f"this takes more than {MAX_STEPS:,} steps; narrow the list with `filter` first, or split the event")


def charged(cost: int, value: Any) -> int:
    """The steps that were taken, with those for scanning a value."""
    kind = type(value)
    if kind is str or kind is list or kind is bytes:
        cost += len(value) >> _SHARE
        if cost > MAX_STEPS:
            too_costly()
    return cost


def charged_deep(cost: int, value: Any) -> int:
    """The steps that were taken, with those for going through all that is in a value."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is list:
            waiting += each
        elif kind is dict:
            waiting += each.values()
        cost = charged(cost + 1, each)
        if cost > MAX_STEPS:
            too_costly()
    return cost


class TooCostly(Exception):
    """A part of an expression that goes beyond a bound."""

    def __init__(self, node: Expr, limit: str, code: str = "route.too_costly") -> None:
        super().__init__(limit)
        self.node = node
        self.limit = limit
        self.code = code


def check_costs(tree: Expr) -> None:
    """Checks what can be seen before an expression runs.

    Raises:
        TooCostly: with the part that is too much.
    """
    _check_depth(tree)
    _check_loops(tree, 0)
    copies(tree, {})


def _check_depth(tree: Expr) -> None:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise TooCostly(node, f"{MAX_DEPTH} operators, selections or calls in a row", "route.too_deep")
        waiting.extend((child, depth + 1) for child in children(node))


def _check_loops(node: Expr, depth: int) -> None:
    if isinstance(node, Macro):
        _check_loops(node.range, depth)
        if depth == MAX_LOOPS:
            raise TooCostly(node, f"{MAX_LOOPS} macros inside of each other")
        for inner in (node.predicate, node.transform):
            if inner is not None:
                _check_loops(inner, depth + 1)
        return
    for child in children(node):
        _check_loops(child, depth)


def linear(transform: Expr, variables: tuple[str, ...]) -> bool:
    """Whether what a macro makes of an element has each part of the element at most once, and nothing else."""
    found = copies(transform, {name: Counter({(name,): 1}) for name in variables})
    return all(path[0] in (*variables, _HERE) for path in found) and _most(found) <= 1


def copies(node: Expr, known: Known) -> Counter[Path]:  # noqa: C901, PLR0911  one way for each kind of node
    """How often each path comes into the value of a node: twice ``("data", "title")`` for ``data.title + data.title``.

    What gives a truth or a number counts as nothing; what is made here has a path of its own.

    Args:
        node: a part of an expression.
        known: what comes into the values of the variables there.

    Raises:
        TooCostly: something comes too often.
    """
    match node:
        case Name():
            return known[node.name] if node.name in known and not node.absolute else Counter({(node.name,): 1})
        case Select() | OptionalSelect():
            return _below(copies(node.operand, known), node.field)
        case Has() | Unary() | Logical():
            _sum(node, known)
            return Counter()
        case Binary():
            found = _sum(node, known)
            return found if node.operator == "+" else Counter()
        case Conditional():
            copies(node.condition, known)
            return copies(node.then, known) | copies(node.otherwise, known)
        case Index() | OptionalIndex():
            copies(node.index, known)
            return copies(node.operand, known)
        case Call():
            function = FUNCTIONS.get(node.function)
            found = _sum(node, known)
            return Counter() if function and function.result in _SCALARS else _made(node, found)
        case Literal() | ListLiteral() | MapLiteral():
            return _made(node, _sum(node, known))
        case Bind():
            return copies(node.body, {**known, node.variable: copies(node.value, known)})
        case OptionalMap():
            return copies(node.transform, {**known, node.variable: copies(node.operand, known)})
        case Macro():
            return _loop(node, known)
    return Counter()


def _below(found: Counter[Path], field: str) -> Counter[Path]:
    if len(found) <= _MANY:
        return Counter({(*path, field): times for path, times in found.items()})
    # Too many to tell apart: as if all were the same part.
    most = _most(found)
    return Counter({(root,): most for root in {path[0] for path in found}})


def _made(node: Expr, found: Counter[Path]) -> Counter[Path]:
    """With what a node itself makes: a few characters or elements, or any number of them."""
    unbound = isinstance(node, Call) and node.function in _LARGE
    found[(_ELSEWHERE if unbound else _HERE, str(node.start))] += 1
    return found


def _sum(node: Expr, known: Known) -> Counter[Path]:
    total: Counter[Path] = Counter()
    for child in children(node):
        total.update(copies(child, known))
    if _most(total) > MAX_COPIES:
        raise TooCostly(node, f"{MAX_COPIES:,} copies of the same part of the data in one value")
    return total


def _loop(node: Macro, known: Known) -> Counter[Path]:
    source = copies(node.range, known)
    element = _below(source, f"*{node.start}")
    within = {**known, node.variable: element, **({node.second: element} if node.second else {})}
    if node.predicate is not None:
        copies(node.predicate, within)
    made = copies(node.transform, within) if node.transform is not None else Counter()
    if node.macro in ("filter", "sortBy"):
        return source
    # What isn't the element's own comes into each of the results.
    return Counter({path: times if path[0] == _HERE or _is_own(path, node) else 2 * times
                    for path, times in made.items()})  # fmt: skip


def _is_own(path: Path, node: Macro) -> bool:
    return f"*{node.start}" in path


def _most(found: Counter[Path]) -> int:
    """How often the part that comes most often does: with each path come all those below it."""
    return max((sum(found[path[: length + 1]] for length in range(len(path))) for path in found), default=0)
