"""What the sinks answer: our own events, so that their contracts are written here."""

from __future__ import annotations

from typing import Any

from connectors.github.contracts.node import Slot
from connectors.github.contracts.openapi import Description

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_ACTION = {
    "type": "string",
    "enum": ["created", "updated", "found"],
    "description": "What was done; with found it was there already",
}
_WRITTEN = {
    "action": _ACTION,
    "repository": {**_TEXT, "description": "Its owner/name"},
    "id": _NUMBER,
    "node_id": _TEXT,
    "url": _TEXT,
}
_ON = {**_WRITTEN, "number": {**_NUMBER, "description": "Of the issue or pull request"}}
_STATUSES = ["error", "failure", "pending", "success"]


def _all(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_REPLIES: dict[str, tuple[str, dict[str, Any]]] = {
    "issue_written": (
        "An issue that a sink opened or changed",
        _all({**_ON, "state": {**_TEXT, "enum": ["open", "closed"]}}),
    ),
    "comment_written": ("A comment that a sink wrote", _all(_ON)),
    "review_written": ("A review that a sink wrote", _all({**_ON, "state": _TEXT})),
    "status_written": (
        "A commit's status that a sink set",
        _all({**_WRITTEN, "sha": _TEXT, "context": _TEXT, "state": {**_TEXT, "enum": _STATUSES}}),
    ),
    "dispatched": (
        "A dispatch that a sink sent",
        {
            "type": "object",
            "properties": {
                "repository": {**_TEXT, "description": "Its owner/name"},
                "event_type": {**_TEXT, "description": "Of a repository_dispatch"},
                "workflow": {**_TEXT, "description": "Of a workflow_dispatch: file name or id"},
                "ref": {**_TEXT, "description": "Of a workflow_dispatch"},
                "run": {**_NUMBER, "nullable": True, "description": "The run's id, where GitHub told it"},
                "url": {**_TEXT, "nullable": True, "description": "The run's web address, where GitHub told it"},
            },
            "required": ["repository"],
        },
    ),
}


def reply_events(description: Description) -> dict[str, tuple[str, Slot]]:
    """Title and tree of each reply, by the end of its type."""
    return {name: (title, description.slot(schema)) for name, (title, schema) in _REPLIES.items()}
