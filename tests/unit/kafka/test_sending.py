"""What comes of the records of one call."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka
from aiokafka.structs import RecordMetadata

from hub.kafka.sending import NOT_WRITTEN, Sending, outcome_error
from hub.sdk import NotConnected, Permanent

WRITTEN = RecordMetadata("t", 0, TopicPartition("t", 0), 7, 0, 0, 0)


async def test_it_ends_when_the_last_record_is_settled_in_whatever_order():
    sending = Sending(3)
    sending.left = 2
    sending.outcomes[1] = Permanent("never under way")
    finished = asyncio.ensure_future(sending.finish())
    await asyncio.sleep(0)

    sending.settle(2, WRITTEN)
    await asyncio.sleep(0)
    assert not finished.done()
    sending.settle(0, kafka.OutOfOrderSequenceNumber())
    await finished

    assert [type(each) for each in sending.outcomes] == [kafka.OutOfOrderSequenceNumber, Permanent, RecordMetadata]


async def test_nothing_under_way_is_finished_at_once():
    await asyncio.wait_for(Sending(2).finish(), 1)


async def test_a_record_that_settles_after_its_caller_has_given_up_disturbs_nobody():
    sending = Sending(1)
    sending.left = 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sending.finish(), 0.01)

    sending.settle(0, WRITTEN)

    assert sending.outcomes == [WRITTEN]


def test_another_attempt_begins_without_the_outcome_of_the_one_before():
    sending = Sending(2)
    sending.outcomes = [WRITTEN, kafka.ProducerClosed()]
    sending.forget([1])

    assert sending.outcomes == [WRITTEN, None]


def test_no_answer_in_time_may_still_become_a_record():
    error = outcome_error(None, 2.5)

    assert isinstance(error, NotConnected)
    assert "within 2.5 s; it may still be written" in str(error)


@pytest.mark.parametrize("refused", NOT_WRITTEN, ids=lambda each: each.__name__)
def test_what_was_refused_too_often_is_tried_again_later_unless_it_is_too_large(refused):
    expected = Permanent if refused is kafka.MessageSizeTooLargeError else NotConnected

    assert type(outcome_error(refused(), 1)) is expected
