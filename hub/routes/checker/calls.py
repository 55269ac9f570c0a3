"""Shapes of calls: what a function takes, and what it makes of it."""

from __future__ import annotations

from collections.abc import Sequence

from hub.contracts.shape import BOOL, DYN, NEVER, NUMBERS, Shape
from hub.contracts.shape_text import constant_text, described
from hub.contracts.shape_union import union
from hub.routes.checker import remedies
from hub.routes.checker.relations import Relations
from hub.routes.checker.signatures import Overload, Parameter, signatures
from hub.routes.checker.spelling import close
from hub.routes.functions import FUNCTIONS
from hub.routes.kinds import Kind
from hub.routes.syntax import Call, Expr, Literal

_NO_TIME = {
    "date": "a date without a time of day",
    "time": "a time of day without a date",
    "uri": "a URI",
    "email": "an e-mail address",
    "uuid": "a UUID",
    "hostname": "a host's name",
    "ipv4": "an address",
    "ipv6": "an address",
}
"""Formats of text that holds no point in time."""
_TEXT = frozenset(("string", "null_type"))
_SCALARS = NUMBERS | {"string", "bool", "bytes", "null_type", "timestamp", "duration"}


class Calls(Relations):
    """Functions."""

    def infer_call(self, node: Call) -> Shape:
        """A call."""
        operands = (*((node.target,) if node.target is not None else ()), *node.arguments)
        shapes = [self.infer(each) for each in operands]
        forms = [
            each
            for each in signatures().get(node.function, ())
            if each.takes(member=node.target is not None, count=len(operands))
        ]
        if not forms:
            return self.undeclared(node)
        fitting = [each for each in forms if all(_fits(each.parameter(i), shape) for i, shape in enumerate(shapes))]
        if not fitting:
            self.mismatch(node, forms, operands, shapes)
            return union(*(each.result(shapes) for each in forms))
        for index, operand in enumerate(operands):
            self.partly(operand, shapes[index], [each.parameter(index) for each in fitting])
        special = getattr(self, "call_" + node.function.replace(".", "_").lower(), None)
        if special is not None:
            return special(node, operands, shapes)  # type: ignore[no-any-return]  # methods of this class
        return union(*(each.result(shapes) for each in fitting))

    def undeclared(self, node: Call) -> Shape:
        """A function of which the table knows nothing; whether there is one is the compiler's to say."""
        function = FUNCTIONS.get(node.function)
        if function is None or function.result is Kind.DYN:
            return DYN
        return Shape((function.result.value,))

    def partly(self, operand: Expr, shape: Shape, parameters: Sequence[Parameter]) -> None:
        """Reports an operand that may be of a type which isn't taken."""
        if not shape.kinds or shape is NEVER or not all(each.kinds for each in parameters):
            return
        taken = frozenset().union(*(each.kinds for each in parameters))
        self.perhaps(operand, shape.kinds - taken)
        items = shape.items if "list" in shape.kinds else None
        wanted = frozenset().union(*(each.items for each in parameters))
        if items is not None and items is not NEVER and wanted and items.kinds and not items.kinds <= wanted:
            what = f"an element of {self.text(operand)} may be {described(Shape(items.kinds - wanted))}"
            code = "route.null" if items.kinds - wanted == {"null_type"} else "route.maybe_type"
            self.possible(code, what, operand, f"write `{self.plain(operand)}.filter(x, …)` before")

    def mismatch(
        self, node: Call, forms: Sequence[Overload], operands: Sequence[Expr], shapes: Sequence[Shape]
    ) -> None:
        """Reports the first operand that no form of the function takes."""
        best = max(forms, key=lambda form: sum(_fits(form.parameter(i), each) for i, each in enumerate(shapes)))
        index = next(i for i, each in enumerate(shapes) if not _fits(best.parameter(i), each))
        wanted = [form.parameter(index) for form in forms if form is best or _others_fit(form, shapes, index)]
        operand, shape = operands[index], shapes[index]
        names = _wanted(wanted)
        if wanted[0].items and "list" in shape.kinds:
            items = shape.items or DYN
            message = f"`{node.function}` takes {names}; each element of {self.text(operand)} is {described(items)}"
        else:
            message = f"`{node.function}` takes {names}; {self.text(operand)} is {described(shape)}"
        kinds = frozenset().union(*(each.kinds for each in wanted))
        remedy = remedies.of_operand(operand, shape, kinds, wanted[0].items, self.plain)
        self.error("route.type", message, operand, remedy.hint, fix=remedy.fix)

    # Functions whose result or operands need a closer look

    def call_timestamp(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  one form for all
        """``timestamp(x)``: text of a format that holds no time never becomes one."""
        shape = shapes[0]
        if shape.kinds <= _TEXT and shape.format in _NO_TIME:
            what = f"`timestamp` takes a time by RFC 3339; {self.text(operands[0])} holds {_NO_TIME[shape.format]}"
            hint = f'write `timestamp({self.plain(operands[0])} + "T00:00:00Z")`' if shape.format == "date" else None
            self.error("route.type", what, operands[0], hint)
        return Shape(("timestamp",))

    def call_lookup(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``lookup(table, key, fallback)``: a value of the table."""
        name = operands[0].value if isinstance(operands[0], Literal) else None
        table = self.tables.get(name) if isinstance(name, str) else None
        if table is None:
            return DYN
        key = shapes[1].constant
        fallback = shapes[2:] or []
        if key is not None and isinstance(key[0], str) and isinstance(operands[1], Literal):
            if key[0] in table:
                return Shape.of_value(table[key[0]])
            if not fallback:
                message = f"the table `{name}` has no key {constant_text(key[0])}"
                meant = close(key[0], table)
                hint = (
                    f"did you mean {constant_text(meant)}?" if meant else "give a third argument for what isn't in it"
                )
                fix = constant_text(meant) if meant else None
                self.error("route.unknown_field", message, operands[1], hint, fix=fix)
                return DYN
        return union(*(Shape.of_value(value) for value in table.values()), *fallback)

    def call_optional_unwrap(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``optional.unwrap(list)``: a list of what the optional values hold."""
        items = shapes[0].items or DYN
        return Shape(("list",), items=(items.items or DYN) if items.kinds == {"optional_type"} else DYN)

    call_unwrapopt = call_optional_unwrap

    def call_flatten(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``list.flatten()``: elements of elements."""
        items = shapes[0].items or DYN
        if len(operands) > 1 or not items.kinds or items is NEVER:
            return Shape(("list",))
        if items.kinds == {"list"}:
            return Shape(("list",), items=items.items or DYN)
        return Shape(("list",), items=DYN if "list" in items.kinds else items)

    def call_sort(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``list.sort()``: of elements that have an order."""
        self.check_order(operands[0], shapes[0].items or DYN, "sort")
        return shapes[0]

    def check_order(self, node: Expr, items: Shape, function: str) -> None:
        """Reports elements that have no order among them."""
        ordered = NUMBERS | {"string", "bytes", "bool", "timestamp", "duration"}
        if not items.kinds or items is NEVER:
            return
        given = f"those of {self.text(node)} are {described(items)}"
        what = f"`{function}` takes values of one type that have an order; {given}"
        if items.kinds.isdisjoint(ordered):
            hint = "write `list.sortBy(x, x.field)`" if "map" in items.kinds and function == "sort" else None
            self.error("route.type", what, node, hint)
        elif len(items.kinds) > 1 and not items.kinds <= NUMBERS:
            self.possible("route.maybe_type", what, node)

    def call_redact(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``redact(x)``: of the same type on the outside."""
        shape = shapes[0]
        return Shape(shape.kinds) if shape.kinds and shape.kinds <= _SCALARS else DYN

    def call_orvalue(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``optional.orValue(x)``: what is held, or the other."""
        held = shapes[0].items if shapes[0].kinds == {"optional_type"} else DYN
        return union(held or DYN, shapes[1])

    def call_hasvalue(self, node: Call, operands: Sequence[Expr], shapes: Sequence[Shape]) -> Shape:  # noqa: ARG002  likewise
        """``optional.hasValue()``."""
        return BOOL


def _fits(parameter: Parameter, shape: Shape) -> bool:
    """Whether a value of a shape may be taken."""
    if not parameter.kinds or not shape.kinds or shape is NEVER:
        return True
    if parameter.kinds.isdisjoint(shape.kinds):
        return False
    items = shape.items
    if parameter.items and shape.kinds == {"list"} and items is not None and items.kinds and items is not NEVER:
        return not parameter.items.isdisjoint(items.kinds)
    return True


def _others_fit(form: Overload, shapes: Sequence[Shape], index: int) -> bool:
    return all(_fits(form.parameter(i), shape) for i, shape in enumerate(shapes) if i != index)


def _wanted(parameters: Sequence[Parameter]) -> str:
    kinds = frozenset().union(*(each.kinds for each in parameters))
    text = described(Shape(kinds))
    if parameters[0].items and kinds == {"list"}:
        inner = described(Shape(parameters[0].items)).removeprefix("a ").removeprefix("an ")
        return f"{text} of {inner}s" if len(parameters[0].items) == 1 else f"{text} of numbers"
    return text
