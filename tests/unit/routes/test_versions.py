"""The fast and the careful version agree, also on what no reference knows, such as macros with two variables."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from hub.routes import EvaluationError, ExpressionError, compile_expression
from tests.unit.routes.canonical import canonical, careful
from tests.unit.routes.evaluation import event

LEAVES = ("data.l", "data.m", "data.s", "data.n", "x", "y", "data.?m.?a", "data.?zz", "optional.none()", "[1, 2]",
          "{'a': 1}", "1", "'a'", "true", "data.l[?0]")  # fmt: skip
FORMS = (
    "{}.map(x, {})", "{}.map(y, x, {})", "{}.all(x, {})", "{}.exists(i, x, {})", "{}.exists_one(i, x, {})",
    "{}.filter(x, {})", "{}.sortBy(x, {})", "{}.transformList(i, x, {})", "{}.transformMap(y, x, {})",
    "{}.transformMapEntry(y, x, {{'k': {}}})", "cel.bind(x, {}, {})", "cel.bind(y, {}, {} in [y])", "{}.optMap(x, {})",
    "{}.orValue({})", "{}.or({})", "{}.?a.?b.orValue({})", "{}.x.?y.orValue({})", "({}).hasValue() ? {} : 0",
    "{}.value() + {}", "has({}.a) || {}", "[?{}, {}]", "{{?'a': {}, 'b': {}}}", "{} == {}", "{} && {}", "{} || {}",
    "{} ? 1 : {}", "{} in {}", "{}[{}]", "{}[?{}].orValue(x)", "{}.first().orValue({})", "{}.distinct() + {}",
    "{}.size() + {}", "{}.flatten() == {}.sort()", "lookup('t', {}, {})", "hash({}) == {}",
)  # fmt: skip
CASES = 250


def made(random: Random, depth: int) -> str:
    """A random expression."""
    if depth == 0 or random.random() < 0.15:
        return random.choice(LEAVES)
    form = random.choice(FORMS)
    return form.format(*(made(random, depth - 1) for _ in range(form.replace("{{", "").count("{}"))))


def outcome(function: Any, variables: dict[str, Any]) -> Any:
    given = event({"l": [1, 2, {"a": 1}], "m": {"a": {"b": 2}, "c": None}, "s": "ab", "n": None})
    try:
        return canonical(function(given, variables))
    except EvaluationError as error:
        return "crash" if "can't be computed" in str(error) else "error"


@pytest.mark.parametrize("seed", range(4))
def test_both_versions_agree(seed: int) -> None:
    random = Random(seed)
    values = 0
    for _ in range(CASES):
        source = made(random, random.choice((2, 3, 4)))
        try:
            expression = compile_expression(source, variables=("x", "y"), tables={"t": {"a": 1}})
        except ExpressionError:
            continue
        variables = {"x": [1], "y": {"a": 1}}
        fast = outcome(expression, variables)
        assert fast == outcome(careful(expression), variables), source
        assert fast != "crash", source
        values += fast != "error"
    assert values > CASES // 10
