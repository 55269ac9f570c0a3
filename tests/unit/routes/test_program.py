"""What routes make of events: split, switch, set, drop, key, and targets."""

from __future__ import annotations

from typing import Any

import pytest

from hub.routes import EvaluationError, ExpressionError
from hub.routes.fusion import compile_fused, compile_program
from hub.routes.program import MAX_BRANCHES, Route
from hub.sdk import Event


def event(data: Any = None, **attributes: str) -> Event:
    return Event(**{"type": "t", "source": "/s", "id": "1", "partitionkey": "k", **attributes}, data=data)  # type: ignore[arg-type]


def run(section: dict[str, Any], data: Any = None, name: str = "r", **attributes: str) -> Any:
    """The outcome by the route alone, by its careful version and as the third of three fused ones, which agree."""
    one = event(data, **attributes)
    program = compile_program(Route(section, name))
    others = [Route({"where": "data.a == 1", "to": ["x"]}), Route({"where": "event.type == 'no'", "to": ["y"]})]
    fused = compile_fused([*others, Route(section, name)])
    outcome = program(one)
    careful = program.function.__globals__["careful"](one)
    together = dict(fused(one)).get(2, "where")
    assert plain(outcome) == plain(careful) == plain(together)
    return plain(outcome)


def plain(outcome: Any) -> Any:
    if isinstance(outcome, str):
        return outcome
    assert isinstance(outcome, list), outcome
    return [(dict(made.attributes), made.data, to) for made, to in outcome]


def failure(section: dict[str, Any], data: Any = None, **attributes: str) -> str:
    one = event(data, **attributes)
    with pytest.raises(EvaluationError) as caught:
        compile_program(Route(section, "r"))(one)
    (found,) = compile_fused([Route(section, "r")])(one)
    assert str(found[1]) == str(caught.value)
    return str(caught.value)


def test_an_event_that_is_not_changed_is_forwarded_as_it_is() -> None:
    """Without shaping the very object goes on."""
    one = event({"n": 1})
    assert compile_program(Route({"to": ["a", "b"]}))(one) == [(one, ("a", "b"))]
    assert compile_program(Route({"where": "data.n == 2", "to": ["a"]}))(one) == "where"


def test_set_changes_a_few_fields_and_keeps_the_rest() -> None:
    """Objects on the way are made, others are shared, the input stays as it was."""
    data = {"user": {"name": "ann", "mail": "a@x"}, "n": 1, "deep": {"x": [1]}}
    section = {
        "set": {
            "data.user.name": "= data.user.name + '!'",
            "data.new.one": 1,
            'data["a.b"]': "= data.n",
            "subject": "s",
        },
        "to": ["a"],
    }
    ((attributes, made, _),) = run(section, data)
    expected = {"user": {"name": "ann!", "mail": "a@x"}, "n": 1, "deep": {"x": [1]}, "new": {"one": 1}, "a.b": 1}
    assert made == expected
    assert attributes["subject"] == "s"
    assert data["user"]["name"] == "ann"  # type: ignore[index]


def test_drop_removes_fields_and_attributes() -> None:
    """What isn't there is no error; each element of a list is reached by ``[]``."""
    data = {"a": 1, "b": {"c": 2, "d": 3}, "l": [{"x": 1, "y": 2}, {"x": 3}, 4], "n": None}
    section = {
        "drop": ["data.a", "data.b.c", "data.l[].x", "data.n.m", "data.no.such", "subject", "extensions.team", "key"],
        "to": ["a"],
    }
    ((attributes, made, _),) = run(section, data, subject="s", team="t")
    assert made == {"b": {"d": 3}, "l": [{"y": 2}, {}, 4], "n": None}
    assert attributes.keys() == {"type", "source", "id", "time", "datacontenttype"}


def test_map_comes_first_then_drop_then_set() -> None:
    """All expressions see the event that came in."""
    section = {
        "map": {"data": {"x": "= data.n", "y": 2, "z": {"w": 1}}},
        "drop": ["data.y", "data.z"],
        "set": {"data.z.v": "= data.n + 1"},
        "to": ["a"],
    }
    assert run(section, {"n": 1})[0][1] == {"x": 1, "z": {"v": 2}}


def test_set_for_every_element_of_a_list() -> None:
    """One value for all, in objects that are copied."""
    section = {"set": {"data.l[].seen": True, "data.none[].seen": True}, "to": ["a"]}
    assert run(section, {"l": [{}, {"x": 1}]})[0][1] == {"l": [{"seen": True}, {"x": 1, "seen": True}]}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"user": None}, "expected an object at `data.user`, got null (set.data.user.name 1:1)"),
        ({"user": []}, "expected an object at `data.user`, got a list"),
        ("text", "expected an object at `data`, got a string"),
        (None, "expected an object at `data`, got null"),
    ],
)
def test_nothing_can_be_set_in_what_is_no_object(data: Any, text: str) -> None:
    """The event fails with the path and the type that is there."""
    assert text in failure({"set": {"data.user.name": "x"}, "to": ["a"]}, data)


def test_a_tombstone_that_loses_fields_stays_one() -> None:
    """There is nothing to drop in it."""
    outcome = compile_program(Route({"drop": ["data.x"], "to": ["a"]}))(event(None))
    assert not isinstance(outcome, str)
    assert outcome[0][0].raw is None


def test_split_makes_an_event_of_each_element() -> None:
    """The element is the data, the id is derived, attributes stay."""
    section = {"split": "data.commits", "to": ["a"]}
    found = run(section, {"commits": [{"id": "x"}, 2, None]}, name="each")
    assert [made for _, made, _ in found] == [{"id": "x"}, 2, None]
    assert [attributes["id"] for attributes, _, _ in found] == ["1/each/0", "1/each/1", "1/each/2"]
    assert {attributes["type"] for attributes, _, _ in found} == {"t"}


def test_expressions_after_a_split_see_the_element_and_the_event() -> None:
    """``item`` and ``index`` beside all else."""
    section = {
        "split": "data.list.filter(x, x.ok)",
        "map": {"type": "one", "key": "= item.k", "data": {"n": "= index", "of": "= data.name", "k": "= item.k"}},
        "set": {"data.more": "= item.k + string(index)"},
        "to": ["a"],
    }
    data = {"name": "all", "list": [{"ok": True, "k": "x"}, {"ok": False, "k": "y"}, {"ok": True, "k": "z"}]}
    found = run(section, data)
    assert [made for _, made, _ in found] == [
        {"n": 0, "of": "all", "k": "x", "more": "x0"},
        {"n": 1, "of": "all", "k": "z", "more": "z1"},
    ]
    assert [attributes["partitionkey"] for attributes, _, _ in found] == ["x", "z"]


def test_an_empty_split_is_a_reason() -> None:
    """So that nothing is dropped silently."""
    assert run({"split": "data.l", "to": ["a"]}, {"l": []}) == "split"
    section = {"split": "data.l", "switch": [{"when": "item > 1", "to": ["a"]}]}
    assert run(section, {"l": [1]}) == "switch"
    assert [made for _, made, _ in run(section, {"l": [1, 2, 3]})] == [2, 3]


@pytest.mark.parametrize("value", ["text", {"a": 1}, None, 5])
def test_only_a_list_can_be_split(value: Any) -> None:
    """Anything else fails the event."""
    assert "expected a list to split by" in failure({"split": "data.l", "to": ["a"]}, {"l": value})


def test_split_elements_may_be_values_of_the_language() -> None:
    """Timestamps become text, as everywhere."""
    found = run({"split": "[timestamp('2026-11-20T10:00:00Z'), 1u]", "to": ["a"]}, {})
    assert [made for _, made, _ in found] == ["2026-11-20T10:00:00Z", 1]


def test_switch_takes_the_first_branch_that_holds() -> None:
    """Each branch adds to what the route does, and may lead elsewhere."""
    section = {
        "map": {"type": "base", "subject": "s"},
        "set": {"data.level": "low", "data.common": True},
        "switch": [
            {"when": "data.n > 10", "set": {"data.level": "high"}, "to": ["alerts"]},
            {"when": "data.n > 5", "map": {"type": "middle"}, "drop": ["subject"]},
            {"key": "rest", "to": ["others"]},
        ],
        "to": ["a"],
    }
    assert run(section, {"n": 11})[0][1:] == ({"n": 11, "level": "high", "common": True}, ("alerts",))
    ((attributes, _, to),) = run(section, {"n": 6})
    assert (attributes["type"], "subject" in attributes, to) == ("middle", False, ("a",))
    ((attributes, made, to),) = run(section, {"n": 1})
    assert (attributes["partitionkey"], made["level"], to) == ("rest", "low", ("others",))


def test_no_branch_is_a_reason() -> None:
    """An event that no branch takes is filtered by the switch."""
    section = {"switch": [{"when": "data.n == 1"}, {"when": "data.n == 2"}], "to": ["a"]}
    assert run(section, {"n": 3}) == "switch"
    assert "`when`" not in failure(section, {})
    assert "(switch[0].when 1:" in failure(section, {})


def test_a_branch_drops_a_part_of_what_the_route_sets() -> None:
    """Its drop comes on top; what is set under the same key comes after it."""
    section = {
        "set": {"data.user": "= data.sender", "data.all[].by": "= data.sender", "data.gone": "= data.sender"},
        "switch": [{"drop": ["data.user.mail", "data.all[].by.mail", "data.user.no.such", "data.gone", "data.n"]}],
        "to": ["a"],
    }
    data = {"sender": {"name": "ann", "mail": "a@x"}, "all": [{}], "n": 1}
    ((_, made, _),) = run(section, data)
    assert made == {"sender": data["sender"], "user": {"name": "ann"}, "all": [{"by": {"name": "ann"}}]}
    assert data["sender"] == {"name": "ann", "mail": "a@x"}
    ((_, made, _),) = run({**section, "set": {"data.user": None}}, {"n": 1, "user": 1})
    assert made == {"user": None}
    ((_, made, _),) = run({"drop": ["data.user.mail"], "set": {"data.user": "= data.sender"}, "to": ["a"]}, data)
    assert made["user"] == data["sender"]


def test_an_attribute_that_is_mapped_and_dropped_is_dropped() -> None:
    """The steps have their order for attributes, too."""
    section = {
        "map": {"subject": "s", "extensions": {"team": "a", "unit": "b"}},
        "drop": ["subject", "extensions.team"],
    }
    ((attributes, _, _),) = run({**section, "set": {"extensions.unit": "c"}, "to": ["a"]}, {}, subject="before")
    assert attributes.keys().isdisjoint(("subject", "team"))
    assert attributes["unit"] == "c"


def test_a_switch_may_have_as_many_branches_as_are_allowed() -> None:
    """All of them can be compiled, by themselves and fused."""
    section = {"split": "data", "switch": [{"when": f"item == {n}", "to": [f"t{n}"]} for n in range(MAX_BRANCHES)]}
    assert [to for *_, to in run(section, [MAX_BRANCHES - 1, MAX_BRANCHES, 0])] == [(f"t{MAX_BRANCHES - 1}",), ("t0",)]


def test_a_branch_with_data_of_its_own_starts_anew() -> None:
    """What the route sets in its data is gone; attributes stay."""
    section = {
        "map": {"subject": "s"},
        "set": {"data.x": 1},
        "drop": ["extensions.team"],
        "switch": [{"map": {"data": {"y": 2}}}],
        "to": ["a"],
    }
    ((attributes, made, _),) = run(section, {}, team="t")
    assert made == {"y": 2}
    assert (attributes["subject"], "team" in attributes) == ("s", False)


def test_a_target_may_be_computed() -> None:
    """From a declared list, beside fixed ones."""
    section = {"to": ["all", {"choose": '= "alerts." + data.level', "of": ["alerts.high", "alerts.low"]}]}
    assert run(section, {"level": "low"})[0][2] == ("all", "alerts.low")
    assert "expected one of alerts.high, alerts.low, got a name that isn't among them" in failure(
        section, {"level": "x"}
    )
    assert "expected one of alerts.high, alerts.low, got an int (to[0].choose" in failure(
        {"to": [{"choose": "= data.level", "of": ["alerts.high", "alerts.low"]}]}, {"level": 1}
    )


@pytest.mark.parametrize(
    ("section", "code", "text"),
    [
        ({"set": {"dta.x": 1}}, "route.path", "expected type, source, subject, id, time, key"),
        ({"set": {"name": 1}}, "route.path", "a field of the payload is `data.name`"),
        ({"set": {"data": 1}}, "route.value", "the whole payload is set by `data` under `map`"),
        ({"set": {"subject.x": "1"}}, "route.path", "`subject` is text and has no fields"),
        ({"set": {"subject": 5}}, "route.value", "expected text, got an int"),
        ({"set": {"data.x": 1, "data.x.y": 2}}, "route.path", "`data.x.y` is set twice"),
        ({"set": {"data.x.y": 1, "data.x": 2}}, "route.path", "`data.x` is set twice"),
        ({"set": {"data.x[].y": 1, "data.x.y": 2}}, "route.path", "`data.x` is a list in one path and an object"),
        ({"set": {"data.x[]": 1}}, "route.path", "a path ends with a field"),
        ({"set": {"data.x..y": 1}}, "route.path", "expected a path such as `subject`"),
        ({"set": {"extensions.Team": "1"}}, "route.value", "lower-case letters and digits, got `Team`"),
        ({"set": {"extensions.partitionkey": "1"}}, "route.value", "write `key` under `map`"),
        ({"set": {"data" + ".x" * 100: 1}}, "route.path", "expected at most 64 steps"),
        ({"set": {"subject": ["= data.x"]}}, "route.value", "expected text, got a list"),
        ({"map": {"extensions": {"team": {"a": "= data.x"}}}}, "route.value", "expected text, got an object"),
        ({"switch": [{"when": "true"}] * 201}, "route.value", "expected at most 200 branches; got 201"),
        ({"drop": ["type"]}, "route.value", "no event can do without its type"),
        ({"drop": ["data"]}, "route.value", "for a tombstone write `data: null`"),
        ({"key": "a", "map": {"key": "b"}}, "route.value", "the key is given twice"),
        ({"split": "= data.x"}, "route.where", "`split` is always an expression"),
        ({"switch": [{"when": "= data.x"}]}, "route.where", "`when` is always an expression"),
        ({"where": "item.x == 1", "split": "data.x"}, "route.unknown_name", "there is no `item` here"),
        ({"map": {"data": {"x": "= index"}}}, "route.unknown_name", "there is no `index` here"),
        ({"to": [{"choose": "data.x", "of": ["a"]}]}, "route.value", "starts with `= `"),
    ],
)
def test_what_is_wrong_is_told_before_it_runs(section: dict[str, Any], code: str, text: str) -> None:
    """Each mistake has its code and says what to do."""
    with pytest.raises(ExpressionError) as caught:
        compile_program(Route({"to": ["a"], **section}))
    assert caught.value.code == code
    assert text in str(caught.value)


def test_fused_routes_parse_only_for_those_that_need_it() -> None:
    """A payload that is no JSON fails the routes that look at it, and no others."""
    broken = Event(type="t", source="/s", id="1", data=b"{", datacontenttype="application/json")
    routes = [
        Route({"where": "event.type == 't'", "to": ["a"]}),
        Route({"where": "data.x == 1", "to": ["b"]}),
        Route({"where": "event.type == 'u' && data.x == 1", "to": ["c"]}),
        Route({"where": "data.x == 2 && event.type == 'u'", "to": ["d"]}),
        Route({"to": ["e"]}),
    ]
    found = dict(compile_fused(routes)(broken))
    assert sorted(found) == [0, 1, 4]
    assert found[0] == [(broken, ("a",))]
    assert isinstance(found[1], Exception)


def test_fused_routes_share_what_they_read_and_fail_each_for_itself() -> None:
    """A path that is missing concerns only the routes that come to it."""
    routes = [
        Route({"where": "data.pr.number > 1 && data.action == 'a'", "to": ["a"]}),
        Route({"where": "has(data.pr) && data.pr.number == 2", "to": ["b"]}),
        Route({"where": "data.action == 'a' || data.pr.number == 2", "to": ["c"]}),
        Route({"where": "data.pr.number == null", "to": ["d"]}),
    ]
    fused = compile_fused(routes)

    def outcome(data: Any) -> dict[int, str]:
        return {index: "error" if isinstance(each, Exception) else "made" for index, each in fused(event(data))}

    assert outcome({"pr": {"number": 2}, "action": "a"}) == {0: "made", 1: "made", 2: "made"}
    assert outcome({"action": "a"}) == {0: "error", 2: "made", 3: "error"}
    assert outcome({"action": "b"}) == {2: "error", 3: "error"}
    assert outcome({"pr": {"number": None}, "action": "b"}) == {3: "made"}
    assert outcome([]) == {0: "error", 1: "error", 2: "error", 3: "error"}
