"""The extension for numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hub.routes import ExpressionError, compile_expression
from hub.routes.values import UInt
from tests.unit.routes.evaluation import failure, value

DATA = {"list": [3, 1.5, -2], "empty": [], "mixed": [1, "a"], "n": None, "huge": 2**63}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("math.greatest(1, 2.5, 2u)", 2.5),
        ("math.greatest(data.list)", 3),
        ("math.least(data.list)", -2),
        ("math.greatest(7)", 7),
        ("math.least(1, 1.0, 1u)", 1),
        ("math.least(1.0, 1)", 1.0),
        ("math.greatest(18446744073709551615u, 9223372036854775807)", UInt(2**64 - 1)),
        ("math.greatest(1, 0.0 / 0.0)", 1),
        ("math.ceil(-1.2)", -1.0),
        ("math.floor(-1.2)", -2.0),
        ("math.trunc(-1.8)", -1.0),
        ("math.round(2.5)", 3.0),
        ("math.round(-2.5)", -3.0),
        ("math.round(0.49999999999999994)", 0.0),
        ("math.round(4503599627370497.0)", 4503599627370497.0),
        ("math.floor(1.0 / 0.0)", math.inf),
        ("math.abs(-3)", 3),
        ("math.abs(3u)", UInt(3)),
        ("math.abs(-0.5)", 0.5),
        ("math.sign(-7)", -1),
        ("math.sign(7u)", UInt(1)),
        ("math.sign(-0.0)", 0.0),
        ("math.sqrt(9)", 3.0),
        ("math.sqrt(2.25)", 1.5),
        ("math.isNaN(math.sqrt(-1)) && math.isNaN(math.sign(0.0 / 0.0)) && math.isNaN(math.round(0.0 / 0.0))", True),
        ("math.isInf(-1.0 / 0.0) && !math.isInf(0.0 / 0.0) && !math.isNaN(1.0)", True),
        ("math.isFinite(1.0) && !math.isFinite(1.0 / 0.0) && !math.isFinite(0.0 / 0.0)", True),
        ("math.bitAnd(12, 10)", 8),
        ("math.bitAnd(-1, 255)", 255),
        ("math.bitOr(4, -2)", -2),
        ("math.bitXor(3u, 1u)", UInt(2)),
        ("math.bitNot(0)", -1),
        ("math.bitNot(0u)", UInt(2**64 - 1)),
        ("math.bitShiftLeft(1, 63)", -(2**63)),
        ("math.bitShiftLeft(3u, 1)", UInt(6)),
        ("math.bitShiftLeft(1, 64)", 0),
        ("math.bitShiftLeft(1, 9223372036854775807)", 0),
        ("math.bitShiftRight(-1, 1)", 2**63 - 1),
        ("math.bitShiftRight(-1, 0)", -1),
        ("math.bitShiftRight(8u, 2)", UInt(2)),
        ("math.bitShiftRight(-1, 64)", 0),
    ],
)
def test_a_function_of_numbers(source: str, expected: Any) -> None:
    found = value(source, DATA)
    assert found == expected
    assert type(found) is type(expected)


def test_rounding_keeps_the_sign_of_a_zero() -> None:
    for source in ("math.round(-0.4)", "math.ceil(-0.4)", "math.trunc(-0.4)"):
        assert math.copysign(1, value(source)) == -1


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("math.greatest(data.empty)", "math.greatest takes a list with at least one number, got an empty one"),
        ("math.least(data.mixed)", "math.least takes numbers, got a string"),
        ("math.least(1, data.n)", "math.least takes numbers, got null"),
        ("math.greatest(1 == 1)", "math.greatest takes numbers, got a bool"),
        ("math.ceil(1)", "math.ceil takes a double, got an int"),
        ("math.isNaN(1)", "math.isNaN takes a double, got an int"),
        ("math.abs(-9223372036854775808)", "the result doesn't fit into an int of 64 bits"),
        ("math.abs('1')", "math.abs takes numbers, got a string"),
        ("math.sqrt(data.n)", "math.sqrt takes numbers, got null"),
        ("math.bitAnd(1, 1u)", "math.bitAnd takes two ints or two uints, got an int and a uint"),
        ("math.bitOr(1.0, 2.0)", "math.bitOr takes ints or uints, got a double"),
        ("math.bitNot(data.huge)", "math.bitNot takes ints or uints, got an integer that doesn't fit into 64 bits"),
        ("math.bitShiftLeft(1, -1)", "math.bitShiftLeft takes a number of bits that isn't negative"),
        ("math.bitShiftRight(1, 1u)", "math.bitShiftRight takes an int as argument, got a uint"),
    ],
)
def test_what_a_function_of_numbers_refuses(source: str, detail: str) -> None:
    assert failure(source, DATA).detail == detail


@pytest.mark.parametrize(
    ("source", "at"),
    [
        ("math.greatest(true)", "true"),
        ("math.least(1, 'a')", "'a'"),
        ("math.greatest([1, null])", "null"),
        ("math.greatest([1], 2)", "[1]"),
        ("math.least({})", "{}"),
        ("math.least([])", "[]"),
        ("math.least([[1]])", "[1]"),
    ],
)
def test_what_can_be_seen_to_be_no_number_is_refused_before_it_runs(source: str, at: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    error = caught.value
    assert error.code == "route.arguments"
    assert source[error.start : error.end] == at
