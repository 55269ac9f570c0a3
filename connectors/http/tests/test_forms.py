"""Cursor values in every form, paths, and placeholders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http.moments import Form, Moments, canonical, normal, time_of
from connectors.http.paths import MISSING, JsonPath, put
from connectors.http.templates import Template, check_names, filled
from hub.sdk import ConfigError, Permanent

TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  bounds have none
FORMS = st.sampled_from(
    ["iso", "epoch", "epoch_ms", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y%m%dT%H%M%S.%f"]
)


@given(TIMES, FORMS)
def test_a_range_is_never_asked_for_too_narrowly(time: datetime, name: str) -> None:
    """Whatever a form can't tell widens the range; with an exclusive bound the moment itself lies within."""
    form, moment = Form(name), canonical(time)
    start, end = form.start(moment), form.end(moment)
    assert form.read(_value(form, start)) <= moment <= form.read(_value(form, end))
    assert form.read(_value(form, form.start(moment, exclusive=True))) < moment
    assert time_of(str(form.read(_value(form, end)))) - time < timedelta(days=1, seconds=1)


@given(TIMES, TIMES)
def test_times_are_ordered_as_their_text(first: datetime, second: datetime) -> None:
    """So that cursor values are compared without being read."""
    assert (canonical(first) < canonical(second)) == (first < second)
    assert normal(first.isoformat()) == canonical(first)


@given(TIMES, TIMES)
def test_the_middle_lies_between(first: datetime, second: datetime) -> None:
    """And moving there and back is no move."""
    values = Moments(times=True, numbers=True)
    low, high = sorted((canonical(first), canonical(second)))
    assert low <= values.middle(low, high) <= high
    assert values.moved(values.moved(low, timedelta(hours=5)), -timedelta(hours=5)) == low


def _value(form: Form, text: str) -> Any:
    return int(text) if form.name.startswith("epoch") else text


def test_options_fit_the_kinds_of_the_streams() -> None:
    """A duration for times, a number for numbers; no step that is finer than what is told."""
    days = Moments(times=True, numbers=False, tick=timedelta(days=1))
    days.check("step", timedelta(days=2))
    for option, value in (("step", timedelta(hours=1)), ("lookback_window", 5)):
        with pytest.raises(ConfigError):
            days.check(option, value)
    with pytest.raises(ConfigError):
        Moments(times=False, numbers=True).check("hold_back", timedelta(seconds=1))
    mixed = Moments(times=True, numbers=True)
    mixed.check("step", 100)
    mixed.check("lookback_window", timedelta(seconds=1))
    assert mixed.moved(7, timedelta(days=1)) == 7
    assert mixed.moved("01ARZ", timedelta(days=1)) == "01ARZ"


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("epoch", "noon"),
        ("epoch", True),
        ("integer", 1.5),
        ("integer", True),
        ("text", 5),
        ("iso", 5),
        ("%Y", "20x6"),
        ("epoch", 1e300),
    ],
)
def test_values_of_another_form_are_no_values(form: str, value: Any) -> None:
    """The error names the kind of what came, and doesn't repeat it."""
    with pytest.raises(ValueError, match="got") as raised:
        Form(form).read(value)
    assert str(value) not in str(raised.value).replace(form, "")


DOCUMENT = {"a": {"b": [{"c": 1}, {"c": 2}, {"d": 3}]}, "x.y": {"*": 4}, "0": 5, "n": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", [DOCUMENT]),
        ("$", [DOCUMENT]),
        ("a.b.*.c", [1, 2]),
        ("$.a.b[*].c", [1, 2]),
        ("a.b.1.c", [2]),
        ("a.b[1]['c']", [2]),
        ('["x.y"]["*"]', [4]),
        ("0", [5]),
        ("n", [None]),
        ("n.m", []),
        ("a.b.7", []),
        ("a.*", [DOCUMENT["a"]["b"]]),  # type: ignore[index]
        ("zzz", []),
    ],
)
def test_paths_lead_to_what_stands_there(path: str, found: list[Any]) -> None:
    """Keys, numbers, every item, and quoted keys; nothing where nothing is."""
    assert JsonPath(path).all(DOCUMENT) == found
    assert JsonPath(path).one(DOCUMENT) is (found[0] if found else MISSING) or JsonPath(path).one(DOCUMENT) == found[0]


@pytest.mark.parametrize("path", [".", "a.", "a..b", ".a", "a[", "a[x]", "a b", "a.'b'", "[]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """With an example of one."""
    with pytest.raises(ValueError, match="expected a path such as"):
        JsonPath(path)


def test_values_are_put_where_a_path_leads() -> None:
    """Mappings are made on the way; what was given is left as it was."""
    inner = {"b": 1}
    document: dict[str, Any] = {"a": inner}
    put(document, JsonPath("a.c.d"), 2)
    assert document == {"a": {"b": 1, "c": {"d": 2}}}
    assert inner == {"b": 1}


VALUES = {"parent": {"id": 7, "name": "a/b c", "on": True, "dots": ".."}, "start": None, "end": "2026"}


def test_placeholders_are_filled() -> None:
    """In paths encoded, elsewhere as they are; a value alone keeps its type, and what isn't there yet is left out."""
    assert Template("/x/{parent.id}/{parent.name}/{+parent.name}").path(VALUES) == "/x/7/a%2Fb%20c/a/b%20c"
    tree = {"a": "{parent.id}", "b": "{parent.on}!", "c": ["{start}", "{{end}}"], "d": "{start}", "e": 5}
    assert filled(tree, VALUES) == {"a": 7, "b": "true!", "c": ["{end}"], "e": 5}
    for text in ("/{parent.dots}", "/{parent}", "/{parent.nothing}"):
        with pytest.raises(Permanent):
            Template(text).path(VALUES)


@pytest.mark.parametrize("text", ["{", "a}b", "{a b}", "{}", "{a{b}}"])
def test_lone_braces_are_refused(text: str) -> None:
    """Rather than sent."""
    with pytest.raises(ValueError, match="expected"):
        check_names(text, ["a"])
