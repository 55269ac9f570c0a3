"""Events: CloudEvents 1.0, on Kafka in both content modes, byte for byte where nothing changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings import kafka as official
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import Event, InvalidEvent, InvalidPayload
from hub.sdk.event import STRUCTURED

TIME = "2026-11-20T10:02:11Z"


def make(**attributes: object) -> Event:
    return Event(**{"type": "order.paid", "source": "/shop", "id": "1", "time": TIME, "data": {"n": 1}} | attributes)


def test_binary_mode_has_ce_headers_a_content_type_and_the_key():
    """An event becomes a record by the CloudEvents Kafka binding, keyed by its partition key."""
    message = make(partitionkey="acme", subject="o/1").to_kafka()
    assert message.key == b"acme"
    assert message.value == b'{"n":1}'
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"1",
        "ce_source": b"/shop",
        "ce_type": b"order.paid",
        "ce_time": TIME.encode(),
        "ce_subject": b"o/1",
        "ce_partitionkey": b"acme",
        "content-type": b"application/json",
    }


def test_payload_bytes_travel_verbatim():
    """What is read and written again has the same bytes, whitespace and key order included, parsed or not."""
    raw = b'{ "b": 1.0,\n"a": [1e2] }'
    message = make(data=raw).to_kafka()
    event = Event.from_kafka(*message)
    assert event.data == {"b": 1.0, "a": [100.0]}
    assert event.replace(subject="x").to_kafka().value == raw


def test_unparsable_payload_is_found_when_somebody_looks():
    """Reading a record does not parse it; looking at its data says what is wrong."""
    event = Event.from_kafka(*make(data=b"{nope").to_kafka())
    with pytest.raises(InvalidEvent, match="expected JSON; got "):
        _ = event.data


def test_text_and_binary_payloads_are_not_json():
    """The content type decides how a payload is read."""
    assert Event.from_kafka(*make(data="grüezi", datacontenttype="text/plain").to_kafka()).data == "grüezi"
    assert Event.from_kafka(*make(data=b"\xff\x00", datacontenttype="image/png").to_kafka()).data == b"\xff\x00"


def test_a_tombstone_has_no_value():
    """Data None is Kafka's null, there and back."""
    message = make(data=None).to_kafka()
    assert message.value is None
    assert Event.from_kafka(*message).data is None


def test_other_headers_travel_along():
    """A W3C trace context and the hub's own headers are no attributes, and are kept."""
    headers = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("hub_origin", b"t-0@1")]
    event = Event.from_kafka(*make(headers=headers).to_kafka())
    assert list(event.headers) == headers
    assert event.header("hub_origin") == "t-0@1"
    assert event.header("absent") is None


def test_structured_mode_is_read_and_written():
    """A structured record gives the same event as a binary one."""
    event = make(subject="o/1", partitionkey="acme", tenant="eu")
    message = event.to_structured()
    assert dict(message.headers)["content-type"] == STRUCTURED.encode()
    assert Event.from_kafka(*message) == event


def test_structured_mode_carries_bytes_as_base64():
    """A payload that isn't JSON survives the JSON format."""
    event = make(data=b"\xff\x00", datacontenttype="application/octet-stream")
    assert Event.from_kafka(*event.to_structured()) == event


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({"type": ""}, "attribute 'type'"),
        ({"source": "has space"}, "URI-reference"),
        ({"id": ""}, "attribute 'id'"),
        ({"time": "yesterday"}, "RFC 3339"),
        ({"time": "2026-13-01T00:00:00Z"}, "RFC 3339"),
        ({"subject": ""}, "subject"),
        ({"Bad_Name": "x"}, "lower-case"),
        ({"tenant": 3}, "text in the attribute 'tenant'"),
        ({"tenant": "a\x00b"}, "control characters"),
        ({"tenant": "a\ud800b"}, "control characters"),
        ({"data": {1, 2}}, "JSON can hold"),
        ({"data": [1], "datacontenttype": "text/plain"}, "expected str or bytes"),
    ],
)
def test_invalid_events_are_refused_and_say_why(attributes, complaint):
    """Each broken rule of CloudEvents names the attribute and what was expected."""
    with pytest.raises(InvalidEvent, match=complaint):
        make(**attributes)


@pytest.mark.parametrize(
    ("key", "value", "headers", "complaint"),
    [
        (None, b"{}", [], "expected a CloudEvent"),
        (None, b"{}", [("ce_specversion", b"0.3"), ("ce_id", b"1")], "specversion 1.0; got '0.3'"),
        (None, b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"\xff")], "UTF-8 text in the record's header 'ce_id'"),
        (None, b"{}", [("ce_specversion", b"1.0"), ("ce_id", b"1")], "'source'"),
        (None, b"nope", [("content-type", STRUCTURED.encode())], "structured CloudEvent as JSON"),
        (None, b"[]", [("content-type", STRUCTURED.encode())], "JSON object with specversion"),
        (
            None,
            b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"%"}',
            [("content-type", STRUCTURED.encode())],
            "base64",
        ),
        (
            None,
            b'{"specversion":"1.0","id":"1","source":"s","type":"t","x":{}}',
            [("content-type", STRUCTURED.encode())],
            "attribute 'x'",
        ),
    ],
)
def test_records_that_hold_no_event_say_why(key, value, headers, complaint):
    """A record of another program is refused with what was expected and what came."""
    with pytest.raises(InvalidEvent, match=complaint):
        Event.from_kafka(key, value, headers)


@pytest.mark.parametrize(
    "time", ["2026-11-20T10:02:11.123456789+01:00", "2016-12-31T23:59:60Z", "2026-11-20t10:02:11z"]
)
def test_all_times_of_rfc_3339_are_taken(time):
    """Nanoseconds, offsets, leap seconds and lower case are RFC 3339 too, and stay as written."""
    assert make(time=time).time == time


def test_times_become_utc_text():
    """An aware datetime is written as RFC 3339."""
    assert make(time=datetime(2026, 1, 2, tzinfo=UTC)).time == "2026-01-02T00:00:00Z"
    assert make(time=datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=1)))).time == "2026-01-02T00:00:00+01:00"


def test_replace_keeps_removes_and_checks_attributes():
    """A copy differs in what was asked, and the original stays as it was."""
    event = make(subject="o/1")
    assert event.replace(subject=None).subject is None
    assert event.replace(data={"m": 2}).raw == b'{"m":2}'
    assert event.subject == "o/1"
    with pytest.raises(InvalidEvent):
        event.replace(type="")


def test_the_official_library_reads_ours_and_we_read_its_records():
    """Both content modes are compatible with the CloudEvents project's own package, in both directions."""
    ours = make(partitionkey="acme", subject="o/1", tenant="eu")
    for message, read in ((ours.to_kafka(), official.from_binary), (ours.to_structured(), official.from_structured)):
        theirs = read(official.KafkaMessage(dict(message.headers), message.key, message.value), JSONFormat())
        assert theirs.get_id() == "1"
        assert theirs.get_data() == {"n": 1}
        assert theirs.get_extension("tenant") == "eu"
        assert theirs.get_extension("partitionkey") == "acme"
    theirs = CloudEvent(
        attributes={
            "id": "7",
            "source": "/s",
            "type": "t",
            "specversion": "1.0",
            "time": datetime(2026, 1, 2, tzinfo=UTC),
            "datacontenttype": "application/json",
            "partitionkey": "k",
        },
        data={"a": [1, "ÿ"]},
    )
    for message in (official.to_binary(theirs, JSONFormat()), official.to_structured(theirs, JSONFormat())):
        key = message.key.encode() if isinstance(message.key, str) else message.key
        event = Event.from_kafka(key, message.value, list(message.headers.items()))
        assert (event.id, event.source, event.type, event.key) == ("7", "/s", "t", "k")
        assert event.data == {"a": [1, "ÿ"]}


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(id=TEXT, type=TEXT, subject=TEXT, tenant=TEXT, key=TEXT, data=JSON.filter(lambda each: each is not None))
def test_every_event_survives_both_modes(id, type, subject, tenant, key, data):  # noqa: A002  the attributes' names
    """Any valid attributes and any JSON come back as they went out."""
    event = Event(type=type, source="/s", id=id, subject=subject, data=data, tenant=tenant, partitionkey=key, time=TIME)
    assert Event.from_kafka(*event.to_kafka()) == event
    structured = Event.from_kafka(*event.to_structured())
    assert structured.attributes == event.attributes
    assert structured.data == data


STRICT = ("hub_json", b"strict")
TWICE = b'{"a":1,"a":2}'


def stored(value: bytes | None, *more: tuple[str, bytes], content_type: bytes = b"application/json") -> Event:
    """A record as another program may write it."""
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/s"), ("ce_type", b"t")]
    return Event.from_kafka(None, value, [*headers, ("content-type", content_type), *more])


def test_data_of_other_programs_is_read_strictly():
    """What orjson would hide is an error, once somebody looks; the bytes are there all the same."""
    event = stored(TWICE)
    with pytest.raises(InvalidPayload, match="expected JSON; got the key 'a' twice"):
        event.data  # noqa: B018  it raises
    assert event.raw == TWICE
    assert stored(b'{"a": 1}').data == {"a": 1}


def test_data_that_was_checked_is_not_checked_again():
    """The mark says that somebody has looked, and travels with the event."""
    event = stored(TWICE, STRICT)
    assert event.data == {"a": 2}
    assert STRICT in event.to_kafka().headers


def test_a_checked_event_is_marked_and_stays_as_it_is():
    """Once: a second check gives the same event; what is no JSON needs none."""
    for event in (make(), stored(b'{"a": 1}'), make(data=b'{"a":1}')):
        checked = event.checked()
        assert checked.headers[0] == STRICT
        assert checked.raw == event.raw
        assert checked.attributes == event.attributes
        assert checked.checked() is checked
        assert checked.data == Event.from_kafka(*checked.to_kafka()).data
    for event in (
        make(data=None),
        make(data="x", datacontenttype="text/plain"),
        make(data=b"\xff", datacontenttype="image/png"),
    ):
        assert event.checked() is event


@pytest.mark.parametrize("raw", [TWICE, b"", b"[NaN]", b'{"a":18446744073709551616}'])
def test_an_event_that_isnt_strict_isnt_marked(raw: bytes):
    """Given as bytes or read from Kafka."""
    for event in (stored(raw), make(data=raw)):
        with pytest.raises(InvalidPayload):
            event.checked()


@pytest.mark.parametrize("data", [float("nan"), [2**64], "\ud800", {1: 2}])
def test_data_that_json_cant_hold_make_no_event(data: object):
    """NaN would become null without a word."""
    with pytest.raises(InvalidPayload, match="expected data that JSON can hold; got "):
        make(data=data)


def test_a_structured_event_is_read_strictly():
    """A key that stands twice in its data would be gone when the data are written by themselves."""
    document = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1,"a":2}}'
    with pytest.raises(InvalidPayload, match="expected a structured CloudEvent as JSON; got the key 'a' twice"):
        Event.from_kafka(None, document, [("content-type", STRUCTURED.encode())])


@pytest.mark.parametrize("former", [b"\xff", None])
def test_an_attribute_that_comes_twice_is_read_twice(former):
    """The last one counts; one before it that is no text is found when the record is read, not later."""
    headers = [("ce_specversion", b"1.0"), ("ce_source", b"/s"), ("ce_type", b"t"), ("ce_id", b"1")]
    assert Event.from_kafka(None, b"{}", [("ce_id", b"0"), *headers]).id == "1"
    with pytest.raises(InvalidEvent):
        Event.from_kafka(None, b"{}", [("ce_id", former), *headers])


def test_a_derived_event_can_be_derived_again():
    """What the first change added stays where the second doesn't touch it, and what it took away stays gone."""
    given = Event(type="a", source="/s", id="1", data={"x": 1}, subject="old")
    read = Event.from_kafka(*given.to_kafka())
    once = read.derived(b"{}", frozenset(("ce_type", "ce_subject")), (("ce_type", b"b"), ("ce_team", b"t")))
    twice = once.derived(once.raw, frozenset(("ce_team",)), (("ce_team", b"u"),))
    assert Event.from_kafka(*twice.to_kafka()).attributes == {
        "id": "1",
        "source": "/s",
        "type": "b",
        "team": "u",
        "time": given.time,
        "datacontenttype": "application/json",
    }
