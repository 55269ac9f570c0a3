"""The demo's own payloads make every route of the quickstart match some events and filter some."""

import uuid
from collections import Counter
from pathlib import Path

import orjson

from hub.deployment import load
from hub.sdk import Event

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {
    "AMQP_URL": "amqp://127.0.0.1",
    "CHAT_URL": "http://127.0.0.1/api/post",
    "GITHUB_REPO": "octo-org/octo-repo",
    "GITHUB_WEBHOOK_SECRET": "secret",
}


def test_every_route_of_the_quickstart_matches_some_and_filters_some() -> None:
    """Without one that fails, so that the demo shows the same on every machine."""
    events = [
        Event(
            type=f"github.{path.name.partition('.')[0]}",
            source="/x",
            id=uuid.uuid4().hex,
            data=orjson.loads(path.read_bytes()),
        )
        for path in (ROOT / "demo" / "payloads").glob("*.json")
    ]
    routes = load(ROOT / "schemas" / "examples" / "quickstart").routes
    assert len(routes) == 3
    for route in routes.values():
        run = route.program(ENVIRONMENT)
        outcomes = Counter(isinstance(run(event), list) for event in events if event.type in route.inputs)
        assert outcomes[True] >= 4, route.name
        assert outcomes[False] >= 3, route.name
