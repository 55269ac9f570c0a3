"""The table of functions: none is missing, and what it says of their arguments and results is what happens."""

from __future__ import annotations

import itertools

import pytest

from hub.contracts.shape import Shape
from hub.routes import EvaluationError, ExpressionError, compile_expression
from hub.routes.checker.signatures import signatures
from hub.routes.functions import FUNCTIONS
from hub.routes.values import TYPES
from tests.unit.routes.checker.test_soundness import OF_VALUES, event

MOST = 3  # arguments of the functions that take any number


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_signature_for_each_number_of_arguments(name):
    """And none for a number that it doesn't take."""
    function = FUNCTIONS[name]
    forms = signatures().get(name, ())
    for count in range(MOST + 1):
        assert any(each.takes(member=False, count=count) for each in forms) is (count in function.free), count
        assert any(each.takes(member=True, count=count + 1) for each in forms) is (count in function.member), count


def test_there_is_no_signature_without_a_function():
    """A name that is gone goes here too."""
    assert signatures().keys() <= FUNCTIONS.keys()


SAMPLES = {
    "null_type": "null",
    "bool": "true",
    "int": "1",
    "uint": "1u",
    "double": "1.5",
    "string": '"1"',
    "bytes": 'b"1"',
    "list": "[1, 1]",
    "map": '{"a": 1}',
    "timestamp": 'timestamp("2026-01-01T00:00:00Z")',
    "duration": 'duration("1h")',
    "type": "int",
    "optional_type": "optional.of(1)",
    "net.IP": 'ip("192.0.2.1")',
    "net.CIDR": 'cidr("192.0.2.0/24")',
}
SPECIAL = frozenset((
    "lookup", "hash", "uuid5", "format", "optional.unwrap", "unwrapOpt", "join", "redact", "parseJson", "toJson", "or",
))  # fmt: skip
"""Functions of which more than the types of their arguments matters."""
VALUES = (
    *OF_VALUES, "a place within", "within the list", "expected a time by", "expected a duration", "takes base64",
    "expected an IP address", "expected a CIDR block", "expected a time zone",
)  # fmt: skip
"""What a value may be wrong by whose type is right."""


def outcomes(name, member, count):
    """What a function makes of arguments of all types: their kinds, and that of its result or none."""
    # Of three operands only the last is of all types; the two before it are such as are taken.
    taken = [_taken(name, member, count, place) for place in range(2 if count > 2 else 0)]
    for kinds in itertools.product(*taken, *([SAMPLES] if taken else [SAMPLES] * count)):
        texts = [SAMPLES[each] for each in kinds]
        call = f"({texts[0]}).{name}({', '.join(texts[1:])})" if member else f"{name}({', '.join(texts)})"
        try:
            value = compile_expression(f"dyn({call})")(event(None))
        except (EvaluationError, ExpressionError) as error:
            if any(each in str(error) for each in VALUES):
                continue
            yield kinds, None
        else:
            yield kinds, _kind(value)


def _taken(name, member, count, place):
    form = next(each for each in signatures()[name] if each.takes(member=member, count=count))
    return sorted(form.parameter(place).kinds or {"int"})[:1]


def _kind(value):
    name = TYPES[type(value)].name
    return {"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}.get(name, name)


CASES = [
    (name, member, count)
    for name, function in FUNCTIONS.items()
    if name not in SPECIAL
    for member, counts in ((False, function.free), (True, function.member))
    for count in range(1, 4)
    if count - member in counts
]


@pytest.mark.parametrize(("name", "member", "count"), CASES, ids=str)
def test_signatures_say_what_happens(name, member, count):
    """For arguments of every type: taken if and only if the table says so, with a result of the type that it says."""
    forms = [each for each in signatures()[name] if each.takes(member=member, count=count)]
    for kinds, result in outcomes(name, member, count):
        fitting = [
            form
            for form in forms
            if all(not (p := form.parameter(i)).kinds or kind in p.kinds for i, kind in enumerate(kinds))
        ]
        assert bool(fitting) is (result is not None), (kinds, result)
        if result is not None:
            shapes = [_shape(kind) for kind in kinds]
            made = [form.result(shapes).kinds for form in fitting]
            assert any(not each or result in each for each in made), (kinds, result, made)


def _shape(kind):
    items = Shape(("int",)) if kind in ("list", "optional_type") else None
    return Shape((kind,), items=items)
