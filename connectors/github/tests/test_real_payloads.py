"""All of GitHub's published webhook payloads, through the webhook source."""

import hashlib
import hmac
import uuid
from collections import Counter
from urllib.parse import quote_plus

import orjson

from connectors.github.config import DeliveriesConfig
from connectors.github.event_types import DELIVERIES, OTHER
from connectors.github.webhook import Deliveries
from hub.sdk import Event, UnitContext, WebhookRequest

SECRET = "It's a Secret to Everybody"


def source() -> Deliveries:
    return Deliveries(DeliveriesConfig.model_validate({"path": "/github", "secret": SECRET}), UnitContext("deliveries"))


def delivered(event: str, body: bytes, content_type: str = "application/json") -> WebhookRequest:
    headers = {
        "content-type": content_type,
        "x-github-event": event,
        "x-github-delivery": str(uuid.uuid4()),
        "x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    return WebhookRequest("POST", "/github", headers, body)


def kind(issue: dict[str, object]) -> str:
    return "pull" if "pull_request" in issue else "issues"


def test_every_real_payload_becomes_one_event(payloads: list[tuple[str, bytes]]) -> None:
    """Verified, of its own type, with source and key, its bytes untouched, valid, and the same after Kafka."""
    kinds: Counter[str] = Counter()
    for name, body in payloads:
        request = delivered(name, body)
        (event,) = source().receive(request)
        assert event.type == f"github.{name}"
        assert event.type != OTHER
        assert event.id == request.headers["x-github-delivery"]
        assert event.raw == body
        assert "://github.com/" in event.source or "://api.github.com/" in event.source or name == "security_advisory"
        assert event.key
        assert event.replace() == event
        assert Event.from_kafka(*event.to_kafka()) == event
        kinds[name] += 1
    assert len(kinds) == 58
    assert kinds.total() == 329
    assert set(kinds) <= set(DELIVERIES)


def test_key_and_source_are_the_repositorys_where_there_is_one(payloads: list[tuple[str, bytes]]) -> None:
    """And events of one pull request or issue are told by their subject."""
    subjects = 0
    for name, body in payloads:
        payload = orjson.loads(body)
        (event,) = source().receive(delivered(name, body))
        if "repository" in payload:
            assert event.key == payload["repository"]["full_name"]
            assert event.source == payload["repository"]["html_url"]
        if name == "pull_request":
            assert event.subject == f"pull/{payload['number']}"
        # One example tells of an issue at an address that is not below its repository's.
        if name == "issues" and payload["issue"]["html_url"].startswith(event.source + "/"):
            assert event.subject == f"{kind(payload['issue'])}/{payload['issue']['number']}"
            subjects += 1
    assert subjects > 20


def test_every_real_payload_is_taken_as_a_form_too(payloads: list[tuple[str, bytes]]) -> None:
    """With the same bytes as data."""
    for name, body in payloads:
        form = b"payload=" + quote_plus(body).encode()
        (event,) = source().receive(delivered(name, form, "application/x-www-form-urlencoded"))
        assert event.raw == body
