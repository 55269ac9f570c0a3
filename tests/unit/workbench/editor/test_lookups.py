"""What an editor is told about look-ups of routes. The place is written ``¦`` in the text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.deployment import Registry
from hub.workbench.editor.completion import completions
from hub.workbench.editor.hover import hover
from hub.workbench.editor.project import Project
from hub.workbench.editor.text import Text

FILE = """
deployment: shop
topics: { in: {}, out: {} }
services:
  crm: { use: http, with: { base_url: "http://crm.example" } }
routes:
  named:
    from: in
    where: data.n > 1
    enrich:
      customer:
        use: http
        with: { service: crm, path: "/customers/{key}" }
        key: = data.id
        when: has(data.id)
      other:
        use: http
        with: { service: crm, path: "/x/{key}" }
        key: = customer.boss
    map: { data: { name: = customer.name } }
    to: out
"""

Place = Callable[[str, str], tuple[Text, int, Project]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "hub.yaml").write_text(FILE)
    project = Project(tmp_path.resolve(), {}, registry=Registry())
    project.look()

    def place(old: str, new: str) -> tuple[Text, int, Project]:
        assert old in FILE
        text = FILE.replace(old, new, 1)
        return Text(text.replace("¦", "")), text.index("¦"), project

    return place


@pytest.mark.parametrize(
    ("old", "new", "some", "none"),
    [
        ("= customer.name", "= cus¦", {"customer"}, set()),
        ("= customer.name", "= o¦", {"other"}, set()),
        ("= customer.boss", "= c¦", {"customer"}, {"other"}),
        ("key: = data.id", "key: = ¦", {"data"}, {"customer", "other"}),
        ("where: data.n > 1", "where: ¦", {"data"}, {"customer", "other"}),
        ("        when: has(data.id)\n", "        ¦\n", {"cache", "on_error", "timeout"}, {"switch"}),
        ("service: crm, path", "service: ¦, path", {"crm"}, set()),
        ('path: "/customers/{key}" }', 'path: "/customers/{key}", ¦ }', {"record", "missing", "params"}, set()),
        (
            '        use: http\n        with: { service: crm, path: "/x',
            '        use: h¦\n        with: { service: crm, path: "/x',
            {"http"},
            {"rabbitmq"},
        ),
    ],
)
def test_look_ups_are_completed(place: Place, old: str, new: str, some: set[str], none: set[str]) -> None:
    """Their keys, what they use, the settings of that, and their answers where expressions see them."""
    found = {each.label for each in completions(*place(old, new))}
    assert some <= found
    assert not none & found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("        when: has", "        wh¦en: has", ["**when**", "nothing is asked"]),
        ("    enrich:", "    en¦rich:", ["**enrich**", "looked up"]),
        ('path: "/x', 'pa¦th: "/x', ["**path**", "percent-encoded"]),
        ("service: crm, path", "service: cr¦m, path", ["**crm**"]),
    ],
)
def test_look_ups_are_explained(place: Place, old: str, new: str, words: list[str]) -> None:
    """What keys are for, the connector's too."""
    found = hover(*place(old, new))
    assert found is not None
    assert all(each in found.contents.value for each in words)  # type: ignore[union-attr]
