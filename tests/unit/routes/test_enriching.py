"""What a route looks up: which questions it asks, when, and what sees the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from hub.routes import EvaluationError, ExpressionError, Program, Route, compile_program
from hub.routes.enriching import Ask, Pending, Question, Unanswered
from hub.routes.tracing import Tracer
from hub.sdk import Event


def program(**section: Any) -> Program:
    return compile_program(Route({"from": ["in"], "to": ["out"], **section}, "r"))


def event(**data: Any) -> Event:
    return Event(type="t", source="/s", id="1", data=data)


class Answering:
    """Answers by a function of name and key, and keeps what it was asked, together in one list per call."""

    def __init__(self, answer: Callable[[str, Any], Any] = lambda name, key: {"name": name, "key": key}) -> None:
        self.answer = answer
        self.asked: list[list[tuple[str, Any]]] = []

    def __call__(self, questions: Sequence[Question]) -> list[Any]:
        plain = [(name, None if key is None else orjson.loads(key)) for name, key in questions]
        self.asked.append(plain)
        return [None if key is None else self.answer(name, key) for name, key in plain]


ISSUE = {"issue": {"key": "= data.n"}}


def test_what_does_not_pass_asks_nothing():
    """`where` decides first."""
    ask = Answering()
    assert program(where="data.n > 1", enrich=ISSUE)(event(n=1), ask) == "where"
    assert ask.asked == []


def test_all_that_follows_sees_the_answer():
    """`split`, `switch`, `map`, `set`, `key` and computed targets."""
    made = program(
        enrich=ISSUE,
        split="issue.list",
        set={"extensions.team": "= issue.team"},
        key="= issue.key",
        switch=[{"when": "issue.open", "map": {"data": {"n": "= item", "t": "= issue.team"}}}],
        to=[{"choose": "= issue.to", "of": ["a", "b"]}],
    )
    answer = {"list": [1, 2], "team": "x", "key": "k", "open": True, "to": "b"}
    outcome = made(event(n=7), Answering(lambda *_: answer))
    assert [(each.data, each.key, each.attributes["team"], to) for each, to in outcome] == [
        ({"n": 1, "t": "x"}, "k", "x", ("b",)),
        ({"n": 2, "t": "x"}, "k", "x", ("b",)),
    ]


def test_keys_are_trees():
    """Constants and expressions, at any depth; whatever JSON holds."""
    ask = Answering()
    enrich = {"issue": {"key": {"repository": "= data.repo", "list": [1, "= data.n"], "fixed": None}}}
    program(enrich=enrich)(event(repo="a/b", n=2), ask)
    assert ask.asked == [[("issue", {"repository": "a/b", "list": [1, 2], "fixed": None})]]
    ask = Answering()
    program(enrich={"issue": {"key": 7}})(event(), ask)
    assert ask.asked == [[("issue", 7)]]


def test_what_does_not_need_each_other_is_asked_together():
    """And what needs an answer after it, in as few rounds as the order allows."""
    ask = Answering()
    enrich = {
        "a": {"key": "= data.n"},
        "b": {"key": "= data.n + 1"},
        "c": {"key": "= a.key + b.key"},
        "d": {"key": "x", "when": "c.key > 0"},
    }
    program(enrich=enrich)(event(n=1), ask)
    assert ask.asked == [[("a", 1), ("b", 2)], [("c", 3)], [("d", "x")]]


def test_where_nothing_is_to_be_asked_the_answer_is_null():
    """The key isn't even computed then."""
    enrich = {"issue": {"key": "= data.n", "when": "has(data.n)"}}
    made = program(enrich=enrich, map={"data": {"none": "= issue == null"}})
    ask = Answering()
    assert made(event(), ask)[0][0].data == {"none": True}
    assert made(event(n=1), ask)[0][0].data == {"none": False}
    assert ask.asked == [[("issue", None)], [("issue", 1)]]


@pytest.mark.parametrize("raised", [Pending([("issue", b"1")]), Unanswered("issue", ValueError("no"))])
def test_an_interruption_passes_through(raised):
    """It is no mistake in the route: the careful version isn't asked, and nothing is explained."""
    calls = []

    def ask(questions: Sequence[Question]) -> Any:
        calls.append(questions)
        raise raised

    with pytest.raises(type(raised)) as caught:
        program(enrich=ISSUE, where="data.n == 1 || data.x")(event(n=1), ask)
    assert caught.value is raised
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("enrich", "more", "text"),
    [
        ({"issue": {"key": "= data.missing"}}, {}, "(enrich.issue.key 1:3)"),
        ({"issue": {"key": {"a": "= data.missing"}}}, {}, "(enrich.issue.key.a 1:3)"),
        ({"issue": {"key": 1, "when": "data.n"}}, {}, "(enrich.issue.when 1:1)"),
        (ISSUE, {"map": {"data": "= issue.missing"}}, "the object at `issue` has no field `missing`"),
    ],
)
def test_what_has_no_value_is_explained_where_it_stands(enrich, more, text):
    """With the expression's place in the route."""
    with pytest.raises(EvaluationError) as error:
        program(enrich=enrich, **more)(event(n=1), Answering())
    assert text in str(error.value)


@pytest.mark.parametrize(
    "name", ["data", "event", "env", "item", "index", "size", "int", "in", "for", "true", "a b", "1", "a.b", "math"]
)
def test_names_that_mean_something_else_are_refused(name):
    """What expressions know already, what is no name, and what starts a function's."""
    if name == "size":  # a function, which is no name of a value
        assert program(enrich={name: {"key": 1}})
        return
    with pytest.raises(ExpressionError) as error:
        program(enrich={name: {"key": 1}})
    assert error.value.path == ("enrich", name)


def test_there_is_a_bound():
    """Sixteen far sides are enough for an event."""
    enrich = {f"a{number}": {"key": 1} for number in range(17)}
    with pytest.raises(ExpressionError, match="expected at most 16 look-ups"):
        program(enrich=enrich)
    enrich.popitem()
    assert program(enrich=enrich)(event(), Answering())


def test_a_route_without_look_ups_asks_nobody():
    """It is a function of the event alone, as before."""
    plain = program(where="data.n > 0", map={"data": {"n": "= data.n"}})
    assert plain.function(event(n=1))[0][0].data == {"n": 1}


def test_a_trace_shows_keys_and_answers():
    """In the order in which they come about."""
    route = Route({"enrich": ISSUE, "map": {"data": "= issue.name"}, "to": ["out"]}, "r")
    trace = Tracer(route)(event(n=3), Answering())
    shown = [(step.source.path, step.text, step.value) for step in trace.steps]
    assert (("enrich", "issue", "key"), "data.n", 3) in shown
    assert (("map", "data"), "issue.name", "issue") in shown


def test_a_trace_of_what_has_no_answer_ends_there():
    """With the error that says why."""
    error = ValueError("nobody knows")

    def ask(_: Sequence[Question]) -> Mapping[str, Any]:
        raise Unanswered("issue", error)

    asking: Ask = ask  # type: ignore[assignment]  # it never returns
    trace = Tracer(Route({"enrich": ISSUE, "to": ["out"]}, "r"))(event(n=3), asking)
    assert trace.outcome is error
