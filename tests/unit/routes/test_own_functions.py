"""The hub's own functions: lookup, hash, uuid5, parseJson, toJson, redact."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest

from hub.routes import EvaluationError, ExpressionError, compile_expression, compile_mapping, compile_predicate
from tests.unit.routes.evaluation import event, failure, value

TABLES: dict[str, dict[str, Any]] = {
    "teams": {"hub": {"name": "core", "size": 3}, "docs": None},
    "codes": {"de": "Deutschland", "1": 1},
}


def looked_up(source: str, data: Any = None) -> Any:
    return compile_expression(source, tables=TABLES)(event(data))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("lookup('codes', 'de')", "Deutschland"),
        ("lookup('teams', data.repo).name", "core"),
        ("lookup('teams', 'docs')", None),
        ("lookup('teams', 'nobody', 'default')", "default"),
        ("lookup('teams', 'nobody', data.repo)", "hub"),
        ("lookup(data.table, 'de')", "Deutschland"),
        ("lookup('codes', string(data.n))", 1),
        ("['de', 'fr'].map(c, lookup('codes', c, c))", ["Deutschland", "fr"]),
    ],
)
def test_a_lookup(source: str, expected: Any) -> None:
    assert looked_up(source, {"repo": "hub", "table": "codes", "n": 1}) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("lookup('codes', 'fr')", "the table has no such key; give a third argument for what isn't in it"),
        ("lookup('codes', data.n)", "lookup takes a string as key, got an int; write string(…) around it"),
        ("lookup('codes', data.nothing, 1)",
         "the object at `data` has no field `nothing`; test with has(…) where it may be missing"),
        ("lookup('codes', null)", "lookup takes a string as key, got null; test for null first"),
        ("lookup(data.other, 'fr')", "lookup takes the name of a table of this deployment, got another text"),
        ("lookup(data.n, 'fr')", "lookup takes a string as name of a table, got an int"),
    ],
)  # fmt: skip
def test_what_a_lookup_refuses(source: str, detail: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        looked_up(source, {"n": 1, "other": "secret"})
    assert caught.value.detail == detail


def test_a_table_that_is_not_there_is_refused_before_anything_runs() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_predicate("lookup('team', data.x) == 1", tables=TABLES)
    error = caught.value
    assert (error.code, error.message) == ("route.unknown_table", "there is no table `team`")
    assert error.suggestion == "did you mean `teams`?"
    assert error.source[error.start : error.end] == "'team'"
    with pytest.raises(ExpressionError, match="there are no tables here to `lookup` in; name them under `tables:`"):
        compile_expression("lookup('teams', 'x')")


def test_what_a_lookup_gives_is_json_that_nobody_can_change() -> None:
    mapping = compile_mapping({"team": "= lookup('teams', 'hub')"}, tables=TABLES)
    mapping(event())["team"]["name"] = "changed"
    assert mapping(event()) == {"team": {"name": "core", "size": 3}}


def test_tables_may_come_from_a_reader_with_classes_of_its_own() -> None:
    class Text(str):
        __slots__ = ()

    class Number(int):
        pass

    tables: dict[str, Any] = {"t": {Text("k"): (Number(1), Text("x"))}}
    assert compile_expression("lookup('t', 'k') == [1, 'x'] && lookup('t', 'k')[0] + 1 == 2", tables=tables)(event())
    with pytest.raises(TypeError, match="a table holds values of JSON, not set"):
        compile_expression("1", tables={"t": {"k": {1}}})


@pytest.mark.parametrize(
    ("source", "octets", "algorithm"),
    [
        ("hash('grüße')", "grüße".encode(), "sha256"),
        ("hash(bytes('a'), 'sha512')", b"a", "sha512"),
        ("hash('a', 'md5')", b"a", "md5"),
        ("hash('a', data.algorithm)", b"a", "sha1"),
        ("hash({'b': [1.0, 2.5, null], 'a': 1u})", b'{"a":1,"b":[1,2.5,null]}', "sha256"),
        ("hash(timestamp(0))", b'"1970-01-01T00:00:00Z"', "sha256"),
        ("hash(null)", b"null", "sha256"),
    ],
)
def test_a_hash(source: str, octets: bytes, algorithm: str) -> None:
    assert value(source, {"algorithm": "sha1"}) == hashlib.new(algorithm, octets).hexdigest()


def test_a_uuid_of_a_name() -> None:
    assert value("uuid5('url', 'https://x/' + data.id)", {"id": "1"}) == str(
        uuid.uuid5(uuid.NAMESPACE_URL, "https://x/1")
    )
    own = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    assert value(f"uuid5('{own}', 'x') == uuid5('dns', 'x')") is True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hash('a', 'sha3')",
         "expected one of sha256, sha512, sha1, md5 as algorithm of `hash`, got `sha3`"),
        ("uuid5('web', 'a')", "expected dns, url, oid, x500 or a UUID as namespace of `uuid5`, got `web`"),
    ],
)  # fmt: skip
def test_a_word_that_a_function_does_not_know_is_refused_where_it_is_written_out(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert (caught.value.code, caught.value.message) == ("route.arguments", message)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("parseJson(data.text).a[1]", 2.5),
        ("parseJson(b'null')", None),
        ("parseJson(toJson(data)) == data", True),
        ("toJson({'t': timestamp(0), 'b': b'a', 'u': 1u, 'l': [1.5, null, \"ü\"]})",
         '{"t":"1970-01-01T00:00:00Z","b":"YQ==","u":1,"l":[1.5,null,"ü"]}'),
    ],
)  # fmt: skip
def test_json_within_text(source: str, expected: Any) -> None:
    assert value(source, {"text": '{"a": [1, 2.5]}', "n": [1, {"x": None}]}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("redact('write to ann.b+c@mail.example.org, please')", "write to [redacted], please"),
        ("redact('https://ann:pass@host/x?y')", "https://[redacted]@host/x?y"),
        ("redact('Authorization: Bearer abcdefgh.1234')", "Authorization: Bearer [redacted]"),
        ("redact('ghp_' + 'abcdefghijklmnopqrstuvwxyz0123456789')", "[redacted]"),
        ("redact('eyJhbGciOiJI.eyJzdWIiOiI.c2ln is a token')", "[redacted] is a token"),
        ("redact('card 4111 1111 1111 1111, order 4111111111111112')", "card [redacted], order 4111111111111112"),
        ("redact('nothing to see: 2026-11-20T10:02:11Z, 1732096931000, v1.2.3 😀')",
         "nothing to see: 2026-11-20T10:02:11Z, 1732096931000, v1.2.3 😀"),
        ("redact(data)", {"user": {"Email": "[redacted]", "name": "ann"}, "api_key": "[redacted]", "n": 1,
                          "log": ["by [redacted]", None], "token": None}),
        ("redact(data, 'name', 'LOG')", {"user": {"Email": "a@b.org", "name": "[redacted]"}, "api_key": "x", "n": 1,
                                         "log": "[redacted]", "token": None}),
        ("redact(data, 'api-key').api_key", "[redacted]"),
        ("redact(1) + redact([1])[0]", 2),
        ("redact({1: 'a@b.org'})[1]", "[redacted]"),
    ],
)  # fmt: skip
def test_what_is_redacted(source: str, expected: Any) -> None:
    data = {"user": {"Email": "a@b.org", "name": "ann"}, "api_key": "x", "n": 1, "log": ["by c@d.org", None],
            "token": None}  # fmt: skip
    assert value(source, data) == expected


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("hash(data.x, 'sha256' + '')", None),
        ("hash(data.x, data.x)", "expected one of sha256, sha512, sha1, md5 as algorithm of `hash`, got another text"),
        ("hash('a', 1)", "hash takes a string as algorithm, got an int"),
        ("hash(0.0 / 0.0)", "JSON has no NaN and no infinity; test the double before"),
        ("hash(optional.none())",
         "JSON can't hold an optional value; write `.orValue(…)`, or `{?key: …}` to leave a field out"),
        ("uuid5(data.x, 'a')", "expected dns, url, oid, x500 or a UUID as namespace of `uuid5`, got another text"),
        ("uuid5('dns', 1)", "uuid5 takes a string as name, got an int"),
        ("parseJson(data.x)", "parseJson takes JSON without keys that stand twice, got a string that isn't"),
        ("parseJson('{\"a\":1,\"a\":2}')",
         "parseJson takes JSON without keys that stand twice, got a string that isn't"),
        ("parseJson('[18446744073709551616]')",
         "parseJson takes JSON without keys that stand twice, got a string that isn't"),
        ("parseJson(b'\\xff')", "parseJson takes JSON without keys that stand twice, got bytes that aren't"),
        ("parseJson('NaN')", "parseJson takes JSON without keys that stand twice, got a string that isn't"),
        ("parseJson(1)", "parseJson takes a string or bytes, got an int"),
        ("toJson({1: 2})", "JSON has only text as keys; write string(…) around the others"),
        ("redact(data.x, 1)", "redact takes a string as name of a field, got an int"),
    ],
)  # fmt: skip
def test_what_an_own_function_refuses(source: str, detail: str | None) -> None:
    if detail is None:
        assert value(source, {"x": "secret"})
    else:
        assert failure(source, {"x": "secret"}).detail == detail
