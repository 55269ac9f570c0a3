"""Of what fields the value of an expression is made, found without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub.routes.paths import EACH
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
from hub.workbench.lineage.values import CONSTANT, Computed, Copy, Either, Made, Read, Step, Value, either

_SAME = frozenset(("dyn", "value", "optional.of", "optional.ofNonZeroValue", "reverse", "distinct", "sort", "slice"))
"""Functions whose result is their operand, or holds the same elements."""
_CHOOSING = frozenset(("or", "orValue"))
_PICKING = frozenset(("first", "last"))

ROOTS: Mapping[str, Value] = {
    "data": Copy(("data",)),
    "event": Copy(("attributes",)),
    "key": Copy(("attributes", "partitionkey")),
    "headers": Copy(("headers",)),
    "now": Computed(frozenset((Read(("attributes", "time"), "computes"),))),
}
"""What names mean; those that aren't here, such as ``env``, depend on no event."""


def value_of(tree: Expr, names: Mapping[str, Value] = ROOTS, event_type: str | None = None) -> Value:
    """What the value of an expression is made of.

    Args:
        tree: the expression.
        names: what its names stand for.
        event_type: the type of the events that it sees, where that is known: it decides tests of ``event.type``.
    """
    return _Reader(event_type).value(tree, names)


def truth(tree: Expr, event_type: str | None) -> bool | None:
    """Whether a condition holds for all events of a type; ``None`` where more than the type decides."""
    return _Reader(event_type).truth(tree)


class _Reader:
    def __init__(self, event_type: str | None) -> None:
        self.event_type = event_type

    def value(self, node: Expr, names: Mapping[str, Value]) -> Value:
        known = getattr(self, "_" + type(node).__name__.lower(), None)
        value: Value = known(node, names) if known else self._computed(node, names)
        return value

    def _computed(self, node: Expr, names: Mapping[str, Value]) -> Value:
        return Computed(
            frozenset(read for each in children(node) for read in self.value(each, names).reads("computes"))
        )

    def _decides(self, node: Expr | None, names: Mapping[str, Value]) -> frozenset[Read]:
        return self.value(node, names).reads("decides") if node else frozenset()

    def _literal(self, _: Literal, __: Mapping[str, Value]) -> Value:
        return CONSTANT

    def _name(self, node: Name, names: Mapping[str, Value]) -> Value:
        return names.get(node.name, CONSTANT)

    def _select(self, node: Select | OptionalSelect, names: Mapping[str, Value]) -> Value:
        return _field(self.value(node.operand, names), node.field)

    _optionalselect = _select

    def _has(self, node: Has, names: Mapping[str, Value]) -> Value:
        found = _field(self.value(node.operand, names), node.field).reads("computes")
        return Computed(frozenset(replace(each, shallow=True) for each in found))

    def _index(self, node: Index | OptionalIndex, names: Mapping[str, Value]) -> Value:
        operand = self.value(node.operand, names)
        if isinstance(node.index, Literal):
            key = node.index.value
            return _field(operand, key) if isinstance(key, str) else operand.below(EACH)
        found = operand.below(EACH)
        if isinstance(found, Copy):
            found = Copy(found.path, dynamic=True)
        return Either((found,), self._decides(node.index, names))

    _optionalindex = _index

    def _conditional(self, node: Conditional, names: Mapping[str, Value]) -> Value:
        known = self.truth(node.condition)
        if known is not None:
            return self.value(node.then if known else node.otherwise, names)
        ways = self.value(node.then, names), self.value(node.otherwise, names)
        return Either(ways, self._decides(node.condition, names))

    def _listliteral(self, node: ListLiteral, names: Mapping[str, Value]) -> Value:
        return Made({EACH: either(self.value(each, names) for each in node.elements)})

    def _mapliteral(self, node: MapLiteral, names: Mapping[str, Value]) -> Value:
        parts: dict[Step, Value] = {}
        rest: list[Value] = []
        for key, each in node.entries:
            value = self.value(each, names)
            if isinstance(key, Literal) and isinstance(key.value, str):
                parts[key.value] = value
            else:
                rest.append(Either((value,), self._decides(key, names)))
        return Made(parts, either(rest))

    def _call(self, node: Call, names: Mapping[str, Value]) -> Value:
        operands = [*([node.target] if node.target else []), *node.arguments]
        if node.function in _SAME and operands:
            first, *others = operands
            decided = frozenset(read for each in others for read in self._decides(each, names))
            value = self.value(first, names)
            return Either((value,), decided) if decided else value
        if node.function in _CHOOSING:
            return either(self.value(each, names) for each in operands)
        if node.function in _PICKING and node.target:
            return self.value(node.target, names).below(EACH)
        return self._computed(node, names)

    def _macro(self, node: Macro, names: Mapping[str, Value]) -> Value:
        whole = self.value(node.range, names)
        inner = dict(names)
        if node.second:
            inner[node.variable] = Computed(whole.reads("computes"))
            inner[node.second] = whole.below(EACH)
        else:
            inner[node.variable] = whole.below(EACH)
        decided = self._decides(node.predicate, inner)
        if node.macro == "filter":
            return Either((whole,), decided)
        if node.macro == "sortBy" and node.transform:
            return Either((whole,), self._decides(node.transform, inner))
        if node.transform is None:
            # `all` and its kin; one whose predicate looks at no element still depends on how many there are.
            tests = self.value(node.predicate, inner).reads("computes") if node.predicate else frozenset()
            return Computed(tests or whole.reads("computes"))
        made = self.value(node.transform, inner)
        if node.macro == "transformMapEntry":
            return Computed(made.reads("computes") | decided)
        return Either((Made({EACH: made}),), decided) if decided else Made({EACH: made})

    def _bind(self, node: Bind, names: Mapping[str, Value]) -> Value:
        return self.value(node.body, {**names, node.variable: self.value(node.value, names)})

    def _optionalmap(self, node: OptionalMap, names: Mapping[str, Value]) -> Value:
        operand = self.value(node.operand, names)
        made = self.value(node.transform, {**names, node.variable: operand})
        named = {read.path for read in made.reads()}
        # Whether there is a result at all is the operand's to decide.
        decided = frozenset(read for read in operand.reads("decides") if read.path not in named)
        return Either((made,), decided) if decided else made

    # What the event's type decides

    def truth(self, node: Expr) -> bool | None:
        """Whether a condition holds for the type; ``None`` where that isn't known."""
        known: bool | None = None
        match node:
            case Literal(value=bool(value)):
                known = value
            case Unary(operator="!"):
                inner = self.truth(node.operand)
                known = None if inner is None else not inner
            case Logical():
                known = self._together(node)
            case Binary() if self.event_type is not None:
                known = self._tested(node, self.event_type)
            case Call(function="startsWith" | "endsWith", arguments=(Literal(value=str(text)),)):
                if self.event_type is not None and _is_type(node.target):
                    tests = {"startsWith": self.event_type.startswith, "endsWith": self.event_type.endswith}
                    known = tests[node.function](text)
        return known

    def _together(self, node: Logical) -> bool | None:
        known = [self.truth(each) for each in node.operands]
        deciding = node.operator == "||"
        if deciding in known:
            return deciding
        return None if None in known else not deciding

    def _tested(self, node: Binary, event_type: str) -> bool | None:
        left, right = node.left, node.right
        if node.operator == "in" and _is_type(left) and isinstance(right, ListLiteral):
            values = [each.value for each in right.elements if isinstance(each, Literal)]
            if len(values) == len(right.elements):
                return event_type in values
        if node.operator in ("==", "!="):
            if _is_type(right):
                left, right = right, left
            if _is_type(left) and isinstance(right, Literal):
                return (event_type == right.value) is (node.operator == "==")
        return None


def _is_type(node: Any) -> bool:
    return (
        isinstance(node, Select)
        and node.field == "type"
        and isinstance(node.operand, Name)
        and node.operand.name == "event"
    )


def _field(value: Value, name: str) -> Value:
    if isinstance(value, Copy) and value.path == ("attributes",) and name == "key":
        return value.below("partitionkey")
    return value.below(name)
