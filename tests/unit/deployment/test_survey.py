"""What is known of a deployment that may be wrong, and of texts that aren't saved yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub.deployment import Registry, check, survey

VALID = "deployment: d\ntopics: { in: , out: }\nroutes: { r: { from: in, to: out } }\n"


def test_a_survey_finds_what_a_check_finds(write: Callable[..., Path], registry: Registry) -> None:
    """The same findings, and beside them what could be understood."""
    directory = write(VALID.replace("to: out", "to: owt"))
    found = survey(directory, registry=registry)
    assert found.findings == check(directory, registry=registry).findings
    assert found.deployment is None
    assert list(found.units) == ["r"]
    assert found.declared == {"in", "out"}


def test_what_an_editor_holds_counts(write: Callable[..., Path], registry: Registry) -> None:
    """Instead of what the file holds, which is wrong here; nothing is written."""
    directory = write("routes: [")
    path = directory / "hub.yaml"
    found = survey(directory, registry=registry, overlay={path.resolve(): VALID})
    assert found.deployment is not None
    assert found.findings == ()
    assert path.read_text() == "routes: ["


def test_a_file_that_was_never_saved_counts(write: Callable[..., Path], registry: Registry) -> None:
    """As one of the directory; others and hidden ones don't."""
    directory = write("deployment: d\ntopics: { in: , out: }\n")
    real = directory.resolve()
    routes = "routes: { r: { from: in, to: out } }\n"
    overlay = {real / "new.yaml": routes, real / ".hidden.yaml": "x", real / "sub" / "other.yaml": "x", real / "a": "x"}
    found = survey(directory, registry=registry, overlay=overlay)
    assert list(found.documents) == ["hub.yaml", "new.yaml"]
    assert list(found.units) == ["r"]


def test_included_texts_are_the_editors_too(write: Callable[..., Path], registry: Registry) -> None:
    """Saved or not."""
    directory = write("deployment: d\ntopics: { in: , out: }\nroutes: { r: { $file: r.part } }\n")
    overlay = {directory.resolve() / "r.part": "{ from: in, to: out }"}
    assert [each.code for each in survey(directory, registry=registry).findings] == ["include.missing"]
    found = survey(directory, registry=registry, overlay={**overlay, directory.resolve() / "r.yaml": "topics: {}"})
    assert "include.missing" not in [each.code for each in found.findings]


def test_a_text_that_is_too_large_is_not_read(write: Callable[..., Path], registry: Registry) -> None:
    """As a file of that size isn't."""
    directory = write(VALID)
    found = survey(directory, registry=registry, overlay={directory.resolve() / "hub.yaml": "#" * (2**20 + 1)})
    assert [each.code for each in found.findings] == ["file.too_large"]


def test_secrets_stay_hidden(write: Callable[..., Path], registry: Registry) -> None:
    """In the lines that findings show, also of texts that aren't saved."""
    text = "deployment: d\nsinks:\n  q: { use: rabbitmq, with: { url: amqp://u:p@h, exchange: e, nope: 1 } }\n"
    directory = write(VALID)
    found = survey(directory, registry=registry, overlay={directory.resolve() / "hub.yaml": text})
    assert all("u:p@h" not in (each.span.text or "") for each in found.findings)
