"""The extensions for text and bytes: places, pieces, cases, formats, base64."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.routes.evaluation import failure, value

DATA = {"s": "grüße 😀!", "csv": "a,b,,c", "n": 3, "empty": "", "list": ["x", "y", "z"]}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.s.charAt(6)", "😀"),
        ("data.s.charAt(8)", ""),
        ("data.s.indexOf('e')", 4),
        ("data.s.indexOf('😀', 6)", 6),
        ("data.s.indexOf('😀', 7)", -1),
        ("data.s.indexOf('', 3) + data.s.indexOf('')", 3),
        ("'abcabc'.lastIndexOf('bc')", 4),
        ("'abcabc'.lastIndexOf('bc', 3)", 1),
        ("'abcabc'.lastIndexOf('bc', 4)", 4),
        ("'abcabc'.lastIndexOf('') + 'abcabc'.lastIndexOf('', 2)", 8),
        ("'abc'.lastIndexOf('abcd')", -1),
        ("'AbCÄÖ'.lowerAscii()", "abcÄÖ"),
        ("'AbCäß'.upperAscii()", "ABCäß"),
        ("data.csv.replace(',', ';')", "a;b;;c"),
        ("data.csv.replace(',', '', 2)", "ab,c"),
        ("data.csv.replace(',', '', 0) == data.csv && data.csv.replace(',', ';', -1) == 'a;b;;c'", True),
        ("'ab'.replace('', '-')", "-a-b-"),
        ("data.csv.split(',')", ["a", "b", "", "c"]),
        ("data.csv.split(',', 2)", ["a", "b,,c"]),
        ("data.csv.split(',', 0)", []),
        ("data.csv.split(',', 1)", ["a,b,,c"]),
        ("'ü😀'.split('')", ["ü", "😀"]),
        ("'abc'.split('', 2)", ["a", "bc"]),
        ("data.empty.split(',') == [''] && data.empty.split('') == ['']", True),
        ("data.s.substring(6)", "😀!"),
        ("data.s.substring(2, 4)", "üß"),
        ("data.s.substring(8) + data.s.substring(3, 3)", ""),
        ("' \\t\\u00a0\\u2003 x \\u3000\\n'.trim()", "x"),
        ("'\\u200bx\\u200b'.trim() == '\\u200bx\\u200b' && '\\u001cx'.trim() == '\\u001cx'", True),
        ("data.s.reverse()", "!😀 eßürg"),
        ("data.list.reverse()", ["z", "y", "x"]),
        ("data.list.join() + data.list.join(', ') + [].join('x')", "xyzx, y, z"),
        ("strings.quote('a\"b\\\\c\\n\\t\\u0007ü')", '"a\\"b\\\\c\\n\\t\\aü"'),
        ("regex.extract('fix/231-retry', '[0-9]+').value() + regex.extract('a-b', '-(.)').value()", "231b"),
        ("regex.extract('abc', 'x').hasValue() || regex.extract('abc', 'b(x?)').hasValue()", False),
        ("regex.extract('abc', 'x*') == optional.of('') && regex.extract('AB', '(?i)b').value() == 'B'", True),
        ("regex.extractAll('id:1, id:22', '[0-9]+') + regex.extractAll('a1 b', '[a-z]([0-9]?)')", ["1", "22", "1"]),
        ("regex.extractAll(data.s, '.$') + regex.extractAll('x', 'y')", ["!"]),
        ("regex.replace('foo bar', '(fo)o (ba)r', r'\\2 \\1 \\0')", "ba fo foo bar"),
        ("regex.replace('banana', 'a', 'x', 2) + regex.replace('banana', 'a', 'x', 0)", "bxnxnabanana"),
        ("regex.replace('ü😀ü', '😀', r'\\\\') + regex.replace('aa', '(b)?a', '[\\\\1]', -1)", "ü\\ü[][]"),
        ("base64.encode(b'\\xfb\\xff') + base64.encode(bytes(''))", "+/8="),
        ("base64.decode('+/\\n8= ') == b'\\xfb\\xff'", True),
        ("base64.decode('+/8=') == b'\\xfb\\xff' && base64.decode('+/8') == b'\\xfb\\xff'", True),
        ("string(base64.decode('Z3LDvMOfZQ'))", "grüße"),
    ],
)
def test_a_function_of_text(source: str, expected: Any) -> None:
    assert value(source, DATA) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("data.s.charAt(9)", "charAt takes a place within the string at `data.s`, from 0 to its size"),
        ("data.s.charAt(-1)", "charAt takes a place within the string at `data.s`, from 0 to its size"),
        ("data.s.charAt(1u)", "charAt takes an int as argument, got a uint"),
        ("data.n.charAt(1)", "charAt takes a string, got an int"),
        ("data.s.indexOf('a', 20)", "indexOf takes a place within the string at `data.s`, from 0 to its size"),
        ("data.s.lastIndexOf('a', -1)", "lastIndexOf takes a place within the string at `data.s`, from 0 to its size"),
        ("data.s.indexOf(1)", "indexOf takes a string as argument, got an int"),
        ("data.s.replace('a', 1)", "replace takes a string as argument, got an int"),
        ("data.s.replace('a', 'b', 1.0)", "replace takes an int as argument, got a double"),
        ("data.s.split(',', '1')", "split takes an int as argument, got a string"),
        ("data.s.substring(5, 3)", "substring takes an end that isn't before the start"),
        ("data.s.substring(0, 9)", "substring takes a place within the string at `data.s`, from 0 to its size"),
        ("data.n.reverse()", "reverse takes a string or a list, got an int"),
        ("['a', 1].join()", "join takes a string in each element, got an int"),
        ("data.s.join()", "join takes a list, got a string"),
        ("data.list.join(1)", "join takes a string as argument, got an int"),
        (
            "regex.extract('a', '(a)(b)' + '')",
            "regex.extract takes a regular expression with at most one group; write `(?:…)` for the others",
        ),
        ("regex.extract(data.n, 'a')", "regex.extract takes a string, got an int"),
        ("regex.extractAll('a', data.csv + '(')", "expected a regular expression that RE2 can read: missing )"),
        (
            "regex.replace('a', 'a', r'\\1')",
            "regex.replace takes a replacement in which `\\1` to `\\9` are groups of the pattern",
        ),
        (
            "regex.replace('a', 'a', r'\\n')",
            "regex.replace takes a replacement in which `\\1` to `\\9` are groups of the pattern",
        ),
        ("regex.replace('a', 'a', 'b', 1.0)", "regex.replace takes an int as argument, got a double"),
        ("base64.encode('a')", "base64.encode takes bytes, got a string; write bytes(…) around it"),
        ("base64.decode('a')", "base64.decode takes base64 with `+` and `/`, got a string that isn't"),
        ("base64.decode('_-8=')", "base64.decode takes base64 with `+` and `/`, got a string that isn't"),
        ("base64.decode('1w78=')", "base64.decode takes base64 with `+` and `/`, got a string that isn't"),
        ("base64.decode('YQ=')", "base64.decode takes base64 with `+` and `/`, got a string that isn't"),
    ],
)
def test_what_a_function_of_text_refuses(source: str, detail: str) -> None:
    assert failure(source, DATA).detail == detail


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("%s is %d%%", "['x', 5]", "x is 5%"),
        ("%d %d %d", "[-1, 18446744073709551615u, 2.50]", "-1 18446744073709551615 2.5"),
        ("%f %.0f %.2f %.1f", "[1, 2.5, 1.005, 1u]", "1.000000 2 1.00 1.0"),
        ("%e %.1e %.3e", "[12345.678, 0, -0.000123]", "1.234568e+04 0.0e+00 -1.230e-04"),
        ("%b %b %b %b", "[5, -5, true, 8u]", "101 -101 1 1000"),
        ("%o %x %X %x", "[8, 255, 255u, -255]", "10 ff FF -ff"),
        ("%x %X", "['aü', b'\\xab']", "61c3bc AB"),
        ("%d %f %e %s", "[0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0]", "NaN Infinity -Infinity NaN"),
        ("%s %s %s %s", "[1, 1u, 1.0, 1.5]", "1 1 1 1.5"),
        ("%s %s %s", "[null, true, b'\\xff\\xffa']", "null true \ufffda"),
        ("%s %s", "[timestamp('2026-11-20T10:02:11.5Z'), duration('90m')]", "2026-11-20T10:02:11.5Z 5400s"),
        ("%s", "[[1, 'a', [2.0], {'b': null, 'a': int}]]", "[1, a, [2], {a: int, b: null}]"),
        ("%s", "[{2: 1, true: 2, 'k': 3}]", "{2: 1, k: 3, true: 2}"),
        ("%s", "[1e21]", "1000000000000000000000"),
        ("%.3s|%.1d", "['abcdef', 12]", "abcdef|12"),
        ("nothing", "[1, 2]", "nothing"),
    ],
)
def test_a_format(template: str, values: str, expected: str) -> None:
    assert value(f"'{template}'.format({values})") == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("'%d'.format([])", "format: there are more clauses in the text than values in the list"),
        ("'%'.format([1])", "format: the text ends within a clause; write `%%` for a percent sign"),
        ("'%.3'.format([1])", "format: the text ends within a clause; write `%%` for a percent sign"),
        ("'%y'.format([1])", "format: expected a clause of %s, %d, %f, %e, %b, %o, %x, %X or %%, got another"),
        ("'%F'.format([1])", "format: expected a clause of %s, %d, %f, %e, %b, %o, %x, %X or %%, got another"),
        ("'%.f'.format([1])", "format: expected a precision of 0 to 1000 after `%.`"),
        ("'%.1001f'.format([1])", "format: expected a precision of 0 to 1000 after `%.`"),
        ("'%.99999999999f'.format([1])", "format: expected a precision of 0 to 1000 after `%.`"),
        ("'%d'.format(['1'])", "format: %d takes a number, got a string"),
        ("'%f'.format([null])", "format: %f takes a number, got null"),
        ("'%e'.format([true])", "format: %e takes a number, got a bool"),
        ("'%b'.format([1.0])", "format: %b takes a whole number or a bool, got a double"),
        ("'%o'.format([true])", "format: %o takes a whole number, got a bool"),
        ("'%x'.format([1.0])", "format: %x takes a whole number, a string or bytes, got a double"),
        ("'%s'.format([optional.none()])", "format: %s takes anything but an optional value, got an optional value"),
        ("'%s'.format('a')", "format takes a list as argument, got a string"),
        ("data.n.format([1])", "format takes a string, got an int"),
    ],
)
def test_what_a_format_refuses(source: str, detail: str) -> None:
    assert failure(source, DATA).detail == detail
