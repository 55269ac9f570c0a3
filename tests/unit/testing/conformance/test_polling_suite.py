"""The suite of polling sources passes a source that keeps to everything, and finds each way to break it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from hub.testing.conformance import BY_NAME, PollingSourceSuite
from hub.testing.conformance import polling as suite_module
from hub.testing.conformance import reader as reader_module

from . import records
from .records import TOKEN, Records, RecordsApi

CLIENT = (aiohttp.client_exceptions,)
FOUND = (AssertionError, pytest.fail.Exception)


class Suite(PollingSourceSuite[RecordsApi]):
    connector = records.connector()
    kind = "records"
    vendor = CLIENT
    rejected = {"no URL": {"url": "here"}, "no duration": {"timeout": "soon"}}

    @pytest.fixture
    async def far_side(self) -> AsyncIterator[RecordsApi]:
        async with RecordsApi() as api:
            yield api

    def settings(self, far_side):
        return {"url": far_side.url, "token": TOKEN, "timeout": far_side.patience, "tls": far_side.tls}

    def signal(self, error):
        return self.unit_class().signal(error)

    unraised = dict.fromkeys((aiohttp.WSMessageTypeError, aiohttp.ClientConnectorCertificateError), "of other uses")

    def example(self, kind):
        return kind.__new__(kind)


class TestASourceThatKeepsToEverything(Suite):
    """It passes."""


BROKEN = [
    (records.SkipsAtABoundary, "every_record_is_read_once", "missing"),
    (records.StoresItsCursorTooEarly, "no_gap_and_no_repeat_after_a_kill_at_any_batch", "missing"),
    (records.StoresItsCursorTooEarly, "no_gap_and_no_repeat_after_a_kill_in_any_life", "missing"),
    (records.StoresItsCursorTooLate, "no_gap_and_no_repeat_after_a_kill_at_any_batch", "twice"),
    (records.RemembersBesidesItsCursor, "no_gap_and_no_repeat_after_a_kill_at_any_batch", "missing"),
    (records.GoesOnOverFailures, "nothing_is_lost_or_repeated_over_a_fault[error]", "missing"),
    (records.TakesAPageForPeopleForAnEmptyOne, "nothing_is_lost_or_repeated_over_a_fault[login_page]", "missing"),
    (records.TakesAPageForPeopleForAnEmptyOne, "nothing_is_lost_or_repeated_over_a_fault[malformed]", "missing"),
    (records.TakesAnyObjectForAPage, "nothing_is_lost_or_repeated_over_a_fault[alien]", "taken for an empty one"),
    (records.LetsItsClientsErrorsOut, "nothing_is_lost_or_repeated_over_a_fault[reset]", "expected a signal; got aio"),
    (records.LetsItsClientsErrorsOut, "every_vendor_exception_is_a_signal", "gives no signal"),
    (records.KnowsNotAllOfItsClientsErrors, "every_vendor_exception_is_a_signal", "ClientPayloadError"),
    (records.KnowsNotAllOfItsClientsErrors, "nothing_is_lost_or_repeated_over_a_fault[truncated]", "expected a signal"),
    (records.ShowsItsToken, "no_secret_is_shown", "SECRET"),
    (records.LogsItsToken, "no_secret_is_shown", "SECRET"),
    (records.ShowsItsTokenInACause, "no_secret_is_shown", "SECRET"),
    (records.ReadsAhead, "it_reads_no_further_than_it_is_asked", "more requests"),
    (records.HoldsAllThatItReads, "memory_is_bounded", "holds what it has read"),
    (records.LeavesATaskRunning, "nothing_is_left_running", "left"),
    (records.CallsAFailureFinal, "nothing_is_lost_or_repeated_over_a_fault[error]", "got Permanent"),
    (records.DoesntHearWhenItIsThrottled, "nothing_is_lost_or_repeated_over_a_fault[throttled]", "retry_after"),
    (records.DoesntHearWhenItIsThrottled, "nothing_is_lost_or_repeated_over_a_fault[throttled_until]", "retry_after"),
    (records.MakesUpIds, "every_record_is_read_once", "same event id"),
    (records.HasNoKey, "events_are_as_declared", "no key"),
    (records.GivesWhatIsNoStrictJson, "events_are_as_declared", "strict JSON"),
    (records.TrustsEveryCertificate, "nothing_is_lost_or_repeated_over_a_fault[certificate]", "whom it trusts"),
    (records.ReadsAnswersWithoutAnEnd, "an_endless_answer_is_cut_off", "endless"),
    (records.NeverGivesUp, "nothing_is_lost_or_repeated_over_a_fault[timeout]", "waits for ever"),
    (records.TakesAnySettings, "bad_settings_are_rejected", "an unknown key"),
]


@pytest.mark.parametrize(("broken", "check", "said"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
async def test_a_broken_source_is_found_out(
    broken: type[Records], check: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the check that is about it, in words that say what is wrong; never showing the secret itself."""
    for module in (suite_module, reader_module):
        monkeypatch.setattr(module, "LIMIT", 2.0 if "NeverGivesUp" in str(broken) else 20.0)
    broken.given = set()
    suite = type("Broken", (Suite,), {"connector": records.connector(broken)})()
    name, _, fault = check.partition("[")
    arguments = {"fault": BY_NAME[fault[:-1]]} if fault else {}
    method = getattr(suite, f"test_{name}")
    async with RecordsApi() as api:
        if "far_side" in method.__code__.co_varnames:
            arguments["far_side"] = api
        with pytest.raises(FOUND) as found:
            await method(**arguments)
    assert said in str(found.value)
    assert TOKEN not in str(found.value)
