"""The suite of webhook sources passes a source that keeps to everything, and finds each way to break it."""

import hashlib
import hmac

import pytest

from hub.sdk import Connector, WebhookRequest
from hub.testing.conformance import Sender, WebhookSourceSuite

from . import hooks
from .hooks import SECRET, Hook

FOUND = (AssertionError, pytest.fail.Exception)


class Suite(WebhookSourceSuite):
    connector = Connector("hook", "Hook", sources={"": Hook})
    rejected = {"no path": {"path": "hooks"}, "an empty secret": {"secret": ""}}

    def settings(self, far_side):
        return {"path": "/hooks", "secret": SECRET}

    def bodies(self):
        return [b'{"n": 1}', b'{"n": 2}']

    def request(self, body, delivery):
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return WebhookRequest("POST", "/hooks", {"x-delivery": delivery, "x-signature": signature}, body)


class TestASourceThatKeepsToEverything(Suite):
    """It passes."""


@pytest.mark.parametrize(
    ("broken", "check", "said"),
    [
        (hooks.TakesForgedOnes, "a_forged_request_is_refused", "was taken"),
        (hooks.TakesTheBeginningOfASignature, "a_forged_request_is_refused", "was taken"),
        (hooks.FailsAtStrangeSignatures, "a_strange_request_is_refused_or_taken", "TypeError"),
        (hooks.FailsAtUnreadablePayloads, "an_unreadable_payload_is_not_lost", "JSONDecodeError"),
        (hooks.DropsUnreadablePayloads, "an_unreadable_payload_is_not_lost", "became no event"),
        (hooks.MakesUpIds, "a_genuine_request_becomes_events", "same id"),
        (hooks.TakesTheBodyForTheId, "two_deliveries_are_two_events", "same id"),
        (hooks.HoldsWhatItHasReceived, "memory_is_bounded", "holds"),
        (hooks.ShowsItsSecret, "no_secret_is_shown", "SECRET"),
        (hooks.AnswersForgedOnesWith500, "a_forged_request_is_refused", "500"),
        (hooks.Waits, "it_doesn_t_wait", "async"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
async def test_a_broken_source_is_found_out(broken: type[Hook], check: str, said: str) -> None:
    """By the check that is about it, in words that say what is wrong; never showing the secret itself."""
    suite = type("Broken", (Suite,), {"connector": Connector("hook", "Hook", sources={"": broken})})()
    with pytest.raises(FOUND) as found:
        await getattr(suite, f"test_{check}")(Sender())
    assert said in str(found.value)
    assert SECRET not in str(found.value)
