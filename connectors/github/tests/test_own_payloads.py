"""The project's own webhook payloads: fit to stand in for GitHub's where those can't be fetched."""

import hashlib
import hmac
import json
import uuid
from pathlib import Path

import pytest

from connectors.github.config import DeliveriesConfig
from connectors.github.tests.test_schemas import contract
from connectors.github.webhook import Deliveries
from hub.sdk import Event, UnitContext, WebhookRequest

FILES = sorted((Path(__file__).parents[3] / "demo" / "payloads").glob("*.json"))
SECRET = "It's a Secret to Everybody"


def delivered(path: Path) -> Event:
    body = path.read_bytes()
    headers = {
        "content-type": "application/json",
        "x-github-event": path.name.partition(".")[0],
        "x-github-delivery": str(uuid.uuid4()),
        "x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    config = DeliveriesConfig.model_validate({"path": "/github", "secret": SECRET})
    (event,) = Deliveries(config, UnitContext("deliveries")).receive(WebhookRequest("POST", "/github", headers, body))
    return event


def test_there_are_many_of_many_kinds() -> None:
    """Among them what the published examples lack: a merged pull request, and a push of several commits."""
    assert len(FILES) >= 40
    assert len({path.name.partition(".")[0] for path in FILES}) >= 20
    assert len({path.read_bytes() for path in FILES}) == len(FILES)
    payloads = [json.loads(path.read_bytes()) for path in FILES]
    assert any(payload.get("pull_request", {}).get("merged") for payload in payloads)
    assert any(len(payload.get("commits", ())) > 1 for payload in payloads)
    assert any("repository" not in payload for payload in payloads)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_becomes_an_event(path: Path) -> None:
    """Of a known type, with source and key, and as its schema says."""
    event = delivered(path)
    assert event.type == f"github.{path.name.partition('.')[0]}"
    assert event.source.startswith("https://")
    assert event.key
    assert event.replace() == event
    assert contract(event.type).check(event.data) == []


def test_events_of_one_thing_share_their_subject() -> None:
    """A pull request's own events, its reviews and the comments on it."""
    subjects = {
        path.stem: delivered(path).subject for path in FILES if path.name.startswith(("pull_request", "issue_comment"))
    }
    about = {stem for stem, subject in subjects.items() if subject == "pull/231"}
    assert {
        "pull_request.opened",
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
        "issue_comment.created_on_pull_request",
    } <= about
