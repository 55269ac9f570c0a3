"""The extensions for lists, sets and networks, macros with two variables, and names for values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.routes.evaluation import failure, value

DATA = {
    "l": [3, 1, 2, 1],
    "words": ["b", "a"],
    "people": [{"name": "bob", "age": 7}, {"name": "ann", "age": 30}, {"name": "cy", "age": 7}],
    "m": {"x": 1, "y": 2},
    "nested": [[1, [2]], [3], 4],
    "mixed": [1, "a"],
    "n": None,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.l.slice(1, 3)", [1, 2]),
        ("data.l.slice(4, 4)", []),
        ("data.nested.flatten()", [1, [2], 3, 4]),
        ("data.nested.flatten(2)", [1, 2, 3, 4]),
        ("data.nested.flatten(0) == data.nested && data.l.flatten(99) == data.l", True),
        ("data.l.distinct()", [3, 1, 2]),
        ("[1, 1.0, 1u, true, '1', null, null, [1], [1.0], {'a': 1}, {'a': 1u}].distinct()",
         [1, True, "1", None, [1], {"a": 1}]),
        ("[0.0 / 0.0, 0.0 / 0.0].distinct().size()", 2),
        ("data.l.sort()", [1, 1, 2, 3]),
        ("data.words.sort() + [true, false].sort() + [].sort()", ["a", "b", False, True]),
        ("[2.5, 1, 3].sort()", [1, 2.5, 3]),
        ("[duration('2s'), duration('1s')].sort()[0] == duration('1s')", True),
        ("data.people.sortBy(p, p.age).map(p, p.name)", ["bob", "cy", "ann"]),
        ("data.people.sortBy(p, -p.age)[0].name", "ann"),
        ("data.people.filter(p, p.age < 9).sortBy(p, p.name).map(p, p.name)", ["bob", "cy"]),
        ("lists.range(3)", [0, 1, 2]),
        ("lists.range(0) + lists.range(-5)", []),
        ("sets.contains(data.l, [1.0, 3u]) && sets.contains([], []) && !sets.contains(data.l, [4])", True),
        ("sets.equivalent(data.l, [1, 2, 3]) && !sets.equivalent(data.l, [1, 2])", True),
        ("sets.intersects(data.l, [9, 3]) && !sets.intersects(data.l, [])", True),
        ("sets.contains([[1], {'a': 1}], [{'a': 1.0}])", True),
        # Two variables
        ("data.l.exists(i, x, i == 2 && x == 2)", True),
        ("data.l.all(i, x, x >= i - 2)", True),
        ("data.m.all(k, v, (k == 'x') == (v == 1))", True),
        ("data.m.exists(k, v, v / 0 == 1 || k == 'y')", True),
        ("data.m.existsOne(k, v, v > 1) && !data.l.exists_one(i, x, x == 1)", True),
        ("data.l.transformList(i, x, i * x)", [0, 1, 4, 3]),
        ("data.l.transformList(i, x, i > 1, x)", [2, 1]),
        ("data.m.transformList(k, v, k + string(v))", ["x1", "y2"]),
        ("data.m.transformMap(k, v, v * 2)", {"x": 2, "y": 4}),
        ("data.m.transformMap(k, v, k != 'x', v)", {"y": 2}),
        ("data.words.transformMap(i, x, x)[1]", "a"),
        ("data.m.transformMapEntry(k, v, {string(v): k})", {"1": "x", "2": "y"}),
        ("data.people.transformMapEntry(i, p, p.age > 7, {p.name: i})", {"ann": 1}),
        ("data.l.transformList(i, x, data.m.transformList(k, v, v + i))[3]", [4, 5]),
        ("{1: 'a', true: 'b'}.transformList(k, v, v)", ["a", "b"]),
        # Names for values
        ("cel.bind(x, data.l.size(), x * x)", 16),
        ("cel.bind(x, 1 / 0, true || x == 1)", True),
        ("cel.bind(x, 1 / 0, 2)", 2),
        ("cel.bind(x, data.m, x.x + cel.bind(x, x.y, x))", 3),
        ("data.l.map(x, cel.bind(y, x + 1, y * y))", [16, 4, 9, 4]),
        ("cel.bind(data, 5, data) + .data.l[0]", 8),
        ("cel.bind(p, data.people[0], p.name + p.name + string(p.age))", "bobbob7"),
        ("cel.block([data.l, size(cel.index(0)), cel.index(1) * 2], cel.index(2) + cel.index(1))", 12),
        ("data.l.map(cel.iterVar(0, 0), cel.iterVar(0, 0) + 1)", [4, 2, 3, 2]),
        # Networks
        ("string(ip('192.0.2.1')) + ' ' + string(ip('2001:DB8::1')) + ' ' + string(cidr('10.1.2.3/8'))",
         "192.0.2.1 2001:db8::1 10.1.2.3/8"),
        ("isIP('::1') && !isIP('1.2.3') && !isIP('fe80::1%eth0') && !isIP('::ffff:1.2.3.4')", True),
        ("!isIP('01.2.3.4') && !isIP('') && !isIP('1.2.3.4 ')", True),
        ("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/+8')", True),
        ("ip.isCanonical('::1') && !ip.isCanonical('0::1') && !ip.isCanonical('2001:DB8::1')", True),
        ("ip('10.0.0.1').family() + ip('::').family()", 10),
        ("ip('0.0.0.0').isUnspecified() && ip('127.0.0.9').isLoopback() && ip('8.8.8.8').isGlobalUnicast()", True),
        ("ip('224.0.0.5').isLinkLocalMulticast() && ip('ff02::5').isLinkLocalMulticast()", True),
        ("ip('169.254.1.1').isLinkLocalUnicast() && !ip('255.255.255.255').isGlobalUnicast()", True),
        ("cidr('10.0.0.0/8').containsIP('10.9.9.9') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", True),
        ("cidr('10.0.0.0/8').containsCIDR('10.2.0.0/16') && !cidr('::/0').containsCIDR(cidr('10.0.0.0/8'))", True),
        ("cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.1.2.3/8').ip() == ip('10.1.2.3')", True),
        ("cidr('10.0.0.0/8').isMask() && !cidr('10.1.0.0/8').isMask() && cidr('::/7').prefixLength() == 7", True),
        ("type(ip('::1')) == net.IP && type(cidr('::/1')) == net.CIDR && ip('::1') != '::1'", True),
    ],
)  # fmt: skip
def test_a_function_or_macro_of_lists(source: str, expected: Any) -> None:
    assert value(source, DATA) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (
            "data.l.slice(2, 1)",
            "slice takes a start and an end within the list at `data.l`, the end not before the start",
        ),
        (
            "data.l.slice(0, 5)",
            "slice takes a start and an end within the list at `data.l`, the end not before the start",
        ),
        (
            "data.l.slice(-1, 2)",
            "slice takes a start and an end within the list at `data.l`, the end not before the start",
        ),
        ("data.l.flatten(-1)", "flatten takes a depth that isn't negative"),
        ("data.mixed.sort()", "sort takes values of one type, got a string and an int"),
        ("[[1], [2]].sort()", "sort takes values that have an order, got a list"),
        ("data.people.sortBy(p, p)", "sortBy takes values that have an order, got an object"),
        ("data.m.sortBy(k, k)", "sortBy takes a list, got an object"),
        ("data.n.distinct()", "distinct takes a list, got null"),
        ("sets.contains(data.l, 1)", "sets.contains takes a list, got an int"),
        ("lists.range('1')", "lists.range takes an int as argument, got a string"),
        ("data.n.transformList(i, x, x)", "expected a list or an object at `data.n`, got null"),
        ("data.l.all(i, x, i / (i - i) == 1)", "division by zero"),
        ("data.l.transformMapEntry(i, x, {x: i})", "the same key stands twice in the map"),
        ("data.l.transformMapEntry(i, x, x)", "expected an object with the entries to add, got an int"),
        (
            "cel.bind(x, data.nothing, x == 1)",
            "the object at `data` has no field `nothing`; test with has(…) where it may be missing",
        ),
        ("ip('1.2.3')", "expected an IP address without zone, e.g. 192.0.2.1 or 2001:db8::1, got a string that isn't"),
        ("cidr('10.0.0.0')", "expected a CIDR block, e.g. 192.0.2.0/24 or 2001:db8::/32, got a string that isn't"),
        ("'10.0.0.1'.family()", "family takes an IP address, got a string"),
        ("ip('::1').masked()", "masked takes a CIDR block, got an IP address"),
        ("cidr('10.0.0.0/8').containsIP(1)", "containsIP takes a string or an IP address as argument, got an int"),
    ],
)
def test_what_a_function_or_macro_of_lists_refuses(source: str, detail: str) -> None:
    assert failure(source, DATA).detail == detail


def test_an_error_of_a_named_value_stands_where_it_was_made() -> None:
    error = failure("cel.bind(x, data.l[9], cel.bind(y, x, y == 1))", DATA)
    assert error.expression[error.start : error.end] == "data.l[9]"
