"""From a validator's errors to violations in words: what was expected, and the type of what came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from hub.contracts import violation
from hub.contracts.drift import Novelty
from hub.contracts.violation import Violation, json_type

_LONGEST = 120  # characters that a schema's own value takes in a message
_UNKNOWN_FIELDS = ("additionalProperties", "unevaluatedProperties")
_LONGEST_KEY = 80  # characters that a key of the event takes in a path


def pointer(path: Iterable[str | int]) -> str:
    """A path within an event as JSON Pointer; keys are cut at 80 characters, since an event may bring any."""
    return violation.pointer(path, _LONGEST_KEY)


def explain(errors: Iterable[Any]) -> list[Violation]:
    """Violations by path, each once.

    Args:
        errors: of jsonschema-rs.
    """
    found = [each for error in errors for each in _explained(error)]
    return sorted(dict.fromkeys(found))


def separate(errors: Iterable[Any]) -> tuple[list[Violation], list[Novelty]]:
    """Violations, and fields that the schema forbids only because it doesn't know them.

    Args:
        errors: of jsonschema-rs.
    """
    wrong: list[Any] = []
    new: list[Novelty] = []
    for error in errors:
        found = _novelties(error)
        if found is None:
            wrong.append(error)
        else:
            new += found
    return explain(wrong), new


def _novelties(error: Any) -> list[Novelty] | None:
    """The new fields, where nothing else is wrong."""
    kind = error.kind
    if kind.name in _UNKNOWN_FIELDS:
        path = ["*" if isinstance(each, int) else each for each in error.instance_path]
        return [Novelty(pointer([*path, name]), json_type(error.instance[name])) for name in kind.unexpected]
    if kind.name in ("anyOf", "oneOf") and all(kind.context):
        for branch in kind.context:
            found = [_novelties(each) for each in branch]
            if all(each is not None for each in found):
                return [novelty for each in found for novelty in each or ()]
    return None


def _explained(error: Any) -> list[Violation]:
    kind = error.kind
    path = list(error.instance_path)
    match kind.name:
        case "required":
            return [Violation(pointer([*path, kind.property]), "expected a value, got nothing")]
        case name if name in _UNKNOWN_FIELDS:
            return [
                Violation(pointer([*path, name]), "expected no field that the contract doesn't have, got one")
                for name in kind.unexpected
            ]
        case "propertyNames":
            return [Violation(pointer(path), "expected other names of fields, got one that isn't allowed")]
        case "anyOf" | "oneOf" if kind.context and all(kind.context):
            return _nearest(error, kind.context)
    expected = _EXPECTED.get(kind.name, _other)(kind)
    return [Violation(pointer(path), f"expected {expected}, got {_came(error)}")]


def _nearest(error: Any, branches: Sequence[Sequence[Any]]) -> list[Violation]:
    """Why none of several alternatives fits: their types, or what is wrong with the one that comes nearest."""
    here = len(error.instance_path)
    fitting = [branch for branch in branches if not any(_at_top(each, here) for each in branch)]
    if len(fitting) == 1:
        return [found for each in fitting[0] for found in _explained(each)]
    if not fitting and all(each.kind.name == "type" and _at_top(each, here) for branch in branches for each in branch):
        types = dict.fromkeys(name for branch in branches for each in branch for name in each.kind.types)
        return [Violation(pointer(error.instance_path), f"expected {_types(types)}, got {json_type(error.instance)}")]
    text = f"expected what one of {len(branches)} alternatives allows, got {_came(error)} that none does"
    return [Violation(pointer(error.instance_path), text)]


def _at_top(error: Any, depth: int) -> bool:
    """Whether an alternative is out of the question: the value itself is of another type or another constant."""
    if error.kind.name in ("anyOf", "oneOf") and len(error.instance_path) == depth:
        return all(any(_at_top(each, depth) for each in branch) for branch in error.kind.context)
    if error.kind.name == "const":
        return True  # the mark by which alternatives are told apart
    return len(error.instance_path) == depth and error.kind.name in ("type", "enum")


def _came(error: Any) -> str:
    name = json_type(error.instance)
    article = "an" if name[0] in "aio" else "a"
    return name if error.kind.name == "type" or name == "null" else f"{article} {name}"


def _types(names: Iterable[str]) -> str:
    # The validator lists them in no order of the schema's: null comes last, as people say it.
    ordered = sorted(names, key=lambda name: (name == "null", name))
    return ordered[0] if len(ordered) == 1 else f"{', '.join(ordered[:-1])} or {ordered[-1]}"


def _shown(value: Any) -> str:
    """A value of the schema."""
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _one_of(kind: Any) -> str:
    shown = [_shown(each) for each in kind.options]
    text = ", ".join(shown)
    return f"one of {text}" if len(text) <= _LONGEST else f"one of {len(shown)} values"


def _other(kind: Any) -> str:
    return f"what `{kind.name}` of the contract allows"


_EXPECTED: dict[str, Callable[[Any], str]] = {
    "type": lambda kind: _types(kind.types),
    "enum": _one_of,
    "const": lambda kind: _shown(kind.expected_value),
    "format": lambda kind: f"text of the form {kind.format}",
    "pattern": lambda kind: f"text that matches {kind.pattern[:_LONGEST]}",
    "minimum": lambda kind: f"a number of at least {kind.limit}",
    "maximum": lambda kind: f"a number of at most {kind.limit}",
    "exclusiveMinimum": lambda kind: f"a number above {kind.limit}",
    "exclusiveMaximum": lambda kind: f"a number below {kind.limit}",
    "multipleOf": lambda kind: f"a multiple of {kind.multiple_of}",
    "minLength": lambda kind: f"text of at least {kind.limit} characters",
    "maxLength": lambda kind: f"text of at most {kind.limit} characters",
    "minItems": lambda kind: f"at least {kind.limit} items",
    "maxItems": lambda kind: f"at most {kind.limit} items",
    "minProperties": lambda kind: f"at least {kind.limit} fields",
    "maxProperties": lambda kind: f"at most {kind.limit} fields",
    "uniqueItems": lambda _: "items that differ from each other",
    "contains": lambda _: "a certain number of items of a certain form",
    "oneOf": lambda kind: f"what exactly one of {len(kind.context)} alternatives allows",
    "unevaluatedItems": lambda _: "no items that the contract doesn't have",
    "additionalItems": lambda _: "no items that the contract doesn't have",
    "falseSchema": lambda _: "nothing",
}
