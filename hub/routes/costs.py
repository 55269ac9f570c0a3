"""What an expression may cost: bounds that are seen before it runs, and a budget for each evaluation.

CEL ends on any input, but not always soon: macros inside of each other multiply, and ``cel.bind(b, a + a, …)`` thirty
times over makes a text of a billion characters of one. So the depth of macros is limited, and so is how often the same
part of the data may come into a value; both are errors of the expression. How many elements there will be is only known
at run time: each evaluation has a budget of steps.
"""

from __future__ import annotations

from collections import Counter
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
    "uuid5", "parseJson", "toJson", "redact", "optional.unwrap", "unwrapOpt",
))  # fmt: skip
"""Functions that take longer for longer values. Within a macro they count by what they are given."""

_SHARE = 5  # binary places by which scanning a character or an element is cheaper than a step
_DEEP = 64  # steps that an object counts, since its size isn't known without going through it
_LARGE = frozenset(("lists.range", "replace", "format", "lookup", "parseJson"))
_HERE, _ELSEWHERE = "", "()"  # roots of what has no name
_SCALARS = frozenset((
    Kind.BOOL, Kind.INT, Kind.UINT, Kind.DOUBLE, Kind.TIMESTAMP, Kind.DURATION, Kind.TYPE,
))  # fmt: skip

Path: TypeAlias = tuple[str, ...]


def too_costly() -> None:
    """Ends an evaluation."""
    raise Failure(f"this takes more than {MAX_STEPS:,} steps; narrow the list with `filter` first, or split the event")


def charged(cost: int, value: Any) -> int:
    """The steps that were taken, with those for scanning a value."""
    kind = type(value)
    if kind is str or kind is list or kind is bytes:
        cost += len(value) >> _SHARE
    elif kind is dict:
        cost += _DEEP
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
    copies(tree)


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
    found = copies(transform)
    return all(path[0] in (*variables, _HERE) for path in found) and _most(found) <= 1


def copies(node: Expr) -> Counter[Path]:  # noqa: C901, PLR0911  one way for each kind of node
    """How often each path comes into the value of a node: twice ``("data", "title")`` for ``data.title + data.title``.

    What gives a truth or a number counts as nothing; what is made here has a path of its own.
    """
    path = _path(node)
    if path:
        return Counter({path: 1})
    match node:
        case Literal():
            return _made(node, Counter())
        case Has() | Unary() | Logical():
            return _nothing(children(node))
        case Binary():
            found = _sum(children(node))
            return found if node.operator == "+" else Counter()
        case Conditional():
            copies(node.condition)
            return copies(node.then) | copies(node.otherwise)
        case Index() | OptionalIndex():
            copies(node.index)
            return copies(node.operand)
        case Select() | OptionalSelect():
            return copies(node.operand)
        case Call():
            function = FUNCTIONS.get(node.function)
            found = _sum(children(node))
            return Counter() if function and function.result in _SCALARS else _made(node, found)
        case ListLiteral() | MapLiteral():
            return _made(node, _sum(children(node)))
        case Bind():
            return _within(node, copies(node.value), copies(node.body), (node.variable,))
        case OptionalMap():
            return _within(node, copies(node.operand), copies(node.transform), (node.variable,))
        case Macro():
            return _loop(node)
    return Counter()


def _path(node: Expr) -> Path:
    fields: list[str] = []
    while isinstance(node, Select | OptionalSelect):
        fields.append(node.field)
        node = node.operand
    return (node.name, *reversed(fields)) if isinstance(node, Name) else ()


def _made(node: Expr, found: Counter[Path]) -> Counter[Path]:
    """With what a node itself makes: a few characters or elements, or any number of them."""
    unbound = isinstance(node, Call) and node.function in _LARGE
    found[(_ELSEWHERE if unbound else _HERE, str(node.start))] += 1
    return found


def _sum(nodes: Any) -> Counter[Path]:
    total: Counter[Path] = Counter()
    for node in nodes:
        total.update(copies(node))
    return total


def _nothing(nodes: Any) -> Counter[Path]:
    for node in nodes:
        copies(node)
    return Counter()


def _loop(node: Macro) -> Counter[Path]:
    source = copies(node.range)
    if node.predicate is not None:
        copies(node.predicate)
    if node.transform is None or node.macro == "sortBy":
        if node.transform is not None:
            copies(node.transform)
        return source if node.macro in ("filter", "sortBy") else Counter()
    variables = (node.variable, *((node.second,) if node.second else ()))
    return _within(node, source, copies(node.transform), variables)


def _within(node: Expr, value: Counter[Path], body: Counter[Path], variables: tuple[str, ...]) -> Counter[Path]:
    """The copies of a body, in which variables stand for a value."""
    own = Counter({path: times for path, times in body.items() if path[0] in variables})
    result = Counter({path: times for path, times in body.items() if path not in own})
    times = _most(own)
    if isinstance(node, Macro):
        # What isn't the element's own comes into each of the results.
        result = Counter({path: 2 * times if path[0] != _HERE else times for path, times in result.items()})
    for path, each in value.items():
        result[path] += each * times
    if _most(result) > MAX_COPIES:
        raise TooCostly(node, f"{MAX_COPIES:,} copies of the same part of the data in one value")
    return result


def _most(found: Counter[Path]) -> int:
    """How often the part that comes most often does: with each path come all those below it."""
    return max((sum(found[path[: length + 1]] for length in range(len(path))) for path in found), default=0)
