"""What tests show: null is gone, a field is there, one of several variants is left, also across operators."""

import pytest

from tests.unit.routes.checker.shapes import checked, codes, problems

SAFE = [
    'data.user != null && data.user.login == "a"',
    'data.user == null || data.user.login == "a"',
    'data.user != null ? data.user.login : ""',
    'data.user == null ? "" : data.user.login',
    '!(data.user == null) && data.user.login == "a"',
    '!(data.user == null || data.user.login == "a")',
    'null != data.user && data.user.login == "a"',
    'type(data.user) == map && data.user.login == "a"',
    'type(data.user) != map || data.user.login == "a"',
    'data.note != null && data.note.startsWith("a")',
    "type(data.note) == string && data.note.size() > 1",
    'has(data.maybe) && data.maybe == "a"',
    'has(data.maybe) ? data.maybe : ""',
    '!has(data.maybe) || data.maybe == "a"',
    '"maybe" in data && data.maybe == "a"',
    'data.?maybe.hasValue() && data.maybe == "a"',
    'data.?maybe.orValue("") == "a"',
    'has(data.owner.email) && data.owner.email.contains("@")',
    'data.maybe == "a" && has(data.maybe)',
    'data.user.login == "a" && data.user != null',
    'data.payload.kind == "card" && data.payload.digits == "1"',
    'data.payload.kind == "card" ? data.payload.digits : data.payload.iban',
    'data.payload.kind != "card" || data.payload.digits == "1"',
    'data.payload.kind in ["card"] && data.payload.digits == "1"',
    "has(data.payload.digits) ? data.payload.digits : data.payload.iban",
    'data.labels.filter(l, l.color != null).map(l, l.color).join(",") == "a"',
    'data.labels.exists(l, l.color != null && l.color.startsWith("a"))',
    "data.labels.map(l, l.color != null, l.color.size())",
    'cel.bind(u, data.user, u != null && u.login == "a")',
    "cel.bind(u, data.user, u != null) && data.paid",
    "data.user != null && data.tags.exists(t, t == data.user.login)",
    "data.user != null && data.paid && (data.user.id > 7 || data.user.id < 3)",
    '(data.user != null ? data.user.login : data.title).startsWith("a")',
    '[data.user].filter(u, u != null).map(u, u.login).join("") == "a"',
    'data.note == "a" ? data.note.size() : 0',
    'data.note in ["a", "b"] ? data.note.size() : 0',
    "data.user != null && data.user == data.owner",
    "data.labels.size() > 0 ? data.labels[0].name : ''",
]


@pytest.mark.parametrize("text", SAFE)
def test_a_test_makes_what_follows_safe(text):
    """Nothing is possible any more that could be reported, even in strict mode."""
    assert [str(each) for each in problems(text, strict=True)] == []


UNSAFE = [
    ("data.user.login", "route.null"),
    ('data.user == null && data.user.login == "a"', "route.null"),
    ('data.user != null || data.user.login == "a"', "route.null"),
    ("data.user != null ? 1 : data.user.id", "route.null"),
    ('(data.user != null || data.paid) && data.user.login == "a"', "route.null"),
    ('data.user != null && data.paid || data.user.login == "a"', "route.null"),
    ("data.maybe.size()", "route.maybe_missing"),
    ('has(data.maybe) || data.maybe == "a"', "route.maybe_missing"),
    ('has(data.owner.email) || data.maybe == "a"', "route.maybe_missing"),
    ("data.note.size()", "route.null"),
    ("data.labels.map(l, l.color.size())", "route.null"),
    ('data.labels.map(l, l.color).join("")', "route.null"),
    ('data.payload.digits == "1"', "route.maybe_missing"),
    ("data.counts.apples > 1", "route.maybe_missing"),
    ("data.counts[data.title] > 1", "route.maybe_missing"),
    ('data.maybe == "a" && data.maybe == "a"', "route.maybe_missing"),
    ("data.note + 'a'", "route.null"),
    ("data.note < 'a'", "route.null"),
    ("-data.price", None),
]
ALWAYS_NULL = (UNSAFE[1][0], UNSAFE[2][0], UNSAFE[3][0])
"""Here null isn't only possible."""


@pytest.mark.parametrize(("text", "code"), UNSAFE)
def test_what_is_only_possible_is_told_in_strict_mode_alone(text, code):
    """Otherwise nobody would want to write routes."""
    found = codes(text, strict=True)
    assert found[0] == code if code else not found
    always_null = text in ALWAYS_NULL
    assert [each.code for each in problems(text) if each.severity == "error"] == ["route.null"] * always_null


def test_an_unknown_field_of_a_variant_that_is_left_is_an_error():
    """A card has no IBAN."""
    found = problems('data.payload.kind == "card" && data.payload.iban == "1"')
    assert [each.code for each in found] == ["route.unknown_field"]


def test_constants_are_used_up():
    """What is neither opened nor closed was reopened."""
    text = 'data.action == "opened" ? 1 : data.action == "closed" ? 2 : data.action == "reopened" ? 3 : 4'
    found = problems(text)
    assert [(each.code, text[each.start : each.end]) for each in found] == [("route.unreachable", "4")]


def test_what_was_read_without_error_is_there():
    """A predicate that was true shows that its fields are there, and not null."""
    assert not codes('data.user.login == "a" ? data.user.id : 0', strict=True)[1:]


def test_a_variable_hides_what_is_known_of_a_name():
    """A macro's `data` is another one."""
    assert codes("data.user != null && [null].exists(data, data.x == 1)") == ["route.null"]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("data.labels.filter(l, l.color != null)", "list of {name: string, color: string}"),
        ("data.user == null ? data.owner : data.user", "{login: string, id: int, email?: string}"),
        ("data.user != null ? data.user : {}", "{login?: string, id?: int, email?: string}"),
        ('data.payload.kind == "card" ? data.payload : null', '{kind: "card", digits: string} or null'),
        ("[1, 2.0, 'a']", 'list of 1 | 2.0 | "a"'),
        ("data.tags + ['a']", "list of string"),
        ("data.?maybe", "optional string"),
        ("data.?user.login", "optional string"),
        ("data.labels.first()", "optional {name: string, color: string or null}"),
        ("data.labels.map(l, l.name).join(',')", "string"),
        ("data.counts.map(k, k)", "list of string"),
        ("data.counts.transformList(k, v, v)", "list of int"),
        ("data.counts.transformMap(k, v, string(v))", "{string: string}"),
        ("data.labels.transformList(i, l, i)", "list of int"),
        ("{'a': data.number, 'b': [data.title]}", "{a: int, b: list of string}"),
        ("now - timestamp(data.created_at)", "duration"),
        ("now + duration('1h')", "timestamp"),
        ("lookup('teams', data.title).lead", '"ann" | "bob"'),
        ("lookup('teams', 'web').lead", '"bob"'),
        ("lookup('teams', data.title, null)", '{lead: "ann" | "bob"} or null'),
        ("math.greatest(data.number, 3)", "int"),
        ("data.extra.a.b", "anything"),
        ("data.extra.a + 1", "int"),
        ("data.title.split(',')", "list of string"),
        ("dyn(data.number)", "anything"),
        ("data.labels.sortBy(l, l.name)[0].name", "string"),
        ("data.?maybe.optMap(m, m.size()).orValue(0)", "int"),
        ("-1", "-1"),
        ("type(data)", "type"),
    ],
)  # fmt: skip
def test_shapes_are_inferred(text, shape):
    """What comes out, as precisely as the schema allows."""
    found = checked(text)
    assert not found.problems
    assert str(found.shape) == shape


@pytest.mark.parametrize(
    "text",
    [
        "data.extra.a.b.c(1)",
        "data.extra.a == 7 || data.extra.a == 'x'",
        "data.extra.a.exists(x, x.y > data.extra.z)",
        "size(data.extra.a) + data.extra.b - data.extra.c",
        "dyn(data.number) == 'a'",
        "parseJson(data.title).a.b > 7",
        "headers.foo.startsWith('a')",
        "unknown.name + 7",
        "event.myextension == 'a'",
        "data.extra['a'][0][data.title]",
        "data.extra.?a.?b.orValue(7) == 7",
        "data.extra.a ? data.extra.b : data.extra.c",
        "data.extra.a in data.extra.b",
        "redact(data.owner).login == 'a'",
    ],
)
def test_nothing_is_said_where_nothing_is_known(text):
    """Not even in strict mode, but for keys of objects that may be missing."""
    assert set(codes(text, strict=True)) <= {"route.maybe_missing"}
    assert codes(text) == []
