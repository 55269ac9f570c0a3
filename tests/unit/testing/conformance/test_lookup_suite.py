"""The suite of look-ups passes one that keeps to everything, and finds each way to break it."""

from collections.abc import AsyncIterator

import pytest

from hub.testing.conformance import BY_NAME, LookupSuite

from . import things
from .things import THINGS, Thing, ThingsApi

TOKEN = "canary-of-things"
FOUND = (AssertionError, pytest.fail.Exception)


class Suite(LookupSuite[ThingsApi]):
    connector = things.connector()
    kind = "thing"
    rejected = {"no tries": {"tries": 0}}
    exempt = {"every_vendor_exception_is_a_signal": "it asks through a `Service` alone"}

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[ThingsApi]:
        async with ThingsApi() as api:
            yield api

    def settings(self, far_side):
        return {}

    def services(self, far_side):
        timeout = {"read": far_side.patience, "total": far_side.patience}
        return {"things": {"base_url": far_side.url, "tls": far_side.tls, "auth": {"token": TOKEN}, "timeout": timeout}}

    def keys(self):
        return [("c", THINGS["c"]), ("none", None), ("a", THINGS["a"]), ("b", THINGS["b"])]

    def refused_key(self):
        return "bad"


class TestALookupThatKeepsToEverything(Suite):
    """It passes."""


@pytest.mark.parametrize(
    ("broken", "check", "said"),
    [
        (things.TakesAnOutageForNothing, "nothing_is_made_up_over_a_fault[refused]", "found Found"),
        (things.TakesAPageForPeopleForNothing, "nothing_is_made_up_over_a_fault[login_page]", "found Found"),
        (things.MixesUpAnswers, "each_key_has_its_answer", "asked for"),
        (things.LeavesOutWhatIsNotThere, "each_key_has_its_answer", "asked for"),
        (things.GivesWhatIsNotDeclared, "answers_are_as_declared", "breaks the schema"),
        (things.CallsARefusalPassing, "a_refused_key_fails_alone", "expected Permanent"),
        (things.CallsAFailureFinal, "nothing_is_made_up_over_a_fault[error]", "got Permanent"),
        (things.LetsErrorsOut, "nothing_is_made_up_over_a_fault[alien]", "expected a signal; got"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
async def test_a_broken_lookup_is_found_out(broken: type[Thing], check: str, said: str) -> None:
    """By the check that is about it, in words that say what is wrong."""
    suite = type("Broken", (Suite,), {"connector": things.connector(broken)})()
    name, _, fault = check.partition("[")
    arguments = {"fault": BY_NAME[fault[:-1]]} if fault else {}
    async with ThingsApi() as api:
        with pytest.raises(FOUND) as found:
            await getattr(suite, f"test_{name}")(far_side=api, **arguments)
    assert said in str(found.value)
