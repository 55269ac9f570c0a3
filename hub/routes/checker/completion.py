"""What can be written at a place of an expression: names, fields, functions and macros, for editors.

The expression is mostly not whole while it is written, so it isn't parsed: what stands before the place is cut out by
its brackets and quotes, and only that is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from hub.contracts.shape import DYN, Shape
from hub.routes.checker.expression import Checker
from hub.routes.checker.loops import elements
from hub.routes.checker.signatures import signatures
from hub.routes.errors import ExpressionError
from hub.routes.functions import FUNCTIONS
from hub.routes.parser import parse
from hub.routes.writer import Source

_WORD = re.compile(r"[A-Za-z_]\w*")
_UNFINISHED = re.compile(r"[A-Za-z_]\w*$|$")
_MACROS = {
    "all": ("list.all(x, condition)", "whether all elements fulfil a condition"),
    "exists": ("list.exists(x, condition)", "whether any element fulfils a condition"),
    "exists_one": ("list.exists_one(x, condition)", "whether exactly one element fulfils a condition"),
    "filter": ("list.filter(x, condition)", "the elements that fulfil a condition"),
    "map": ("list.map(x, expression)", "a list of what the expression makes of each element"),
    "sortBy": ("list.sortBy(x, key)", "the elements in the order of their keys"),
    "transformList": ("list.transformList(i, x, expression)", "as map, with the place or the key too"),
    "transformMap": ("map.transformMap(k, v, expression)", "an object with the same keys and other values"),
    "transformMapEntry": ("map.transformMapEntry(k, v, {key: value})", "an object of other keys and values"),
}
_OF_OPTIONALS = {
    "optMap": ("optional.optMap(x, expression)", "what the expression makes of the value, if there is one"),
    "optFlatMap": ("optional.optFlatMap(x, expression)", "the same, of an expression that is optional itself"),
}
_FREE_MACROS = {
    "has": ("has(a.b)", "whether the field is there"),
    "cel.bind": ("cel.bind(x, value, expression)", "gives a name to a value within an expression"),
}
_PAIRS = {")": "(", "]": "[", "}": "{"}


class Completion(NamedTuple):
    """Something that can be written.

    Attributes:
        name: what is written.
        shape: of its value; of a function, of its result.
        documentation: for people: what a schema says of a field, how a function is used.
        kind: what it is.
    """

    name: str
    shape: Shape
    documentation: str
    kind: Literal["field", "function", "macro", "variable"]


def complete(
    source: str, offset: int, names: Mapping[str, Shape], *, tables: Mapping[str, Any] | None = None
) -> list[Completion]:
    """What can be written at an offset of an expression, fields first; all start with what stands before it.

    Args:
        source: the expression without a mark, as far as it is written.
        offset: where to write, in code points.
        names: shapes of the names that it sees.
        tables: constant tables for ``lookup``.
    """
    before = source[:offset]
    if _within_quotes(before):
        return []
    match = _UNFINISHED.search(before)
    word = match[0] if match else ""
    rest = before[: len(before) - len(word)].rstrip()
    seen = {**names, **_variables(rest, names)}
    checker = Checker(seen, tables=tables)
    if rest.endswith((".", ".?")):
        operand = _operand(rest.removesuffix("?").removesuffix("."))
        found = _members(_shape(operand, checker), operand, optional=rest.endswith("?"))
    elif rest.endswith(tuple("0123456789)]}\"'")):
        return []
    else:
        found = _free(seen)
    return [each for each in found if each.name.startswith(word)]


def _within_quotes(text: str) -> bool:
    quote = ""
    at = 0
    while at < len(text):
        sign = text[at]
        if quote:
            if sign == "\\":
                at += 1
            elif sign == quote:
                quote = ""
        elif sign in "\"'":
            quote = sign
        at += 1
    return bool(quote)


def _shape(text: str, checker: Checker) -> Shape:
    """The shape of an expression's value, whatever is wrong with it."""
    try:
        tree = parse(text)
    except ExpressionError:
        return DYN
    return checker.check(Source(text, tree))


def _operand(text: str) -> str:
    """The value at the end of a text: names, selections, calls and what is in brackets."""
    end = at = len(text.rstrip())
    while at > 0:
        sign = text[at - 1]
        if sign in _PAIRS:
            at = _opening(text, at)
        elif sign in "\"'":
            at = max(text.rfind(sign, 0, at - 1), 0)
        elif sign.isalnum() or sign in "_." or (sign == "?" and text[at - 2 : at - 1] in (".", "[")):
            at -= 1
            continue
        else:
            break
        # Only a name, a dot or another pair of brackets goes on with the same value.
        if at == 0 or not (text[at - 1].isalnum() or text[at - 1] in '_.)]"'):
            break
    return text[at:end].strip()


def _opening(text: str, end: int) -> int:
    """Where the bracket opens that closes before ``end``."""
    waiting: list[str] = []
    at = end
    while at > 0:
        at -= 1
        sign = text[at]
        if sign in "\"'":
            at = max(text.rfind(sign, 0, at), 0)
        elif sign in _PAIRS:
            waiting.append(_PAIRS[sign])
        elif waiting and sign == waiting[-1]:
            waiting.pop()
            if not waiting:
                return at
    return 0


def _variables(text: str, names: Mapping[str, Shape]) -> dict[str, Shape]:
    """The variables of the macros that a text is still inside of."""
    found: dict[str, Shape] = {}
    for opening in _open_brackets(text):
        head, arguments = text[:opening], text[opening + 1 :]
        name = re.search(r"\.\s*(\w+)\s*$", head)
        if not name or (name[1] not in _MACROS and name[1] not in _OF_OPTIONALS):
            continue
        variables = re.match(r"\s*([A-Za-z_]\w*)\s*,(?:\s*([A-Za-z_]\w*)\s*,)?", arguments)
        if not variables:
            continue
        source = _shape(_operand(head[: name.start()]), Checker({**names, **found}))
        two = variables[2] is not None and (
            name[1].startswith("transform") or name[1] in ("all", "exists", "exists_one")
        )
        if name[1] in _OF_OPTIONALS:
            found[variables[1]] = source.items or DYN
            continue
        first, second = elements(source, two=two)
        found[variables[1]] = first
        if two:
            found[variables[2]] = second
    return found


def _open_brackets(text: str) -> list[int]:
    """Places of the brackets that nothing closes, from the outermost."""
    waiting: list[int] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign in "\"'":
            end = text.find(sign, at + 1)
            at = len(text) if end < 0 else end
        elif sign in "([{":
            waiting.append(at)
        elif sign in _PAIRS and waiting:
            waiting.pop()
        at += 1
    return waiting


# What there is


def _members(shape: Shape, operand: str, *, optional: bool) -> list[Completion]:
    """Fields of a value, and what can be called on it."""
    held = (shape.items or DYN) if "optional_type" in shape.kinds else shape
    found = [
        Completion(name, held.fields[name], _field(held, name), "field")
        for name in held.fields
        if _WORD.fullmatch(name)
    ]
    if optional:
        return found
    if operand in _NAMESPACES:
        prefix = f"{operand}."
        return [
            Completion(name.removeprefix(prefix), _result(name), FUNCTIONS[name].usage, "function")
            for name in FUNCTIONS
            if name.startswith(prefix)
        ]
    if not shape.kinds or shape.kinds & {"list", "map"}:
        found += [Completion(name, DYN, ": ".join(text), "macro") for name, text in _MACROS.items()]
    if not shape.kinds or "optional_type" in shape.kinds:
        found += [Completion(name, DYN, ": ".join(text), "macro") for name, text in _OF_OPTIONALS.items()]
    for name, overloads in signatures().items():
        fitting = [
            each
            for each in overloads
            if each.member
            and (not each.parameters[0].kinds or not shape.kinds or each.parameters[0].kinds & shape.kinds)
        ]
        if fitting and name in FUNCTIONS:
            found.append(Completion(name, _result(name), FUNCTIONS[name].usage, "function"))
    return found


_NAMESPACES = frozenset(("math", "regex", "strings", "optional", "base64", "lists", "sets"))


def _field(shape: Shape, name: str) -> str:
    field = shape.fields[name]
    missing = "" if name in shape.required else "may be missing"
    return "; ".join(filter(None, (field.description, missing)))


def _free(names: Mapping[str, Shape]) -> list[Completion]:
    """Names, and functions that need no value before them."""
    found = [Completion(name, shape, shape.description or "", "variable") for name, shape in names.items()]
    found += [Completion(name, DYN, ": ".join(text), "macro") for name, text in _FREE_MACROS.items()]
    found += list(_functions())
    return found


def _functions() -> Iterator[Completion]:
    for name, function in FUNCTIONS.items():
        if function.free:
            yield Completion(name, _result(name), function.usage, "function")


def _result(name: str) -> Shape:
    kind = FUNCTIONS[name].result.value if name in FUNCTIONS else "dyn"
    return DYN if kind == "dyn" else Shape((kind,))
