"""Which files belong to a deployment, and files that nobody should write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Finding, Registry, check
from hub.deployment.composer import MAX_DEPTH
from hub.deployment.files import MAX_FILE

Found = Callable[..., list[Finding]]
Write = Callable[..., Path]


def codes(findings: list[Finding]) -> list[str]:
    return [each.code for each in findings]


def test_sections_may_stand_in_any_file(write: Write, registry: Registry) -> None:
    """Files are read together: what one declares, another may use."""
    directory = write(
        **{"a.yaml": "routes: { r: { from: x, to: y } }", "b.yml": "deployment: d", "c.yaml": "topics: { x: , y: }"}
    )
    report = check(directory, registry=registry)
    assert (report.findings, report.files) == ((), ("a.yaml", "b.yml", "c.yaml"))
    assert report.summary().startswith("nothing to complain about in 3 files · 1 route · ")


def test_other_files_are_left_alone(write: Write, registry: Registry) -> None:
    """Hidden files, other suffixes and sub-directories are no part of a deployment."""
    directory = write("deployment: d", **{".backup.yaml": "][", "notes.txt": "][", "old.yaml~": "]["})
    (directory / "sub").mkdir()
    (directory / "sub" / "other.yaml").write_text("deployment: e")
    (directory / "folder.yaml").mkdir()
    assert check(directory, registry=registry).files == ("hub.yaml",)


def test_no_directory(tmp_path: Path, registry: Registry) -> None:
    """A directory that isn't there, a file, and a directory without schema files each get their own answer."""
    file = tmp_path / "hub.txt"
    file.touch()
    missing = check(tmp_path / "missing", registry=registry).findings[0]
    assert (missing.code, missing.message) == (
        "deployment.directory",
        f"can't read {tmp_path / 'missing'}: No such file or directory",
    )
    no_directory = check(file, registry=registry).findings[0]
    assert (no_directory.code, no_directory.suggestion) == ("deployment.directory", f"give its directory, {tmp_path}")
    assert codes(list(check(tmp_path, registry=registry).findings)) == ["deployment.empty"]


def test_an_unreadable_file_is_named_and_the_others_are_checked(write: Write, registry: Registry) -> None:
    """A link that leads round in a circle can't be opened; what the other file says is checked all the same."""
    directory = write("deployment: d\nrotues: {}")
    (directory / "target").symlink_to(directory / "unreadable.yaml")
    (directory / "unreadable.yaml").write_text("x")
    (directory / "unreadable.yaml").chmod(0)
    findings = list(check(directory, registry=registry).findings)
    if os.geteuid():
        assert codes(findings) == ["section.unknown", "file.unreadable"]
        assert "Permission denied" in findings[1].message
    else:
        assert codes(findings) == ["section.unknown", "schema.type"]


def test_text_that_is_no_utf8(found: Found) -> None:
    """Latin-1 is refused with the place of the first wrong byte; a UTF-8 byte-order mark is fine."""
    finding = found(**{"latin.yaml": "deployment: ä".encode("latin-1")})[0]
    assert (finding.code, finding.message) == ("file.encoding", "expected UTF-8; byte 12 isn't")
    assert found(**{"latin.yaml": "\ufeffdeployment: d".encode()}) == []


def test_a_file_of_ten_megabytes_is_refused_at_once(found: Found) -> None:
    """A huge file is not parsed."""
    started = time.process_time()
    assert codes(found("deployment: d\n" + "# " + "x" * 10 * 2**20)) == ["file.too_large"]
    assert time.process_time() - started < 1
    assert codes(found("deployment: d\n" + "#" * (MAX_FILE - 14))) == []


@pytest.mark.parametrize(
    "text", ["[" * 5000, "topics: " + "{ a: " * 200, "a:\n" + "".join(" " * n + "- \n" for n in range(1, 99))]
)
def test_deep_nesting_is_refused(found: Found, text: str) -> None:
    """Nesting over the limit is one finding, whether or not the brackets are ever closed."""
    assert codes(found(text)) == ["yaml.too_deep"]


def test_nesting_up_to_the_limit_is_fine(found: Found) -> None:
    """The limit itself is allowed; the root counts."""
    depth = MAX_DEPTH - 4
    text = (
        "deployment: d\nroutes: { r: { from: x, to: y, map: { data: "
        + "[" * depth
        + "]" * depth
        + " } } }\ntopics: { x: , y: }"
    )
    assert codes(found(text)) == []


def test_an_alias_bomb_is_refused(found: Found) -> None:
    """A billion laughs: ten lines that would become 10^9 values are found without writing them out."""
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    started = time.process_time()
    assert codes(found("\n".join(lines))) == ["yaml.too_large"]
    assert time.process_time() - started < 1


def test_a_broken_file_does_not_make_names_unknown(found: Found) -> None:
    """What a file that can't be read might declare isn't reported as missing elsewhere."""
    findings = found(
        "deployment: d\nroutes: { r: { from: x, to: y, were: z } }", **{"topics.yaml": "topics: { x: , y: ]"}
    )
    assert codes(findings) == ["schema.unknown_key", "yaml.syntax"]


def test_a_hundred_routes_are_checked_in_a_second(found: Found) -> None:
    """A large deployment is checked while one waits."""
    routes = "".join(
        f"  r{n}:\n    from: in\n    where: data.a == {n} && data.b.exists(x, x == 'y')\n"
        "    map:\n      type: out\n      data:\n        a: = data.a\n"
        "        b: = data.title + ' by ' + data.user.login\n    to: out\n"
        for n in range(100)
    )
    started = time.process_time()
    assert found(f"deployment: d\ntopics: {{ in: , out: }}\nroutes:\n{routes}") == []
    assert time.process_time() - started < 2.5


@pytest.mark.parametrize(
    "text",
    [
        "routes:\n  r:\n" + "".join(f"    k{n}: 1\n" for n in range(10_000)),
        "topics: { " + ", ".join(f"k{n}: {{ x: 1 }}" for n in range(10_000)) + " }",
        "routes:\n" + "".join(f"  r{n}: {{ from: x{n}, to: y{n} }}\n" for n in range(1000)),
        "routes:\n" + "".join(f"  r{n}: = a ? 1 : 2\n" for n in range(5000)),
        'routes: { r: { from: a, to: b, where: "' + "a" * 900_000,
        "routes: { r: { from: a, to: b, where: >-\n" + "a: = b\n" * 50_000,
    ],
)
def test_hostile_files_take_no_more_than_seconds(found: Found, text: str) -> None:
    """The time of a check grows with the file, not with its square; findings that nobody would read are left out."""
    started = time.process_time()
    assert 0 < len(found(f"deployment: d\n{text}")) <= 1000
    assert time.process_time() - started < 10


def test_a_summary_says_when_there_are_too_many_findings(write: Write, registry: Registry) -> None:
    """A list that was cut says so."""
    directory = write("deployment: d\nroutes:\n  r:\n" + "".join(f"    k{n}: 1\n" for n in range(2000)))
    assert check(directory, registry=registry).summary().startswith("1,000 errors in 1 file, and perhaps more · ")


def test_the_private_mark_of_a_repaired_file_cannot_be_written(found: Found) -> None:
    """The character that stands for what couldn't be read is refused in a file, lest it hide a mistake."""
    findings = found("deployment: d\ntopics: { x: , y: }\nroutes: { r: { from: x, to: y, where: '\ue000 ((' } }")
    assert [(each.code, each.line, each.column) for each in findings] == [("yaml.character", 3, 40)]


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1e999", "-1e999"])
def test_a_number_beyond_64_bits_is_refused_wherever_it_stands(found: Found, number: str) -> None:
    """No event could hold it, so every event would fail."""
    for text in ("tables: { t: { a: NUMBER } }", "tests: { t: { given: { type: in, data: NUMBER } } }"):
        findings = found(f"deployment: d\n{text.replace('NUMBER', number)}")
        assert [each.code for each in findings if each.code.startswith("yaml.")] == ["yaml.number"]


@pytest.mark.parametrize("number", ["18446744073709551615", "-9223372036854775808", "1e308", '"18446744073709551616"'])
def test_the_largest_numbers_are_taken(found: Found, number: str) -> None:
    """Of int64 and uint64, and of doubles; and text may be as long as it likes."""
    findings = found(f"deployment: d\ntables: {{ t: {{ a: {number} }} }}")
    assert [each.code for each in findings] in ([], ["table.unused"])
