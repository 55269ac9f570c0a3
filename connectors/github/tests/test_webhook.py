"""The webhook source: what it takes, what it refuses, and what becomes of a delivery."""

import hashlib
import hmac
import json
import re
from urllib.parse import urlencode

import orjson
import pytest
from pydantic import ValidationError

from connectors.github.config import DeliveriesConfig
from connectors.github.event_types import DELIVERIES, OTHER, WEBHOOK_EVENTS
from connectors.github.webhook import Deliveries
from hub.sdk import Event, InvalidPayload, UnitContext, WebhookRejected, WebhookRequest

SECRET = "It's a Secret to Everybody"
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
REPOSITORY = {"full_name": "octo/hello", "html_url": "https://github.com/octo/hello"}


def source(**settings: str) -> Deliveries:
    config = DeliveriesConfig.model_validate({"path": "/webhooks/github", "secret": SECRET, **settings})
    return Deliveries(config, UnitContext("deliveries"))


def sign(body: bytes, secret: str = SECRET) -> str:
    # Not the way the source computes it.
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def request(body: bytes, event: str = "push", **headers: str | None) -> WebhookRequest:
    given = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": DELIVERY,
        "x-hub-signature-256": sign(body),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return WebhookRequest("POST", "/webhooks/github", {k: v for k, v in given.items() if v is not None}, body)


def received(payload: object, event: str = "push") -> Event:
    (one,) = source().receive(request(orjson.dumps(payload), event))
    return one


def refused(what: WebhookRequest, by: Deliveries | None = None) -> tuple[int, str]:
    with pytest.raises(WebhookRejected) as rejected:
        (by or source()).receive(what)
    assert SECRET not in rejected.value.detail
    return rejected.value.status, rejected.value.code


def test_the_signature_of_githubs_documentation_is_taken_for_genuine() -> None:
    """The vector of GitHub's page "Validating webhook deliveries"; its body is no JSON, and kept as it is."""
    vector = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    (event,) = source().receive(request(b"Hello, World!", x_hub_signature_256=vector))
    assert event.raw == b"Hello, World!"
    assert refused(request(b"Hello, World?", x_hub_signature_256=vector)) == (401, "signature_mismatch")


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (None, "signature_missing"),
        ("", "signature_malformed"),
        ("sha256=", "signature_malformed"),
        ("sha1=" + "0" * 40, "signature_malformed"),
        ("0" * 64, "signature_malformed"),
        ("sha256=" + "0" * 63, "signature_malformed"),
        ("sha256=" + "g" * 64, "signature_malformed"),
        ("sha256=" + "0" * 64 + "\n", "signature_malformed"),
        ("sha256=" + "é" * 64, "signature_malformed"),
        (sign(b"{}").upper(), "signature_malformed"),
        ("sha256=" + "0" * 64, "signature_mismatch"),
        (sign(b"{}", "another secret"), "signature_mismatch"),
        (sign(b"{} "), "signature_mismatch"),
    ],
)
def test_a_missing_malformed_or_wrong_signature_is_refused(signature: str | None, code: str) -> None:
    """Each with 401 and a code of its own, whatever else the request holds."""
    assert refused(request(b"{}", event="", content_type="nonsense", x_hub_signature_256=signature)) == (401, code)


def test_a_former_secret_is_taken_beside_the_new_one() -> None:
    """While a secret is changed, GitHub signs with either."""
    rotating = source(secret="the new one", previous_secret="the old one")
    for secret in ("the new one", "the old one"):
        assert rotating.receive(request(b"{}", x_hub_signature_256=sign(b"{}", secret)))
    assert refused(request(b"{}", x_hub_signature_256=sign(b"{}", "a third"))) == (401, "signature_mismatch")


def test_an_empty_secret_is_no_secret() -> None:
    """Otherwise an unset variable would let anybody sign."""
    with pytest.raises(ValidationError):
        source(secret="")
    assert refused(request(b"{}", x_hub_signature_256=sign(b"{}", "")), source(previous_secret=""))[0] == 401


def test_secrets_show_nowhere() -> None:
    """Neither in the configuration's text nor in the error when something else is wrong with it."""
    assert SECRET not in repr(source().config)
    with pytest.raises(ValidationError) as error:
        source(secert="x")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"x_github_event": None}, (400, "event_missing")),
        ({"x_github_event": ""}, (400, "event_missing")),
        ({"x_github_event": "Push!"}, (400, "event_malformed")),
        ({"x_github_event": "x" * 101}, (400, "event_malformed")),
        ({"x_github_delivery": None}, (400, "delivery_missing")),
        ({"x_github_delivery": "two words"}, (400, "delivery_malformed")),
        ({"x_github_delivery": "x" * 201}, (400, "delivery_malformed")),
        ({"content_type": None}, (415, "content_type_unsupported")),
        ({"content_type": "text/plain"}, (415, "content_type_unsupported")),
    ],
)
def test_headers_that_github_would_never_send_are_refused(
    headers: dict[str, str | None], answer: tuple[int, str]
) -> None:
    """Each with a code of its own, so that the counter tells what is wrong with the sender."""
    assert refused(request(b"{}", **headers)) == answer


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "nothing: the payload is empty"),
        (b"{", "unexpected end of data"),
        (b'{"a": NaN}', "NaN, which JSON doesn't have"),
        (b'{"a": "\xff"}', "bytes that are no UTF-8"),
        (b'{"a": "\\ud83d"}', "half of a surrogate pair"),
        (b"{} {}", "something behind the end"),
        (b"[" * 100_000, "nested deeper than 254 levels"),
        (b'{"a": 1, "a": 1}', "the key 'a' twice in one object"),
        (b'{"a": 18446744073709551616}', "an integer beyond 64 bits at /a"),
    ],
)
def test_a_payload_that_cant_be_read_is_taken_in_as_it_is(body: bytes, what: str) -> None:
    """It is signed, and GitHub won't send it again: the engine puts it among the dead letters, with what is wrong."""
    (event,) = source().receive(request(body))
    assert (event.raw, event.id, event.type) == (body, DELIVERY, "github.push")
    assert (event.source, event.key, event.subject) == ("https://github.com", None, None)
    assert event.replace() == event
    with pytest.raises(InvalidPayload, match=re.escape(what)):
        event.checked()


@pytest.mark.parametrize("body", [b"[]", b"null", b'"push"'])
def test_a_payload_that_is_no_object_is_for_the_contract(body: bytes) -> None:
    """Which says so; there is nothing in it to tell a source or a key from."""
    (event,) = source().receive(request(body))
    assert event.checked().data == json.loads(body)
    assert event.source == "https://github.com"


def test_a_payload_is_parsed_once() -> None:
    """The source reads it for the attributes; whoever asks for the data later gets the same."""
    (event,) = source().receive(request(b'{"zen": []}'))
    assert event.checked().data is event.data


def test_the_payload_is_forwarded_byte_for_byte() -> None:
    """Spaces, escapes, the order of keys and numbers that floats can't hold stay as GitHub wrote them."""
    body = b'{ "z": 1.0,\n "a": "\\u00e9/\\/", "n": 18446744073709551615 }'
    (event,) = source().receive(request(body, content_type="application/json; charset=utf-8"))
    assert event.raw == body
    assert event.datacontenttype == "application/json"


def test_a_form_gives_the_same_event_as_json() -> None:
    """GitHub offers both; in a form the signature covers the form and the payload is a field of it."""
    payload = json.dumps({"repository": REPOSITORY, "ref": "refs/heads/ä+b &c"}).encode()
    form = urlencode({"payload": payload.decode()}).encode()
    (event,) = source().receive(request(form, content_type="application/x-www-form-urlencoded"))
    (same,) = source().receive(request(payload))
    assert event.raw == payload
    assert event.replace(time="2026-11-21T00:00:00Z") == same.replace(time="2026-11-21T00:00:00Z")


@pytest.mark.parametrize("form", [b"", b"payload", b"other=%7B%7D", b"payload=%7B%7D&payload=%7B%7D", b"payload=\xff"])
def test_a_form_without_one_payload_is_refused(form: bytes) -> None:
    """As is one that isn't percent-encoded, or not UTF-8 below the encoding."""
    assert refused(request(form, content_type="application/x-www-form-urlencoded")) == (400, "form_malformed")
    strange = request(b"payload=%ff", content_type="application/x-www-form-urlencoded")
    assert refused(strange) == (400, "form_malformed")


def test_the_deliverys_id_is_the_events() -> None:
    """So that a second delivery of the same is known."""
    assert received({}).id == DELIVERY


@pytest.mark.parametrize("name", DELIVERIES)
def test_every_kind_of_event_has_a_type_and_a_topic(name: str) -> None:
    """``github.`` and GitHub's own name, whatever the payload holds."""
    event = received({"repository": REPOSITORY}, name)
    assert event.type == f"github.{name}"
    assert event.type in WEBHOOK_EVENTS


def test_a_kind_of_event_that_nobody_knows_is_kept() -> None:
    """It gets a topic shared with others of its like, and its own name as an attribute."""
    event = received({"repository": REPOSITORY}, "quantum_leap")
    assert event.type == OTHER
    assert event.type in WEBHOOK_EVENTS
    assert event.attributes["githubevent"] == "quantum_leap"


@pytest.mark.parametrize(
    ("payload", "address", "key"),
    [
        ({"repository": REPOSITORY, "sender": {"login": "x"}}, "https://github.com/octo/hello", "octo/hello"),
        (
            {"organization": {"login": "octo", "url": "https://api.github.com/orgs/octo"}, "sender": {"login": "x"}},
            "https://api.github.com/orgs/octo",
            "octo",
        ),
        (
            {"installation": {"id": 7}, "sender": {"login": "x", "html_url": "https://github.com/x"}},
            "https://github.com/x",
            "7",
        ),
        ({"sender": {"login": "x", "html_url": "https://github.com/x"}}, "https://github.com/x", "x"),
        ({"security_advisory": {"ghsa_id": "GHSA-1"}}, "https://github.com", "GHSA-1"),
        ({"repository": None, "sender": None}, "https://github.com", None),
        ({"repository": {"full_name": 5, "html_url": 5}}, "https://github.com", "5"),
        ({"repository": {"full_name": "a\nb", "html_url": "https://x/a b"}}, "https://github.com", None),
        ({}, "https://github.com", None),
    ],
)
def test_source_and_key_come_from_the_narrowest_thing_that_the_payload_names(
    payload: dict[str, object], address: str, key: str | None
) -> None:
    """Not every delivery has a repository, and a payload of a strange form is no reason to lose it."""
    event = received(payload, "ping")
    assert (event.source, event.key) == (address, key)


@pytest.mark.parametrize(
    ("name", "payload", "subject"),
    [
        ("pull_request", {"pull_request": {"html_url": "https://github.com/octo/hello/pull/12"}}, "pull/12"),
        ("pull_request_review", {"pull_request": {"html_url": "https://github.com/octo/hello/pull/12"}}, "pull/12"),
        ("issues", {"issue": {"html_url": "https://github.com/octo/hello/issues/3"}}, "issues/3"),
        ("issue_comment", {"issue": {"html_url": "https://github.com/octo/hello/pull/3"}}, "pull/3"),
        ("release", {"release": {"html_url": "https://github.com/octo/hello/releases/tag/v1"}}, "releases/tag/v1"),
        ("push", {"ref": "refs/heads/main"}, "refs/heads/main"),
        ("delete", {"ref": "v1"}, "v1"),
        ("push", {"ref": "refs/heads/\x85"}, None),
        ("push", {"ref": ""}, None),
        ("push", {"ref": None}, None),
        ("issues", {"issue": {"html_url": "https://github.com/octo/hello-again/issues/3"}}, None),
        ("issues", {"issue": None}, None),
        ("star", {}, None),
    ],
)
def test_the_subject_tells_what_it_is_about_within_the_repository(
    name: str, payload: dict[str, object], subject: str | None
) -> None:
    """Source and subject together are the web address, where there is one."""
    assert received({"repository": REPOSITORY, **payload}, name).subject == subject


def test_the_event_survives_a_full_check_and_a_journey_through_kafka() -> None:
    """The source builds it without checking; here it is checked."""
    event = received({"repository": REPOSITORY, "ref": "refs/heads/main"}, "quantum_leap")
    record = event.to_kafka()
    assert record.key == b"octo/hello"
    assert Event.from_kafka(*record) == event
    assert event.replace() == event
