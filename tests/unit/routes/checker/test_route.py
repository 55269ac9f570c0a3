"""Whole routes: predicates and branches, what reaches them, and the shapes of what comes out."""

import pytest

from hub.contracts import Shape
from hub.contracts.shape import DYN, STRING
from hub.routes.checker import check_route
from hub.routes.checker.problem import agreed
from hub.routes.program import Choice, Route
from tests.unit.routes.checker.shapes import NAMES


def check(section, *, names=NAMES, strict=False, alone=True):
    """What the checker says of a route."""
    route = Route({"to": ["a"], **section}, "orders")
    assert not route.sources.errors
    return check_route(route, names, strict=strict, alone=alone)


def told(section, **options):
    """Code, path and message of each problem."""
    return [(each.code, each.path, each.message) for each in check(section, **options).problems]


def output(section, **options):
    """The only output of a route without problems."""
    result = check(section, **options)
    assert not result.problems
    (only,) = result.outputs
    return only


# Predicates


def test_a_predicate_that_lets_nothing_through_is_told():
    """With what it means."""
    assert told({"where": "data.number == null"}) == [
        ("route.always_false", ("where",),
         "`data.number == null` is always false: `data.number` is int, so the route lets no event through"),
    ]  # fmt: skip


def test_a_predicate_that_lets_everything_through_is_told():
    """Unless it only looks defensive."""
    assert told({"where": 'data.payload.kind in ["card", "bank"]'})[0][0] == "route.always_true"
    assert told({"where": "has(data.title)"}) == []
    assert told({"where": "has(data.title)"}, strict=True)[0][0] == "route.always_true"
    assert told({"where": "data.title != null"}) == []
    assert told({"where": "true"})[0][0] == "route.always_true"
    assert told({"where": "false"})[0][::2] == (
        "route.always_false",
        "this is `false` for every event, so the route lets no event through",
    )


def test_what_makes_a_predicate_false_is_pointed_at():
    """One operand of several."""
    result = check({"where": "data.paid && data.number == null && data.title != ''"})
    (only,) = result.problems
    assert only.source.text[only.start : only.end] == "data.number == null"


def test_a_predicate_holds_in_all_that_follows():
    """What `where` has shown is known in the map, and in what comes out."""
    section = {
        "where": "data.user != null && has(data.maybe)",
        "map": {"data": {"x": "= data.user.login + data.maybe"}},
    }
    assert check(section, strict=True).problems == ()
    kept = output({"where": 'data.user != null && data.payload.kind == "card"'})
    assert str(kept.data.fields["user"]) == "{login: string, id: int, email?: string}"
    assert set(kept.data.fields["payload"].fields) == {"kind", "digits"}


def test_events_that_never_pass_have_no_problems_further_on():
    """A route that reads other events too may say what holds for those alone."""
    section = {"where": 'event.type == "other"', "map": {"data": {"x": "= data.nothing_of_the_kind"}}}
    names = {**NAMES, "event": Shape(("map",), fields={"type": Shape.of_value("shop.order")}, required=("type",))}
    dead = check(section, names=names, alone=False)
    assert dead.outputs == ()
    assert agreed([(dead.problems, dead.visited), ([], {each.visit for each in dead.problems})]) == []
    only = check(section, names=names)
    assert [each.code for each in only.problems] == ["route.unknown_field", "route.never_equal"]


# Split


def test_a_split_gives_its_elements_their_shape():
    """As `item`; without `map.data` they are what comes out."""
    made = output({"split": "data.labels", "set": {"subject": '= item.name + "/" + string(index)'}})
    assert str(made.data) == "{name: string, color: string or null}"
    assert told({"split": "data.labels", "map": {"data": {"x": "= item.nme"}}})[0][2] == "`item` has no field `nme`"


def test_a_split_takes_a_list():
    """And nothing else."""
    assert told({"split": "data.owner"})[0][0] == "route.not_list"
    assert told({"split": "data.nothing"})[0][0] == "route.null"
    assert told({"split": "data.extra.list"}) == []


# Branches


def test_a_branch_that_is_there_twice_is_an_error():
    """However it is spaced."""
    switch = [{"when": "data.number == 1"}, {"when": "data.number  ==  1"}]
    (only,) = check({"switch": switch}).problems
    assert (only.severity, only.code, only.path) == ("error", "route.unreachable", ("switch", 1, "when"))


def test_a_branch_whose_events_are_taken_before_is_told():
    """By constants and by null."""
    switch = [{"when": 'data.action in ["opened", "closed"]'}, {"when": 'data.action == "closed" && data.paid'}, {}]
    assert told({"switch": switch}) == [
        ("route.unreachable", ("switch", 1, "when"),
         "this branch is never taken: the branches before it take all such events"),
    ]  # fmt: skip


def test_the_last_branch_may_be_one_that_nothing_reaches_today():
    """Systems get new constants; a branch for the rest is no mistake, nor is naming the last constant."""
    switch = [{"when": f'data.action == "{each}"'} for each in ("opened", "closed", "reopened")]
    assert told({"switch": [*switch, {"to": ["rest"]}]}) == []
    assert len(check({"switch": [*switch, {"to": ["rest"]}]}).outputs) == 4


def test_branches_know_what_led_to_them():
    """What the ones before have left, and their own predicate."""
    switch = [
        {"when": "data.user == null", "to": ["nobody"]},
        {"when": 'data.user.login == "a"', "map": {"subject": "= data.user.login"}},
        {"map": {"subject": "= data.user.login"}},
    ]
    result = check({"switch": switch}, strict=True)
    assert result.problems == ()
    assert [each.branch for each in result.outputs] == [("switch", 0), ("switch", 1), ("switch", 2)]


def test_what_branches_share_is_wrong_only_once():
    """The route's own map is looked at in each branch."""
    switch = [{"when": "data.paid"}, {"to": ["b"]}]
    assert len(told({"switch": switch, "map": {"data": {"x": "= data.titel"}}})) == 1


def test_what_is_right_in_one_branch_isnt_always_false():
    """A comparison in a shared map that can be true in one branch is no mistake in the other."""
    shared = {"map": {"data": {"x": '= data.action == "opened" ? 1 : 2'}}}
    switch = [{"when": 'data.action == "opened"'}, {"to": ["b"]}]
    assert told({"switch": switch, **shared}) == []


# What comes out


def test_the_payload_has_the_shape_of_the_tree():
    """Constants, expressions, lists and objects; times become text."""
    made = output({"map": {"data": {"a": 1, "b": "= data.number", "c": ["= data.title", None], "d": "= now"}}})
    assert str(made.data.fields["a"]) == "1"
    assert str(made.data.fields["b"]) == "int"
    assert str(made.data.fields["c"]) == "list of string or null"
    assert made.data.fields["d"].format == "date-time"
    assert made.data.sealed


def test_attributes_must_be_text():
    """A time may be a timestamp."""
    assert told({"map": {"subject": "= data.number"}})[0][0] == "route.attribute"
    assert told({"map": {"time": "= now", "subject": "= data.title"}}) == []
    assert told({"map": {"subject": "= data.note"}}) == []
    assert told({"map": {"subject": "= data.note"}}, strict=True)[0][0] == "route.null"
    made = output({"map": {"type": "order.done"}, "drop": ["subject"]})
    assert made.attributes["type"].constant == ("order.done",)
    assert made.attributes["subject"].kinds == {"null_type"}


@pytest.mark.parametrize(
    "value", ["= type(data.title)", "= data.?maybe", "= [data.?maybe]", "= {'a': type(1)}"]
)  # fmt: skip
def test_what_json_cant_hold_is_told(value):
    """Types and optional values, also within."""
    assert told({"map": {"data": {"x": value}}})[0][0] == "route.not_json"


def test_fields_are_set_and_dropped():
    """The rest stays as it was."""
    made = output(
        {"drop": ["data.labels[].color", "data.title"], "set": {"data.user.name": "= data.number", "data.new.x": 1}}
    )
    fields = made.data.fields
    assert "title" not in fields
    assert str(fields["labels"]) == "list of {name: string}"
    assert str(fields["user"].fields["name"]) == "int"
    assert str(fields["new"]) == "{x: 1}"
    assert {"new", "user"} <= made.data.required


@pytest.mark.parametrize(
    ("section", "code", "path", "suggestion"),
    [
        ({"drop": ["subject", "data.titel"]}, "route.unknown_field", ("drop", 1), "did you mean `data.title`?"),
        ({"drop": ["data.owner.logn"]}, "route.unknown_field", ("drop", 0), "did you mean `data.owner.login`?"),
        ({"drop": ["data.title.x"]}, "route.type", ("drop", 0), None),
        ({"drop": ["data.labels.name"]}, "route.type", ("drop", 0), "its elements are written `[]`"),
        ({"drop": ["data.owner[].x"]}, "route.not_list", ("drop", 0), None),
        ({"set": {"data.number.x": 1}}, "route.type", ("set", "data.number.x"), None),
        ({"switch": [{"when": "data.paid", "drop": ["data.titel"]}]}, "route.unknown_field", ("switch", 0, "drop", 0),
         "did you mean `data.title`?"),
    ],
)  # fmt: skip
def test_paths_that_lead_nowhere_are_told(section, code, path, suggestion):
    """A secret that isn't dropped for a slip of the pen is bad."""
    (only,) = check(section).problems
    assert (only.code, only.path, only.suggestion) == (code, path, suggestion)


def test_nothing_is_said_of_edits_of_what_is_unknown():
    """No schema, no complaint."""
    names = {**NAMES, "data": DYN}
    section = {"drop": ["data.a.b", "data.c[].d"], "set": {"data.e.f": 1}}
    assert told(section, names=names) == []


def test_choices_of_targets_must_be_among_their_names():
    """As far as constants tell; the names that are left are the output's."""
    section = {"to": [{"choose": '= data.paid ? "high" : "low"', "of": ["high", "low", "never"]}]}
    (target,) = output(section).targets
    assert isinstance(target, Choice)
    assert target.names == ("high", "low")
    (only,) = check({"to": [{"choose": '= data.paid ? "hgh" : "low"', "of": ["high", "low"]}]}).problems
    assert (only.code, only.suggestion) == ("route.target", "did you mean `high`?")
    assert told({"to": [{"choose": "= data.number", "of": ["1", "2"]}]})[0][0] == "route.target"
    assert told({"to": [{"choose": '= "a." + data.title', "of": ["a.b", "a.c"]}]}) == []


def test_types_of_all_expressions_are_kept_for_editors():
    """By the path of each."""
    result = check({"where": "data.paid", "map": {"subject": "= data.title", "data": {"x": "= data.number"}}})
    assert {("where",), ("map", "subject"), ("map", "data", "x")} <= result.types.keys()
    assert str(result.types["map", "data", "x"][-1][1]) == "int"


def test_an_unknown_payload_is_never_wrong():
    """Without a schema, only what is wrong in itself."""
    names = {"data": DYN, "event": Shape(("map",), values=STRING)}
    section = {
        "where": "data.a.b > 7 && data.c",
        "split": "data.d",
        "map": {"subject": "= item.x", "data": {"y": "= item.y + 1", "z": "= data.e.map(f, f.g)"}},
    }
    assert told(section, names=names) == []
    assert told({"map": {"data": {"x": "= data.a + (1 + 'b')"}}}, names=names)[0][0] == "route.type"


def test_a_schema_that_refers_to_itself_comes_through():
    """Payloads with trees in them are set, dropped and kept."""
    node = {"properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}, "required": ["v"]}
    shape = Shape.of_schema({"$defs": {"node": node}, "$ref": "#/$defs/node"})
    made = output({"set": {"data.v": "= string(data.v)"}, "drop": ["data.next.next.v"]}, names={"data": shape})
    assert str(made.data.fields["v"]) == "string"
    assert "v" not in made.data.fields["next"].fields["next"].fields


def test_a_constant_tree_has_the_shape_of_its_value():
    """Also null, a tombstone."""
    assert str(output({"map": {"data": None}}).data) == "null"
