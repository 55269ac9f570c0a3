"""What a test shows: ``assume`` says what is known where an expression is true, or false.

An expression that was evaluated without an error shows more than its result: that all fields it read are there. That
holds for both results, and for ``&&`` and ``||`` where all operands must have been evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.contracts.shape import NUMBERS, Shape
from hub.contracts.shape_constants import equal
from hub.contracts.shape_union import overlap, union
from hub.routes.checker import facts as known
from hub.routes.checker.calls import Calls
from hub.routes.checker.facts import Facts, Path, join
from hub.routes.checker.relations import constants_of
from hub.routes.checker.signatures import signatures
from hub.routes.syntax import (
    Binary,
    Call,
    Conditional,
    Expr,
    Has,
    Index,
    ListLiteral,
    Literal,
    Logical,
    Macro,
    Name,
    OptionalIndex,
    OptionalSelect,
    Select,
    Unary,
)
from hub.routes.values import TYPE_NAMES

_KINDS_OF_TYPES = {"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}
_RANGES, _MAP = frozenset(("list", "map")), frozenset(("map",))
_ORDERED = frozenset(("string", "bytes", "bool", "timestamp", "duration"))
MOST_EFFORT = 4_000
"""So many tests are looked at for one expression; conditions within conditions would take for ever otherwise."""


class Narrowing(Calls):
    """Draws conclusions from tests. Works on the shapes that were inferred last."""

    effort = 0
    """How many tests were looked at for this expression."""

    def assume(self, node: Expr, truth: bool, facts: Facts) -> Facts | None:  # noqa: C901, FBT001, PLR0911  it is the value; one for each form
        """What is known where a node is true or false; ``None`` if it never is."""
        self.effort += 1
        if self.effort > MOST_EFFORT:
            return facts
        if isinstance(node, Unary) and node.operator == "!":
            return self.assume(node.operand, not truth, facts)
        if isinstance(node, Logical):
            return self.assume_logical(node, truth, facts)
        if isinstance(node, Conditional):
            return self.assume_conditional(node, truth, facts)
        shape = self.shape_of(node)
        if shape.kinds == {"bool"} and shape.constant == (not truth,):
            return None
        found = self.evaluated(node, facts)
        if found is None:
            return facts  # it always fails, and that was reported
        if isinstance(node, Has):
            return self.assume_has(node.operand, node.field, truth, found)
        if isinstance(node, Binary):
            return self.assume_binary(node, truth, found)
        if isinstance(node, Call):
            return self.assume_call(node, truth, found)
        path = self.path_of(node)
        if path is not None:
            value = known.equalled(known.at(path, found, self.roots), Shape(("bool",), enum=(truth,)))
            return known.refined(found, path, value, self.roots)
        return found

    def assume_logical(self, node: Logical, truth: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """All operands of a true ``&&`` are true, and one of a false one is false; ``||`` the other way round."""
        every = node.operator == "&&"
        found: Facts | None = facts
        one: list[Facts | None] = []
        for operand in node.operands:
            if found is None:
                break
            if truth is not every:
                one.append(self.assume(operand, truth, found))
            found = self.assume(operand, every, found)
        return found if truth is every else join(*one)

    def assume_conditional(self, node: Conditional, truth: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """Either branch, with what led to it."""
        ways: list[Facts | None] = []
        for condition, branch in ((True, node.then), (False, node.otherwise)):
            way = self.assume(node.condition, condition, facts)
            ways.append(None if way is None else self.assume(branch, truth, way))
        return join(*ways)

    def assume_has(self, operand: Expr, field: str, truth: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """A field that is there, or isn't."""
        above = self.path_of(operand)
        shape = self.shape_of(operand)
        if above is None:
            return facts
        if shape.kinds == {"map"} and shape.field(field) is None:
            return None if truth else facts
        path: Path = (*above, field)
        if truth:
            found = known.present(facts, path, self.roots)
            return facts if found is None else found
        return known.absent(facts, path, self.roots)

    def assume_binary(self, node: Binary, truth: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """A relation of two values."""
        if node.operator in ("==", "!="):
            same = truth is (node.operator == "==")
            tested = self.type_test(node)
            if tested is None:
                return self.assume_equal(node.left, node.right, same, facts)
            path, kind = tested
            shape = known.at(path, facts, self.roots)
            return known.refined(facts, path, shape.only((kind,)) if same else shape.without(kind), self.roots)
        if node.operator == "in":
            return self.assume_in(node, truth, facts)
        if node.operator in ("<", "<=", ">", ">="):
            return self.assume_ordered(node, facts)
        return facts

    def assume_equal(self, first: Expr, second: Expr, same: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """Two values that are equal, or not."""
        left, right = self.shape_of(first), self.shape_of(second)
        if same and not overlap(left, right):
            return None
        one, other = left.constant, right.constant
        if not same and one is not None and other is not None and equal(one[0], other[0]):
            return None
        found: Facts | None = facts
        for node, opposite in ((first, right), (second, left)):
            path = self.path_of(node)
            if path is None or found is None:
                continue
            shape = known.at(path, found, self.roots)
            if same:
                narrower = known.equalled(shape, opposite)
            elif opposite.constant is not None:
                narrower = known.differing(shape, opposite.constant[0])
            else:
                continue
            found = known.refined(found, path, narrower, self.roots) if narrower is not shape else found
        return found

    def type_test(self, node: Binary) -> tuple[Path, str] | None:
        """The path and the kind of ``type(x) == string``."""
        for call, named in ((node.left, node.right), (node.right, node.left)):
            if not (isinstance(call, Call) and call.function == "type" and call.target is None and call.arguments):
                continue
            name = self.plain(named).lstrip(".") if isinstance(named, Name | Select) else None
            path = self.path_of(call.arguments[0])
            if name in TYPE_NAMES and path is not None and self.path_of(named) is None:
                return path, _KINDS_OF_TYPES.get(name, name)
        return None

    def assume_in(self, node: Binary, truth: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """An element of a list, or a key of a map."""
        right = self.shape_of(node.right)
        if right.kinds == {"map"} and isinstance(node.left, Literal) and type(node.left.value) is str:
            return self.assume_has(node.right, node.left.value, truth, facts)
        if right.kinds != {"list"}:
            return facts
        items = right.items
        if isinstance(node.right, ListLiteral):
            shapes = [self.shape_of(each) for each in node.right.elements]
            items = union(*shapes)
            listed = constants_of(node.right, shapes)
        else:
            listed = None
        left = self.shape_of(node.left)
        if truth:
            if items is not None and not overlap(left, items):
                return None
            path = self.path_of(node.left)
            if path is None or items is None:
                return facts
            shape = known.equalled(known.at(path, facts, self.roots), items)
            return known.refined(facts, path, shape, self.roots)
        return self.assume_none_of(node.left, listed or (), facts)

    def assume_none_of(self, node: Expr, values: tuple[object, ...], facts: Facts) -> Facts | None:
        """A value that is none of several constants."""
        path = self.path_of(node)
        constant = self.shape_of(node).constant
        if constant is not None and any(equal(constant[0], value) for value in values):
            return None
        if path is None:
            return facts
        shape = original = known.at(path, facts, self.roots)
        for value in values:
            shape = known.differing(shape, value)
            if shape.never:
                return None
        return facts if shape is original else known.refined(facts, path, shape, self.roots)

    def assume_ordered(self, node: Binary, facts: Facts) -> Facts | None:
        """Two values that could be compared: of one type, or numbers."""
        found: Facts | None = facts
        for one, other in ((node.left, node.right), (node.right, node.left)):
            path, kinds = self.path_of(one), self.shape_of(other).kinds
            if path is None or not kinds or found is None:
                continue
            possible = (kinds | NUMBERS if kinds & NUMBERS else kinds) & (NUMBERS | _ORDERED)
            found = self.narrowed(found, path, possible)
        return found or facts

    def assume_call(self, node: Call, truth: bool, facts: Facts) -> Facts | None:  # noqa: FBT001  as above
        """``a.?b.hasValue()`` is as good as ``has(a.b)``."""
        if node.function == "hasValue" and isinstance(node.target, OptionalSelect) and not node.arguments:
            operand = node.target.operand
            if "optional_type" not in self.shape_of(operand).kinds:
                return self.assume_has(operand, node.target.field, truth, facts)
        return facts

    def narrowed(self, facts: Facts, path: Path, kinds: frozenset[str]) -> Facts | None:
        """What is known once the value at a path is of some kinds."""
        shape = known.at(path, facts, self.roots)
        if not kinds or (shape.kinds and shape.kinds <= kinds) or (not shape.kinds and len(kinds) > 1):
            return facts
        return known.refined(facts, path, shape.only(kinds), self.roots)

    # What was evaluated

    def evaluated(self, node: Expr, facts: Facts) -> Facts | None:
        """What is known once a node has a value: that what it read is there, and of the types that were taken."""
        for each in strict_parts(node):
            found = self.read_by(each, facts)
            if found is None:
                return None
            facts = found
        return facts

    def read_by(self, node: Expr, facts: Facts) -> Facts | None:
        """What is known once a node has a value, whose parts have theirs."""
        if isinstance(node, Select | Index):
            path = self.path_of(node)
            return known.present(facts, path, self.roots) if path is not None and len(path) > 1 else facts
        if isinstance(node, Call):
            return self.taken(node, facts)
        if isinstance(node, Macro):
            path = self.path_of(node.range)
            return self.narrowed(facts, path, _RANGES) if path else facts
        if isinstance(node, Has | OptionalSelect):
            path = self.path_of(node.operand)
            if path and "optional_type" not in known.at(path, facts, self.roots).kinds:
                return self.narrowed(facts, path, _MAP)
        return facts

    def taken(self, node: Call, facts: Facts) -> Facts | None:
        """What is known once a function took its operands."""
        operands = (*((node.target,) if node.target is not None else ()), *node.arguments)
        forms = [
            each
            for each in signatures().get(node.function, ())
            if each.takes(member=node.target is not None, count=len(operands))
        ]
        found: Facts | None = facts
        for index, operand in enumerate(operands):
            path = self.path_of(operand)
            if path is None or not forms or found is None:
                continue
            parameters = [each.parameter(index).kinds for each in forms]
            if all(parameters):
                found = self.narrowed(found, path, frozenset().union(*parameters))
        return found


def strict_parts(node: Expr) -> Iterator[Expr]:  # noqa: C901  one case for each form
    """A node and those below it that must have a value where it has one."""
    yield node
    match node:
        case Select() | OptionalSelect() | Has() | Unary():
            yield from strict_parts(node.operand)
        case Index() | OptionalIndex():
            yield from strict_parts(node.operand)
            yield from strict_parts(node.index)
        case Binary():
            yield from strict_parts(node.left)
            yield from strict_parts(node.right)
        case Call() if node.function not in ("or", "orValue"):
            if node.target is not None:
                yield from strict_parts(node.target)
            for each in node.arguments:
                yield from strict_parts(each)
        case Call():
            if node.target is not None:
                yield from strict_parts(node.target)
        case Conditional():
            yield from strict_parts(node.condition)
        case Macro():
            yield from strict_parts(node.range)
