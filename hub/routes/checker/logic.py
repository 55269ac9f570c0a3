"""Shapes of ``&&``, ``||``, ``!`` and ``? :``, and predicates that are always true or never."""

from __future__ import annotations

from dataclasses import dataclass

from hub.contracts.shape import BOOL, DYN, NEVER, Shape
from hub.contracts.shape_text import described, short
from hub.contracts.shape_union import union
from hub.routes.checker import remedies
from hub.routes.checker.facts import Facts
from hub.routes.checker.narrowing import Narrowing
from hub.routes.checker.problem import Problem
from hub.routes.syntax import Binary, Call, Conditional, Expr, Has, Literal, Logical, Unary

_MOST_OPERANDS = 16
"""Of more operands than this, each is looked at under those before it only."""


@dataclass(frozen=True)
class Decision:
    """What is known where a predicate is true, and where it is false; ``None`` stands for never."""

    yes: Facts | None
    no: Facts | None


class Logic(Narrowing):
    """Branches and predicates."""

    def infer_unary(self, node: Unary) -> Shape:
        """``!`` and ``-``."""
        shape = self.infer(node.operand)
        if node.operator == "!":
            self.check_bool(node.operand, inverted=True)
            return BOOL
        self.expect(node.operand, frozenset(("int", "double")), "`-` takes an int or a double")
        left = shape.kinds & {"int", "double"}
        if shape.constant is not None and isinstance(shape.constant[0], int | float) and left:
            return Shape(left, enum=(-shape.constant[0],))
        return Shape(left) if left else DYN

    def infer_logical(self, node: Logical) -> Shape:
        """``&&`` and ``||``: each operand counts only where those before it haven't decided."""
        every = node.operator == "&&"
        entry = self.facts
        facts: Facts | None = entry
        found: list[list[Problem]] = []
        for operand in node.operands:
            with self.collected() as problems, self.under(facts):
                self.infer(operand)
                self.check_bool(operand)
                if facts is not None:
                    after = self.assume(operand, every, facts)
                    facts = facts if after is None and problems and self.alone else after
            found.append(problems)
        if not self.again and len(node.operands) <= _MOST_OPERANDS:
            doubtful = [index for index, problems in enumerate(found[:-1]) if problems]
            for index in doubtful:
                found[index] = self.in_any_order(node, index, found[index])
            if doubtful:
                self.settle(node)
        for problems in found:
            self.note(problems)
        return BOOL

    def in_any_order(self, node: Logical, index: int, problems: list[Problem]) -> list[Problem]:
        """The problems of an operand that remain where the operands behind it, too, haven't decided.

        The order of operands means nothing to the language: ``a.b == 1 && has(a.b)`` is false where there is no field.
        Only operands that never fail without this one can make up for it.
        """
        every = node.operator == "&&"
        facts: Facts | None = self.facts
        self.again = True
        for place, operand in enumerate(node.operands):
            if place == index or facts is None:
                continue
            with self.collected() as own, self.under(facts):
                self.infer(operand)
                self.check_bool(operand)
            if not own:
                facts = self.assume(operand, every, facts)
        with self.collected() as remaining, self.under(facts):
            self.infer(node.operands[index])
            self.check_bool(node.operands[index])
        self.again = False
        return problems if facts is None or len(remaining) >= len(problems) else remaining

    def settle(self, node: Logical) -> None:
        """Infers the operands once more in their order, since conclusions are drawn from what was inferred last."""
        facts: Facts | None = self.facts
        self.again = True
        for operand in node.operands:
            with self.collected(), self.under(facts):
                self.infer(operand)
                facts = None if facts is None else self.assume(operand, node.operator == "&&", facts)
        self.again = False

    def check_bool(self, node: Expr, *, inverted: bool = False) -> None:
        """Reports what must be true or false and isn't. ``inverted``: it stands behind a ``!``, which binds tightly."""
        shape = self.shape_of(node)
        if not shape.kinds or shape is NEVER or shape.kinds == {"bool"}:
            return
        if "bool" in shape.kinds:
            self.perhaps(node, shape.kinds - {"bool"})
            return
        message = f"expected true or false; {self.text(node)} is {described(shape)}"
        remedy = remedies.of_predicate(node, shape, self.plain, inverted=inverted)
        self.error("route.predicate", message, node, remedy.hint, fix=remedy.fix)

    def infer_conditional(self, node: Conditional) -> Shape:
        """``condition ? then : otherwise``."""
        with self.collected() as problems:
            self.infer(node.condition)
            self.check_bool(node.condition)
        self.note(problems)
        decision = self.decided(node.condition)
        shapes: list[Shape] = []
        for branch, known in ((node.then, decision.yes), (node.otherwise, decision.no)):
            facts = self.facts if known is None and problems and self.alone else known
            with self.under(facts):
                shape = self.infer(branch)
            if facts is not None:
                shapes.append(shape)
            elif not problems:
                self.unreachable(node, branch)
        return union(*shapes) if shapes else DYN

    def unreachable(self, node: Conditional, branch: Expr) -> None:
        """Reports a branch that is never taken."""
        if isinstance(node.condition, Literal):
            return
        never = branch is node.then
        blamed = self.blame(node.condition, never=never)
        message = (
            f"{self.text(branch)} is never used, since {self.text(blamed)} is always {'false' if never else 'true'}"
        )
        message += self.reason(blamed)
        if is_defensive(blamed):
            self.possible("route.unreachable", message, branch)
        else:
            self.warning("route.unreachable", message, branch, everywhere=True)

    # Predicates

    def decided(self, node: Expr) -> Decision:
        """What is known where an expression that was inferred is true, and where it is false."""
        return Decision(self.assume(node, True, self.facts), self.assume(node, False, self.facts))  # noqa: FBT003  the values

    def predicate(self, node: Expr, consequences: tuple[str, str]) -> Decision:
        """Infers a predicate, and reports one that every event fulfils, or none.

        Args:
            node: the predicate.
            consequences: what it means if it is always true, and always false; may be empty.
        """
        with self.collected() as problems:
            self.infer(node)
            self.check_bool(node)
        self.note(problems)
        decision = self.decided(node)
        if not problems and (not isinstance(node, Literal) or any(consequences)):
            if decision.yes is None:
                self.always(node, never=True, consequence=consequences[1])
            elif decision.no is None:
                self.always(node, never=False, consequence=consequences[0])
        return decision

    def always(self, node: Expr, *, never: bool, consequence: str) -> None:
        """Reports a predicate that is always the same."""
        blamed = self.blame(node, never=never)
        if isinstance(blamed, Literal):
            message = f"this is {self.text(blamed)} for every event"
        else:
            message = f"{self.text(blamed)} is always {'false' if never else 'true'}{self.reason(blamed)}"
        if consequence:
            message += f", {consequence}"
        if never:
            self.warning("route.always_false", message, blamed, everywhere=True)
        elif is_defensive(blamed):
            self.possible("route.always_true", message, blamed)
        else:
            self.warning("route.always_true", message, blamed, everywhere=True)

    def blame(self, node: Expr, *, never: bool) -> Expr:
        """The part of a predicate that makes it always false (``never``), or always true."""
        if isinstance(node, Unary) and node.operator == "!":
            inner = self.blame(node.operand, never=not never)
            return node if inner is node.operand else inner
        if isinstance(node, Logical) and (node.operator == "&&") is never:
            facts: Facts | None = self.facts
            for operand in node.operands:
                assert facts is not None
                after = self.assume(operand, never, facts)
                if after is None:
                    # What only contradicts the operands before it isn't to blame alone.
                    alone = self.assume(operand, never, self.facts)
                    return self.blame(operand, never=never) if alone is None else node
                facts = after
        return node

    def reason(self, node: Expr) -> str:
        """Why a test always has one result, if its operands' types say so."""
        if isinstance(node, Unary):
            return self.reason(node.operand)
        if isinstance(node, Has):
            return (
                f": {self.text(node.operand)} always has `{node.field}`" if self.shape_of(node.operand).fields else ""
            )
        if not isinstance(node, Binary):
            return ""
        for operand, other in ((node.left, node.right), (node.right, node.left)):
            shape = self.shape_of(operand)
            if isinstance(other, Literal) and shape.kinds and self.path_of(operand):
                return f": {self.text(operand)} is {short(shape)}"
        return ""


def is_defensive(node: Expr) -> bool:
    """Whether a test is one that people write to be safe, so that it may well be superfluous."""
    match node:
        case Unary():
            return is_defensive(node.operand)
        case Has():
            return True
        case Call():
            return node.function in ("hasValue", "size")
        case Binary(operator="in"):
            return isinstance(node.left, Literal)
        case Binary():
            return any(
                (isinstance(each, Literal) and each.value is None)
                or (isinstance(each, Call) and each.function == "type")
                for each in (node.left, node.right)
            )
    return False
