"""What the checker says: the words, the place, what was probably meant, and a correction that is right."""

import pytest

from hub.routes.parser import parse
from tests.unit.routes.checker.shapes import checked, problems

# expression · code · the place · the message · the suggestion · the correction
MISTAKES = [
    (
        "data.titel",
        "route.unknown_field",
        "titel",
        "shop.order has no field `titel`",
        "did you mean `data.title`?",
        "title",
    ),
    (
        "data.owner.logn",
        "route.unknown_field",
        "logn",
        "`data.owner` of shop.order has no field `logn`",
        "did you mean `data.owner.login`?",
        "login",
    ),
    (
        "data.login",
        "route.unknown_field",
        "data.login",
        "shop.order has no field `login`",
        "did you mean `data.owner.login`?",
        "data.owner.login",
    ),
    (
        "data.owner.number",
        "route.unknown_field",
        "data.owner.number",
        "`data.owner` of shop.order has no field `number`",
        "did you mean `data.number`?",
        "data.number",
    ),
    (
        "data.createdAt",
        "route.unknown_field",
        "createdAt",
        "shop.order has no field `createdAt`",
        "did you mean `data.created_at`?",
        "created_at",
    ),
    (
        'data["titel"]',
        "route.unknown_field",
        '"titel"',
        "shop.order has no field `titel`",
        "did you mean `data.title`?",
        '"title"',
    ),
    (
        "data.owner.qqqqq",
        "route.unknown_field",
        "qqqqq",
        "`data.owner` of shop.order has no field `qqqqq`",
        "it has `login`, `id`, `email`",
        None,
    ),
    (
        "data.labels.map(l, l.nme)",
        "route.unknown_field",
        "nme",
        "`l` has no field `nme`",
        "did you mean `l.name`?",
        "name",
    ),
    (
        "data.labels[0].nme",
        "route.unknown_field",
        "nme",
        "`data.labels[0]` of shop.order has no field `nme`",
        "did you mean `data.labels[0].name`?",
        "name",
    ),
    ('{"a": 1}.b', "route.unknown_field", "b", '`{"a": 1}` has no field `b`', "it has `a`", None),
    (
        "has(data.titel)",
        "route.unknown_field",
        "titel",
        "shop.order has no field `titel`, so `has(…)` is always false",
        "did you mean `data.title`?",
        "title",
    ),
    (
        "data.?titel.orValue('')",
        "route.unknown_field",
        "titel",
        "shop.order has no field `titel`",
        "did you mean `data.title`?",
        "title",
    ),
    (
        'data.payload.diggits == "1"',
        "route.unknown_field",
        "diggits",
        "`data.payload` of shop.order has no field `diggits`",
        "did you mean `data.payload.digits`?",
        "digits",
    ),
    (
        'lookup("teams", "beckend").lead',
        "route.unknown_field",
        '"beckend"',
        'the table `teams` has no key "beckend"',
        'did you mean "backend"?',
        '"backend"',
    ),
    (
        'data.number == "7"',
        "route.never_equal",
        '"7"',
        '`data.number` is an int and `"7"` is a string, so they are never equal',
        "write `7` without quotes",
        "7",
    ),
    (
        "data.title == 7",
        "route.never_equal",
        "7",
        "`data.title` is a string and `7` is an int, so they are never equal",
        'write `"7"`',
        '"7"',
    ),
    (
        'data.paid == "true"',
        "route.never_equal",
        '"true"',
        '`data.paid` is a bool and `"true"` is a string, so they are never equal',
        "write `true` without quotes",
        "true",
    ),
    (
        "data.number == data.title",
        "route.never_equal",
        "data.number",
        "`data.number` is an int and `data.title` is a string, so they are never equal",
        "write `string(data.number)`",
        "string(data.number)",
    ),
    (
        'data.action == "opend"',
        "route.never_equal",
        '"opend"',
        '`data.action` is never "opend"',
        'did you mean `"opened"`?',
        '"opened"',
    ),
    (
        'data.action in ["opened", "closd"]',
        "route.never_equal",
        '"closd"',
        '`data.action` is never "closd"',
        'did you mean `"closed"`?',
        '"closed"',
    ),
    (
        'data.tags == "a"',
        "route.never_equal",
        'data.tags == "a"',
        '`data.tags` is a list and `"a"` is a string, so they are never equal',
        'write `"a" in data.tags`',
        None,
    ),
    (
        '"bug" in data.labels',
        "route.never_equal",
        '"bug" in data.labels',
        (
            '`"bug"` is a string and the elements of `data.labels` are {name: string, color: string or null}, '
            "so it is never one of them"
        ),
        'write `data.labels.exists(x, x.name == "bug")`',
        None,
    ),
    (
        "data.created_at == now",
        "route.never_equal",
        "data.created_at",
        "`data.created_at` is a string with a time (date-time) and `now` is a timestamp, so they are never equal",
        "write `timestamp(data.created_at)`",
        "timestamp(data.created_at)",
    ),
    (
        "data.created_at < now",
        "route.type",
        "data.created_at",
        (
            "`<` takes two values that have an order: `data.created_at` is a string with a time (date-time), "
            "`now` is a timestamp"
        ),
        "write `timestamp(data.created_at)`",
        "timestamp(data.created_at)",
    ),
    (
        'data.number < "10"',
        "route.type",
        '"10"',
        '`<` takes two values that have an order: `data.number` is an int, `"10"` is a string',
        "write `10` without quotes",
        "10",
    ),
    (
        "data.labels > 3",
        "route.type",
        "data.labels > 3",
        "`>` takes two values that have an order: `data.labels` is a list, `3` is an int",
        None,
        None,
    ),
    (
        '"#" + data.number',
        "route.type",
        "data.number",
        '`+` doesn\'t take a string and an int: `"#"` and `data.number`',
        "write `string(data.number)`",
        "string(data.number)",
    ),
    (
        "data.number / 2.0",
        "route.type",
        "data.number / 2.0",
        "`/` doesn't take an int and a double: `data.number` and `2.0`",
        "write int(…), uint(…) or double(…) around one of them",
        None,
    ),
    (
        "double(data.number) * 2",
        "route.type",
        "2",
        "`*` doesn't take a double and an int: `double(data.number)` and `2`",
        "write `2.0`",
        "2.0",
    ),
    (
        "data.nothing + 1",
        "route.type",
        "data.nothing + 1",
        "`+` doesn't take null and an int: `data.nothing` and `1`",
        "test for null first",
        None,
    ),
    (
        "now - data.created_at",
        "route.type",
        "data.created_at",
        "`-` doesn't take a timestamp and a string with a time (date-time): `now` and `data.created_at`",
        "write `timestamp(data.created_at)`",
        "timestamp(data.created_at)",
    ),
    ("-data.title", "route.type", "data.title", "`-` takes an int or a double; `data.title` is a string", None, None),
    (
        "data.title.length",
        "route.type",
        "data.title.length",
        "`data.title` is a string and has no field `length`",
        "write `size(data.title)`",
        None,
    ),
    (
        "data.labels.name",
        "route.type",
        "data.labels.name",
        "`data.labels` is a list and has no field `name`",
        "write `data.labels[0].name`, or `data.labels.map(x, x.name)`",
        None,
    ),
    (
        'data.labels["name"]',
        "route.type",
        '"name"',
        'an index of a list is a whole number; `"name"` is a string',
        None,
        None,
    ),
    (
        "data.title[0]",
        "route.type",
        "data.title[0]",
        "expected a list or an object; `data.title` is a string",
        "write `text.charAt(0)` or `text.substring(0, 1)`",
        None,
    ),
    ("data.owner[0]", "route.type", "0", "a key of the object is text; `0` is an int", None, None),
    (
        "data.number.startsWith('1')",
        "route.type",
        "data.number",
        "`startsWith` takes a string; `data.number` is an int",
        "write `string(data.number)`",
        "string(data.number)",
    ),
    ("data.title.startsWith(1)", "route.type", "1", "`startsWith` takes a string; `1` is an int", 'write `"1"`', '"1"'),
    (
        "data.created_at.getFullYear()",
        "route.type",
        "data.created_at",
        "`getFullYear` takes a timestamp; `data.created_at` is a string with a time (date-time)",
        "write `timestamp(data.created_at)`",
        "timestamp(data.created_at)",
    ),
    (
        "timestamp(data.due)",
        "route.type",
        "data.due",
        "`timestamp` takes a time by RFC 3339; `data.due` holds a date without a time of day",
        'write `timestamp(data.due + "T00:00:00Z")`',
        None,
    ),
    (
        "timestamp(data.url)",
        "route.type",
        "data.url",
        "`timestamp` takes a time by RFC 3339; `data.url` holds a URI",
        None,
        None,
    ),
    (
        "[1, 2].join(',')",
        "route.type",
        "[1, 2]",
        "`join` takes a list of strings; each element of `[1, 2]` is an int",
        "write `[1, 2].map(x, string(x))`",
        "[1, 2].map(x, string(x))",
    ),
    (
        "data.labels.sort()",
        "route.type",
        "data.labels",
        "`sort` takes values of one type that have an order; those of `data.labels` are an object",
        "write `list.sortBy(x, x.field)`",
        None,
    ),
    (
        "data.title.orValue('')",
        "route.type",
        "data.title",
        "`orValue` takes an optional; `data.title` is a string",
        "a field that may be missing is read as `a.?b`",
        None,
    ),
    (
        '"x" in data.title',
        "route.type",
        "data.title",
        "expected a list or an object after `in`; `data.title` is a string",
        'write `data.title.contains("x")`',
        None,
    ),
    (
        "data.number.exists(x, x > 1)",
        "route.not_list",
        "data.number",
        "`exists` goes through a list or an object; `data.number` is an int",
        None,
        None,
    ),
    (
        "data.nothing.x",
        "route.null",
        "data.nothing.x",
        "`data.nothing` is always null here, so it has no field `x`",
        None,
        None,
    ),
    (
        "data.nothing.map(x, x)",
        "route.null",
        "data.nothing",
        "`map` goes through a list or an object; `data.nothing` is null",
        None,
        None,
    ),
    (
        "data.title && data.paid",
        "route.predicate",
        "data.title",
        "expected true or false; `data.title` is a string",
        'write `data.title != ""`',
        'data.title != ""',
    ),
    (
        "!data.labels",
        "route.predicate",
        "data.labels",
        "expected true or false; `data.labels` is a list",
        "write `(size(data.labels) > 0)`",
        "(size(data.labels) > 0)",
    ),
    (
        "data.user ? 1 : 2",
        "route.predicate",
        "data.user",
        "expected true or false; `data.user` is an object or null",
        "write `data.user != null`",
        "data.user != null",
    ),
    (
        "data.labels.filter(l, l.name)",
        "route.predicate",
        "l.name",
        "expected true or false; `l.name` is a string",
        'write `l.name != ""`',
        'l.name != ""',
    ),
    (
        "data.price * 2",
        "route.maybe_type",
        "data.price",
        "`data.price` is an int or a double, and `*` takes two numbers of one type",
        "write `double(data.price)`, and the other number as a double",
        None,
    ),
    (
        'data.action == "merged"',
        "route.never_equal",
        '"merged"',
        '`data.action` is never "merged"',
        'it is "opened" or "closed" or "reopened"',
        None,
    ),
    (
        'data.payload.kind in ["card", "bank"] ? 1 : 3',
        "route.unreachable",
        "3",
        '`3` is never used, since `data.payload.kind in ["card", "bank"]` is always true',
        None,
        None,
    ),
]


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "suggestion", "fix"), MISTAKES, ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_in_words_that_help(text, code, place, message, suggestion, fix):
    """One problem, at the right place, with what to do."""
    found = problems(text)
    assert [each.code for each in found] == [code]
    only = found[0]
    assert text[only.start : only.end] == place
    assert (only.message, only.suggestion, only.fix) == (message, suggestion, fix)


@pytest.mark.parametrize("text", [each[0] for each in MISTAKES if each[5]])
def test_a_correction_corrects(text):
    """With it in place, the expression has no problem of that kind."""
    only = problems(text)[0]
    assert only.fix
    mended = text[: only.start] + only.fix + text[only.end :]
    parse(mended)
    assert only.code not in [each.code for each in problems(mended)]


def test_each_mistake_is_told_once():
    """Nothing follows from what was already wrong."""
    found = problems("data.titel.x.y.startsWith(7) && data.titel.z == 1")
    assert [each.code for each in found] == ["route.unknown_field", "route.type"]


def test_problems_stand_in_the_order_of_the_source():
    """However they were found."""
    found = problems("[data.aaaaaa, data.title + 1, data.bbbbbb]")
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert len(found) == 3


def test_offsets_count_code_points_of_the_whole_text():
    """Marks and characters beyond the basic plane before the place don't move it."""
    text = "'😀' + data.titel"
    only = problems(text)[0]
    assert text[only.start : only.end] == "titel"


def test_long_expressions_are_cut_in_messages():
    """A message stays a line."""
    text = "(" + " + ".join(["data.title"] * 30) + ") == 7"
    assert len(problems(text)[0].message) < 160


def test_types_are_there_for_hover():
    """The smallest node at an offset, with its shape."""
    text = "data.labels.map(l, l.name)"
    result = checked(text)
    assert str(result.shape) == "list of string"
    for offset, shape in ((6, "list of {name: string, color: string or null}"), (21, "string")):
        node = result.type_at(offset)
        assert node is not None
        assert str(node[1]) == shape
    assert result.type_at(1000) is None
