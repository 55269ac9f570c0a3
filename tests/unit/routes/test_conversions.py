"""Conversions between the types of the language."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hub.routes.values import UInt
from tests.unit.routes.evaluation import failure, value


@pytest.mark.parametrize(
    ("source", "data", "expected"),
    [
        ("int(data)", 5, 5),
        ("int(data)", -1.9, -1),
        ("int(data)", "-42", -42),
        ("int(data)", "+42", 42),
        ("int(7u)", None, 7),
        ("int(timestamp('1970-01-02T00:00:00.9Z'))", None, 86400),
        ("int(timestamp('1969-12-31T23:59:59.9Z'))", None, -1),
        ("uint(data)", 5, UInt(5)),
        ("uint(data)", 1.9, UInt(1)),
        ("uint(data)", "18446744073709551615", UInt(2**64 - 1)),
        ("double(data)", 5, 5.0),
        ("double(data)", "1.5e3", 1500.0),
        ("double(data)", "-.5", -0.5),
        ("double(data)", "-inf", -math.inf),
        ("double(2u)", None, 2.0),
        ("bool(data)", "true", True),
        ("bool(data)", "False", False),
        ("bool(data)", True, True),
        ("string(data)", 5, "5"),
        ("string(data)", True, "true"),
        ("string(data)", "text", "text"),
        ("string(12u)", None, "12"),
        ("string(b'\\xc3\\xbf')", None, "ÿ"),
        ("bytes(data)", "ÿ", b"\xc3\xbf"),
        ("bytes(b'a')", None, b"a"),
        ("dyn(data)", [1], [1]),
        ("string(data)", 1.5, "1.5"),
        ("string(data)", 2.0, "2"),
        ("string(data)", -0.0, "-0"),
        ("string(data)", 1234567.5, "1234567.5"),
        ("string(data)", 1e20, "100000000000000000000"),
        ("string(data)", 1e21, "1e+21"),
        ("string(data)", 0.00001, "1e-05"),
        ("string(0.0 / 0.0) + string(-1.0 / 0.0)", None, "NaN-Infinity"),
    ],
)
def test_a_conversion(source: str, data: Any, expected: Any) -> None:
    found = value(source, data)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("source", "data", "detail"),
    [
        ("int(data)", "4.2", "expected text that holds an int, got a string that doesn't"),
        ("int(data)", " 4", "expected text that holds an int, got a string that doesn't"),
        ("int(data)", "٤", "expected text that holds an int, got a string that doesn't"),
        ("int(data)", "9223372036854775808", "the result doesn't fit into an int of 64 bits"),
        ("int(data)", 9.3e18, "the double doesn't fit into an int of 64 bits"),
        ("int(data)", 9223372036854775807.0, "the double doesn't fit into an int of 64 bits"),
        ("int(0.0 / 0.0)", None, "the double doesn't fit into an int of 64 bits"),
        ("int(18446744073709551615u)", None, "the result doesn't fit into an int of 64 bits"),
        ("int(data)", True, "an int can't be made of a bool"),
        ("int(data)", None, "an int can't be made of null"),
        ("uint(data)", -1, "the result doesn't fit into a uint of 64 bits"),
        ("uint(data)", -0.5, "the double doesn't fit into a uint of 64 bits"),
        ("uint(data)", "-0", "expected text that holds a uint, got a string that doesn't"),
        ("double(data)", "1_0", "expected text that holds a double, got a string that doesn't"),
        ("double(data)", "", "expected text that holds a double, got a string that doesn't"),
        ("double(data)", True, "a double can't be made of a bool"),
        ("bool(data)", "yes", "expected text that holds a bool, got a string that doesn't"),
        ("bool(data)", 1, "a bool can't be made of an int"),
        ("string(data)", None, "a string can't be made of null"),
        ("string(data)", [1], "a string can't be made of a list"),
        ("string(data)", {}, "a string can't be made of an object"),
        ("string(b'\\xff')", None, "expected bytes that are UTF-8"),
        ("bytes(data)", 1, "bytes can't be made of an int"),
        ("timestamp(data)", 1.5, "a timestamp can't be made of a double"),
        ("duration(data)", 1, "a duration can't be made of an int"),
    ],
)
def test_a_conversion_that_is_not_possible_is_an_error(source: str, data: Any, detail: str) -> None:
    assert failure(source, data).detail == detail


def test_an_integer_beyond_64_bits_is_compared_exactly_and_refused_by_arithmetic() -> None:
    data = {"n": 2**64 - 1}
    for source in ("data.n + 0", "data.n * 1", "int(data.n)", "-data.n", "string(int(data.n))"):
        assert "64 bits" in failure(source, data).detail
    assert value("data.n > 1 && data.n == data.n", data) is True
