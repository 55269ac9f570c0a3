"""`$ref` and `$file`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Finding, Registry, check, includes, load

Found = Callable[..., list[Finding]]
Write = Callable[..., Path]


def test_content_stands_in_place(write: Write, registry: Registry) -> None:
    """JSON and YAML are included as values, anything else as text, in lists and below mappings."""
    directory = write(
        """
        deployment: d
        topics: { in: , out: }
        routes:
          r:
            from: in
            to: out
            map: { data: { json: { $file: one.json }, list: [{ $file: more/two.yaml }, { $file: three.txt }] } }
        """,
        **{"one.json": '{"a": [1]}', "three.txt": "text\n"},
    )
    (directory / "more").mkdir()
    (directory / "more" / "two.yaml").write_text("b: { $file: four.json }")
    (directory / "more" / "four.json").write_text("[true]")
    assert load(directory, registry=registry).routes["r"].section.map.data == {
        "json": {"a": [1]},
        "list": [{"b": [True]}, "text\n"],
    }


def test_contracts_of_the_schemas_folder_are_shared(tmp_path: Path, registry: Registry) -> None:
    """A deployment below a folder named schemas may include the contracts beside it, and nothing above."""
    directory = tmp_path / "schemas" / "examples" / "one"
    directory.mkdir(parents=True)
    (tmp_path / "schemas" / "shared.json").write_text("{}")
    (tmp_path / "secret.json").write_text("{}")
    (directory / "hub.yaml").write_text(
        "deployment: d\nevents:\n  a: { schema: { $ref: ../../shared.json } }\n"
        "  b: { schema: { $ref: ../../../secret.json } }"
    )
    assert [(each.code, each.line) for each in check(directory, registry=registry).findings] == [("include.outside", 4)]


def test_a_link_does_not_lead_out(write: Write, registry: Registry, tmp_path: Path) -> None:
    """A symbolic link to a file elsewhere is outside, too."""
    directory = write("deployment: d\nevents: { a: { schema: { $ref: inside.json } } }")
    (tmp_path / "secret.json").write_text("{}")
    (directory / "inside.json").symlink_to(tmp_path / "secret.json")
    assert [each.code for each in check(directory, registry=registry).findings] == ["include.outside"]


@pytest.mark.parametrize("target", ["/etc/hostname", "", ".", "missing.json", "a\\0b"])
def test_strange_targets_are_findings(found: Found, target: str) -> None:
    """No target makes the check fail otherwise than by a finding."""
    code = found(f'deployment: d\nevents: {{ a: {{ schema: {{ $ref: "{target}" }} }} }}')[0].code
    assert code in ("include.outside", "include.missing", "file.unreadable")


def test_large_and_broken_files(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """An included file over the limit, or in another encoding, is reported where it is included."""
    monkeypatch.setattr(includes, "MAX_INCLUDED", 100)
    text = "deployment: d\nevents:\n  a: { schema: { $file: big.json } }\n  b: { schema: { $file: latin.json } }"
    findings = found(text, **{"big.json": "[" + "1," * 100 + "1]", "latin.json": '"ä"'.encode("latin-1")})
    assert [(each.code, each.path, each.line) for each in findings] == [
        ("file.too_large", "hub.yaml", 3),
        ("file.encoding", "hub.yaml", 4),
    ]


def test_what_could_not_be_included_is_not_complained_about_again(found: Found) -> None:
    """One missing file is one finding: the section that waits for it isn't said to lack a schema."""
    assert len(found("deployment: d\nevents: { a: { schema: { $ref: missing.json } } }")) == 1


def test_expressions_of_an_included_file_are_checked(found: Found) -> None:
    """An expression in an included file is compiled, too, and its error shown where the file is included."""
    findings = found(
        "deployment: d\ntopics: { in: }\nsinks:\n"
        "  s: { use: http, from: in, with: { url: http://x, json: { $file: body.json } } }",
        **{"body.json": '{"text": "= data.a +"}'},
    )
    assert [(each.code, each.line, each.column) for each in findings] == [("route.syntax", 4, 58)]
    assert findings[0].message.startswith("body.json: expected")


def test_files_that_include_each_other_do_not_multiply_without_end(
    write: Write, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once there are too many, no further file is read, and that is said once."""
    monkeypatch.setattr(includes, "MAX_INCLUDES", 40)
    directory = write("deployment: d\ntables: { t: { $file: more/0.yaml } }")
    (directory / "more").mkdir()
    for n in range(7):
        (directory / "more" / f"{n}.yaml").write_text(f"a: {{ $file: {n + 1}.yaml }}\nb: {{ $file: {n + 1}.yaml }}")
    (directory / "more" / "7.yaml").write_text("c: 1")
    codes = [each.code for each in check(directory, registry=registry).findings]
    assert codes.count("include.too_many") == 1
    assert set(codes) <= {"include.too_many", "table.unused"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ('{"a": 18446744073709551616}', "beyond 64 bits"),
        ('{"a": NaN}', "expected JSON: "),
    ],
)
def test_json_is_read_as_strictly_as_payloads(write: Write, registry: Registry, content: str, told: str) -> None:
    """A table or fixture would hold another value than was written."""
    directory = write("deployment: d\ntables: { t: { $file: t.json } }", **{"t.json": content})
    (finding, *_) = check(directory, registry=registry).findings
    assert (finding.code, finding.path) == ("include.json", "t.json")
    assert told in finding.message
