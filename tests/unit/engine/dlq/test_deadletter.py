"""What dead letters say of a failure, and how failures before it are kept."""

from __future__ import annotations

import pytest

from hub.engine.dlq.deadletter import (
    CONNECT,
    LONGEST_MESSAGE,
    LONGEST_STACKTRACE,
    REPLAYS,
    Origin,
    dead_letter_headers,
    earlier_failures,
    error_class,
    is_failure_header,
    read_dead_letter,
    replay_headers,
    root_cause,
    stacktrace,
)
from hub.sdk import Permanent, Transient

OWN = [("ce_id", b"1"), ("x", b"\xff"), ("x", b"again")]


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error as it arrives, with a traceback."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def headers_of(error: BaseException, headers: list = OWN, **options: object) -> list[tuple[str, bytes]]:
    return dead_letter_headers(headers, unit="announce", connector="http", stage="write", error=error, **options)


def test_what_is_written_can_be_read():
    """Unit, stage, class, message, status, attempts, place."""
    origin = Origin("orders", 3, 1842)
    error = raised(Permanent("403 Forbidden: not yours", status=403))
    letter = read_dead_letter(headers_of(error, attempts=5, origin=origin))
    assert letter.at.endswith("Z")
    assert letter._replace(at="") == (
        "announce",
        "write",
        "Permanent",
        "403 Forbidden: not yours",
        403,
        5,
        "",
        origin,
        0,
    )


def test_kafka_connect_s_names_are_used():
    """Tools that know Connect's dead letters know ours."""
    names = {name for name, _ in headers_of(Permanent("no"), origin=Origin("t", 0, 1)) if name.startswith(CONNECT)}
    assert names == {
        CONNECT + name
        for name in (
            "topic",
            "partition",
            "offset",
            "connector.name",
            "task.id",
            "stage",
            "class.name",
            "exception.class.name",
            "exception.message",
            "exception.stacktrace",
        )
    }


def test_the_record_s_own_headers_stay_as_they_were():
    """In their order, repeated names and bytes that are no text included."""
    assert headers_of(Permanent("no"))[: len(OWN)] == OWN


def test_the_cause_is_the_root_and_not_a_wrapper():
    """What really happened; but a signal is the connector's word and stands for what lies behind it."""
    refused = ConnectionRefusedError("port 1")
    wrapped = raised(RuntimeError("it failed"), raised(ValueError("bad"), refused))
    assert root_cause(wrapped) is refused
    assert error_class(wrapped) == "ConnectionRefusedError"
    signal = raised(Transient("the API is away", status=500), refused)
    assert root_cause(raised(RuntimeError("outer"), signal)) is signal
    letter = read_dead_letter(headers_of(raised(RuntimeError("outer"), signal)))
    assert (letter.error, letter.cause, letter.status) == ("Transient", "the API is away", 500)


def test_a_suppressed_context_is_no_cause():
    """``from None`` means what it says."""
    context = raised(ValueError("secret-input"))
    error = KeyError("field")
    error.__context__ = context
    assert root_cause(error) is context
    error.__suppress_context__ = True
    assert root_cause(error) is error


def test_long_messages_and_stack_traces_are_cut():
    """A dead letter must fit its topic; of a trace the end is kept, where the cause stands."""
    error = raised(Permanent("x" * 100_000))
    headers = dict(headers_of(error))
    assert len(headers[CONNECT + "exception.message"]) == LONGEST_MESSAGE
    assert len(headers["hub_error_cause"]) == LONGEST_MESSAGE
    assert len(headers[CONNECT + "exception.stacktrace"]) == LONGEST_STACKTRACE
    assert sum(len(name) + len(value) for name, value in headers.items()) < 12_000


def test_a_message_of_any_text_can_be_kept():
    """Surrogates can't be encoded; they must not stop a dead letter from being written."""
    letter = read_dead_letter(headers_of(Permanent("bad \ud800 text: Größe")))
    assert letter.cause == "bad ? text: Größe"


def test_a_replay_raises_the_count_and_keeps_the_failure():
    """All headers travel back to the unit; so does where the dead letter lay."""
    first = headers_of(Permanent("no", status=403))
    once = replay_headers(first, source=Origin("dlq", 0, 7))
    twice = replay_headers(once, source=Origin("dlq", 0, 9))
    assert [value for name, value in twice if name == REPLAYS] == [b"2"]
    assert [value for name, value in twice if name == "hub_replay_of"] == [b"dlq-0@9"]
    assert read_dead_letter(twice).status == 403


def test_earlier_failures_are_kept_under_numbers():
    """Three failures of one event, each as it was, the first one first."""
    headers = OWN
    for number, error in enumerate(
        (Permanent("a", status=401), Transient("b", status=500), Permanent("c", status=403))
    ):
        headers = headers_of(error, headers, attempts=number + 1)
        headers = replay_headers(headers, source=Origin("dlq", 0, number)) if number < 2 else headers
    last = read_dead_letter(headers)
    assert (last.cause, last.status, last.attempts, last.replays) == ("c", 403, 3, 2)
    earlier = earlier_failures(headers)
    assert [(each.cause, each.status, each.attempts) for each in earlier] == [("a", 401, 1), ("b", 500, 2)]
    assert [header for header in headers if not is_failure_header(header[0])] == OWN


def test_the_last_stack_trace_is_found():
    """Not that of a failure before."""
    headers = headers_of(raised(Transient("second")), headers_of(raised(Permanent("first"))))
    assert "second" in stacktrace(headers)
    assert "first" not in stacktrace(headers)
    assert stacktrace(OWN) == ""


def test_a_record_of_another_program_has_blanks():
    """Whatever stands in its headers, it can be listed."""
    letter = read_dead_letter([("hub_error_status", b"teapot"), ("hub_replays", b"\xff"), (CONNECT + "topic", b"t")])
    assert (letter.unit, letter.status, letter.attempts, letter.replays) == ("", None, 1, 0)
    assert letter.origin == Origin("t", 0, 0)


@pytest.mark.parametrize("place", [Origin("a", 0, 0), Origin("a-b.c_1-2", 11, 99), Origin("shop.tasks.dlq", 2, 1842)])
def test_a_place_is_read_as_it_is_written(place):
    """Topics may hold dashes and digits themselves."""
    assert Origin.parse(str(place)) == place


@pytest.mark.parametrize("text", ["", "a", "a-0", "a@1", "a-0@", "a-0@1x", "a b-0@1", "-0@1"])
def test_what_is_no_place_is_none(text):
    """An event's id may be anything."""
    assert Origin.parse(text) is None
