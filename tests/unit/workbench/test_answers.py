"""Answers of look-ups that people give: in tests, to ``hub explain`` and to ``hub diff``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.deployment import Deployment, load
from hub.deployment.trial import GivenAnswer
from hub.sdk import ConfigError, Event
from hub.workbench.answers import GivenAnswers, NoAnswer, read_answers
from hub.workbench.comparison import Comparison
from hub.workbench.coverage import Recorder
from hub.workbench.differing import Kind, Sample
from hub.workbench.explanation import Explainer
from hub.workbench.trials import Result, run

DEPLOYMENT = """
deployment: d
topics: {{ in: , out: }}
services: {{ crm: {{ use: http, with: {{ base_url: "http://crm.example" }} }} }}
routes:
  named:
    from: in
    where: data.n > {least}
    enrich:
      customer:
        use: http
        with: {{ service: crm, path: "/customers/{{key}}" }}
        key: = data.n + {more}
        {fallback}
      other: {{ use: http, with: {{ service: crm, path: "/x" }}, key: x, when: data.n > 100 }}
    map: {{ data: {{ name: = customer.name, other: = other }} }}
    to: out
tests:
  t:
    given: {{ type: in, data: {{ n: {n} }} }}
    {test}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Callable[..., Deployment]:
    def deployment(test: str = "expect: filtered", **values: Any) -> Deployment:
        given = {"least": 1, "more": 0, "fallback": "", "n": 7, **values}
        directory = tmp_path / f"d{len(list(tmp_path.iterdir()))}"
        directory.mkdir()
        (directory / "hub.yaml").write_text(DEPLOYMENT.format(test=test.replace("\n", "\n    "), **given))
        return load(directory)

    return deployment


@pytest.fixture
def tested(deployment: Callable[..., Deployment]) -> Callable[..., Result]:
    def tested(test: str, **values: Any) -> Result:
        (result,) = run(deployment(test, **values))
        return result

    return tested


GIVEN = {
    "for all keys": ("{ found: { name: Ada } }", "{ out: { data: { name: Ada, other: null } } }", {}),
    "by key": ("[{ key: 8, found: 1 }, { key: 7, found: { name: B } }]", "{ out: { data: { name: B } } }", {}),
    "a failure": ("{ fails: gone }", "error", {}),
    "its stage": ("{ fails: gone }", "{ error: { stage: enrich } }", {}),
    "nothing": ("{ found: null }", "{ error: { stage: map } }", {}),
    "the fallback": (
        "{ fails: gone }",
        "{ out: { data: { name: none }, extensions: { hubdegraded: fallback } } }",
        {"fallback": "on_error: { fallback: { name: none } }"},
    ),
    "not needed": ("[]", "filtered", {"n": 1}),
}


@pytest.mark.parametrize("which", GIVEN)
def test_what_is_given_is_what_the_route_sees(tested: Callable[..., Result], which: str) -> None:
    """By key or for all others; failures fail, or have the fallback, as in the engine."""
    given, expect, values = GIVEN[which]
    result = tested(f"lookups: {{ customer: {given} }}\nexpect: {expect}", **values)
    assert result.passed, [each.message for each in result.misses]


def test_an_answer_that_is_lacking_is_no_result(tested: Callable[..., Result]) -> None:
    """The test fails even where it expects an error, and says what to write, for all that was asked together."""
    result = tested("lookups: { customer: { key: 1, found: {} } }\nexpect: error", n=101)
    (miss,) = result.misses
    assert "looks up `customer` with the key 101" in miss.message
    assert 'lookups: { customer: { key: 101, found: … }, other: { key: "x", found: … } }' in miss.message


def test_coverage_counts_what_was_answered_alone(deployment: Callable[..., Deployment]) -> None:
    """A test without an answer shows nothing of a route."""
    whole = deployment("lookups: { customer: { found: { name: x } } }\nexpect: { out: {} }")
    lacking = deployment("expect: { out: {} }")
    for each, covered in ((whole, 1), (lacking, 0)):
        recorder = Recorder(each)
        for result in run(each):
            recorder.take(result.passage.steps, result.tracers)
        assert any(point.seen for point in recorder.coverage().points) == bool(covered)


def test_explain_takes_answers_and_says_what_it_lacks(deployment: Callable[..., Deployment], tmp_path: Path) -> None:
    """Nobody outside is asked."""
    event = Event(type="in", source="/s", id="1", data={"n": 7})
    (lacking,) = Explainer(deployment(), {}).explain("in", event)
    assert isinstance(lacking.error, NoAnswer)
    assert lacking.error.questions == (("customer", "7"),)
    (tmp_path / "answers.yaml").write_text("customer: { key: 7, found: { name: Ada } }\n")
    (found,) = Explainer(deployment(), {}, read_answers(tmp_path / "answers.yaml")).explain("in", event)
    assert (found.outcome, found.made[0].event.data) == ("matched", {"name": "Ada", "other": None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "can't be read"),
        ("{", "expected YAML or JSON"),
        ("customer: { fnd: 1 }", "customer.0"),
        ("[1]", "as under `lookups:` of a test"),
    ],
)
def test_a_file_without_answers_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """With what was expected."""
    file = tmp_path / "answers"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_answers(file)


def compared(old: Deployment, new: Deployment, answers: dict[str, Any] | None = None, n: int = 7) -> Any:
    given = None
    if answers is not None:
        given = GivenAnswers({name: [GivenAnswer.model_validate(each)] for name, each in answers.items()})
    comparison = Comparison(old, new, {}, answers=given)
    event = Event.from_kafka(*Event(type="in", source="/s", id="1", data={"n": n}).to_kafka())
    comparison.add(Sample("in", "in-0@1", datetime.now(UTC), event))
    (route,) = comparison.finish()
    return route


def test_without_answers_versions_are_compared_by_what_they_ask(deployment: Callable[..., Deployment]) -> None:
    """The same questions are no difference, other keys are, and so is what passes."""
    same = compared(deployment(), deployment())
    assert (same.unanswered, same.matched, same.differs) == (1, 1, False)
    other = compared(deployment(), deployment(more=1))
    (example,) = other.examples[Kind.DIFFER]
    assert [(each.path, each.before, each.after) for each in example.changes] == [("enrich.customer.key", "7", "8")]
    assert compared(deployment(least=10), deployment()).counts == {Kind.NEWLY_MATCH: 1}
    assert compared(deployment(), deployment(least=10)).counts == {Kind.NO_LONGER_MATCH: 1}


def test_with_answers_they_are_compared_by_what_comes_out(deployment: Callable[..., Deployment]) -> None:
    """As routes without look-ups."""
    answers = {"customer": {"found": {"name": "Ada"}}}
    same = compared(deployment(), deployment(more=1), answers)
    assert (same.unanswered, same.differs) == (0, False)
    failing = {"customer": {"fails": "gone"}}
    fallback = "on_error: { fallback: { name: none } }"
    assert compared(deployment(), deployment(fallback=fallback), failing).counts == {Kind.NO_LONGER_FAIL: 1}
