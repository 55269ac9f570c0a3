"""What an editor offers while an expression is written."""

import pytest

from hub.routes.checker import complete
from tests.unit.routes.checker.shapes import NAMES


def offered(text, *, kind="field"):
    """The names that are offered where a text has a `|`."""
    offset = text.index("|")
    return [each.name for each in complete(text.replace("|", ""), offset, NAMES) if each.kind == kind]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("data.ti|", ["title"]),
        ("data.owner.|", ["login", "id", "email"]),
        ("data.owner.l| == 'a'", ["login"]),
        ("data.labels[0].|", ["name", "color"]),
        ("data.?user.|", ["login", "id", "email"]),
        ("data.owner.?e|", ["email"]),
        ("data.paid && data.owner.|", ["login", "id", "email"]),
        ("size(data.owner.|", ["login", "id", "email"]),
        ("data.labels.map(l, l.|", ["name", "color"]),
        ("data.labels.filter(l, l.color != null).map(m, m.|)", ["name", "color"]),
        ("data.labels.transformList(i, l, l.|)", ["name", "color"]),
        ("data.?owner.optMap(o, o.|)", ["login", "id", "email"]),
        ("data.labels.filter(l, size(data.tags.filter(t, t == l.|", ["name", "color"]),
        ('data["owner"].|', ["login", "id", "email"]),
        ("(data.paid ? data.owner : data.user).|", ["login", "id", "email"]),
        ("'data.owner.|", []),
        ("data.title.|", []),
        ("nonsense.|", []),
        ("7|", []),
        ("", []),
    ],
)
def test_fields_are_offered(text, names):
    """Those of the value before the dot, whatever else is unfinished."""
    assert offered(text if "|" in text else text + "|") == names


def test_names_and_functions_are_offered_where_a_value_starts():
    """The variables of the macros around it, too."""
    assert "data" in offered("|", kind="variable")
    assert offered("da|", kind="variable") == ["data"]
    assert "label" in offered("data.labels.exists(label, la|", kind="variable")
    assert "size" in offered("si|", kind="function")
    assert "has" in offered("data.paid && h|", kind="macro")


def test_functions_are_offered_for_what_they_are_called_on():
    """Text has those of text."""
    assert {"startsWith", "contains", "size"} <= set(offered("data.title.|", kind="function"))
    assert "startsWith" not in offered("data.labels.|", kind="function")
    assert {"exists", "map", "filter"} <= set(offered("data.labels.|", kind="macro"))
    assert offered("data.title.|", kind="macro") == []
    assert "abs" in offered("math.|", kind="function")
    assert "optMap" in offered("data.?maybe.|", kind="macro")


def test_fields_say_what_they_are():
    """Their type, what the schema says of them, and whether they may be missing."""
    found = {each.name: each for each in complete("data.", 5, NAMES)}
    assert found["action"].documentation == "what happened"
    assert str(found["action"].shape) == '"opened" | "closed" | "reopened"'
    assert found["maybe"].documentation == "may be missing"


@pytest.mark.parametrize(
    "text", ["((((", "data.labels.map(", "data[", "'\\", "a.b.c.d(", "?.", "data..", "data.labels.map(l,"]
)
def test_unfinished_text_is_no_problem(text):
    """Whatever stands there, at any place in it."""
    for offset in range(len(text) + 1):
        complete(text, offset, NAMES)
