"""The suite of consuming sources passes one that keeps to everything, and finds each way to break it."""

import pytest

from hub.testing.conformance import BY_NAME, FAULTS, ConsumingSourceSuite
from hub.testing.conformance import consuming as suite_module

from . import letters
from .letters import BOXES, KEY, LetterBox, Letters

FOUND = (AssertionError, pytest.fail.Exception)


class Suite(ConsumingSourceSuite[LetterBox]):
    connector = letters.connector()
    exempt = {each.name: "it is in this process" for each in FAULTS if each.name not in ("refused", "reset")}
    rejected = {"nothing to hold": {"hold": 0}}

    @pytest.fixture
    async def far_side(self) -> LetterBox:
        BOXES["one"] = LetterBox()
        return BOXES["one"]

    def settings(self, far_side):
        return {"box": "one", "key": KEY, "hold": self.most}

    async def send_unreadable(self, far_side):
        far_side.put([("bad", b"?")])
        return b"?"


class TestASourceThatKeepsToEverything(Suite):
    """It passes."""


@pytest.mark.parametrize(
    ("broken", "check", "said"),
    [
        (letters.AcknowledgesWhenTheyCome, "what_isn_t_acknowledged_comes_again", "messages have come"),
        (letters.NeverAcknowledges, "what_is_acknowledged_is_gone", "came again"),
        (letters.TakesAllThatThereIs, "it_takes_no_more_than_it_may_hold", "may hold 40"),
        (letters.DropsWhatItCantRead, "an_unreadable_message_is_not_lost", "messages have come"),
        (letters.MakesUpIds, "what_isn_t_acknowledged_comes_again", "stored twice"),
        (letters.LosesWhatWasPushed, "halting_gives_what_was_pushed", "messages have come"),
        (letters.LetsErrorsOut, "nothing_is_lost_over_a_fault[refused]", "expected a signal; got"),
        (letters.SaysNothingOfAnOutage, "nothing_is_lost_over_a_fault[reset]", "says nothing of it"),
        (letters.HoldsWhatWasAcknowledged, "memory_is_bounded", "still held"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
async def test_a_broken_source_is_found_out(
    broken: type[Letters], check: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the check that is about it, in words that say what is wrong."""
    monkeypatch.setattr(suite_module, "RECOVERY", 1.0)
    suite = type("Broken", (Suite,), {"connector": letters.connector(broken)})()
    name, _, fault = check.partition("[")
    arguments = {"fault": BY_NAME[fault[:-1]]} if fault else {}
    BOXES["one"] = LetterBox()
    with pytest.raises(FOUND) as found:
        await getattr(suite, f"test_{name}")(far_side=BOXES["one"], **arguments)
    assert said in str(found.value)
