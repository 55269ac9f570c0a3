"""The suite of sinks passes a sink that keeps to everything, and finds each way to break it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from hub.testing.conformance import BY_NAME, SinkSuite
from hub.testing.conformance import sink as suite_module
from hub.testing.conformance import writer as writer_module

from . import notes
from .notes import TOKEN, Notes, NotesApi
from .records import Records

FOUND = (AssertionError, pytest.fail.Exception)


class Suite(SinkSuite[NotesApi]):
    connector = notes.connector()
    vendor = (aiohttp.client_exceptions,)
    unraised = dict.fromkeys((aiohttp.WSMessageTypeError, aiohttp.ClientConnectorCertificateError), "of other uses")
    rejected = {"no URL": {"url": "here"}, "no duration": {"timeout": "soon"}}

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[NotesApi]:
        async with NotesApi() as api:
            yield api

    def settings(self, far_side):
        return {"url": far_side.url, "token": TOKEN, "timeout": far_side.patience, "tls": far_side.tls}

    def signal(self, error):
        return Records.signal(error)

    def example(self, kind):
        return kind.__new__(kind)


class TestASinkThatKeepsToEverything(Suite):
    """It passes."""


BROKEN = [
    (notes.LosesOnATimeout, "nothing_is_lost_over_a_fault[timeout]", "said to be written"),
    (notes.LosesOnAReset, "nothing_is_lost_over_a_fault[reset]", "said to be written"),
    (notes.TakesAnyAnswerForItsOwn, "nothing_is_lost_over_a_fault[alien]", "said to be written"),
    (notes.TakesAnyAnswerForItsOwn, "nothing_is_lost_over_a_fault[login_page]", "said to be written"),
    (notes.DoesntWait, "it_waits_until_the_far_side_has_them", "has confirmed nothing"),
    (notes.FailsAsAWhole, "a_refused_delivery_fails_alone", "failed"),
    (notes.NamesTheWrongOne, "a_refused_delivery_fails_alone", "failed"),
    (notes.CallsARefusalPassing, "a_refused_delivery_fails_alone", "still fails"),
    (notes.MakesUpKeys, "what_it_says_is_written_has_arrived", "the far side received"),
    (notes.CountsAttemptsInItsKey, "what_it_says_is_written_has_arrived", "same key at every attempt"),
    (notes.LetsItsClientsErrorsOut, "nothing_is_lost_over_a_fault[reset_done]", "expected a signal; got aiohttp"),
    (notes.LetsItsClientsErrorsOut, "nothing_is_lost_over_a_fault[refused]", "expected a signal; got aiohttp"),
    (notes.ShowsItsTokenWhenItIsRefused, "no_secret_is_shown", "SECRET"),
    (notes.ShowsItsTokenInItsRepr, "no_secret_is_shown", "SECRET"),
    (notes.HoldsWhatItHasWritten, "memory_is_bounded", "still holds"),
    (notes.CallsAThrottleFinal, "nothing_is_lost_over_a_fault[throttled]", "got Permanent"),
    (notes.TrustsEveryCertificate, "nothing_is_lost_over_a_fault[certificate]", "says that all is written"),
    (notes.NeverGivesUp, "nothing_is_lost_over_a_fault[timeout]", "waits for ever"),
    (notes.ReadsAnswersWithoutAnEnd, "an_endless_answer_is_cut_off", "endless"),
    (notes.MixesUpAKeysOrder, "order_of_a_key_is_kept", "order"),
    (notes.CantBeClosedWhileItWrites, "a_cancelled_call_leaves_it_usable", "doesn't close"),
]


@pytest.mark.parametrize(("broken", "check", "said"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
async def test_a_broken_sink_is_found_out(
    broken: type[Notes], check: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the check that is about it, in words that say what is wrong; never showing the secret itself."""
    for module in (suite_module, writer_module):
        monkeypatch.setattr(module, "LIMIT", 2.0 if "NeverGivesUp" in str(broken) else 20.0)
    monkeypatch.setattr(writer_module, "RECOVERY", 1.0)
    suite = type("Broken", (Suite,), {"connector": notes.connector(broken)})()
    name, _, fault = check.partition("[")
    arguments = {"fault": BY_NAME[fault[:-1]]} if fault else {}
    async with NotesApi() as api:
        with pytest.raises(FOUND) as found:
            await getattr(suite, f"test_{name}")(far_side=api, **arguments)
    assert said in str(found.value)
    assert TOKEN not in str(found.value)
