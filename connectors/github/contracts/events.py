"""Which events GitHub sends, and the tree of each: all of its actions joined, and corrected by published payloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import orjson

from connectors.github.contracts.experience import loosen
from connectors.github.contracts.node import Slot, join
from connectors.github.contracts.openapi import Description, sentence
from connectors.github.contracts.payloads import Corrections, correct, require

_JSON = "application/json"
# Their `action` is whatever the user who asks for the event calls it; the description lists a sample.
_ANY_ACTION = {"repository_dispatch"}
_REPOSITORY = "/repos/{owner}/{repo}"
# Path of the list, and the property that holds it where it isn't the answer itself.
_LISTS: dict[str, tuple[str, str | None]] = {
    "comment": (f"{_REPOSITORY}/issues/comments", None),
    "commit": (f"{_REPOSITORY}/commits", None),
    "deployment_changed": (f"{_REPOSITORY}/deployments", None),
    "forked": (f"{_REPOSITORY}/forks", None),
    "issue": (f"{_REPOSITORY}/issues", None),
    "notification": ("/notifications", None),
    "pull": (f"{_REPOSITORY}/pulls", None),
    "release_changed": (f"{_REPOSITORY}/releases", None),
    "repository_event": (f"{_REPOSITORY}/events", None),
    "review_comment": (f"{_REPOSITORY}/pulls/comments", None),
    "run": (f"{_REPOSITORY}/actions/runs", "workflow_runs"),
    "starred": (f"{_REPOSITORY}/stargazers", None),
}
_THINGS = {
    "user": "/users/{username}",
    "whole_pull": f"{_REPOSITORY}/pulls/{{pull_number}}",
    "whole_repository": _REPOSITORY,
}
# A field that so many actions have at most, and not every second one, is told with their names.
_FEW = 4


def webhook_events(
    description: Description, payloads: Iterable[tuple[str, bytes]], made: Corrections
) -> dict[str, Slot]:
    """The tree of every event by its name, the value of ``X-GitHub-Event``.

    One object stands for all actions of an event, with what only some of them have as optional: routes decide by
    ``data.action``, and a choice of twenty almost equal objects helps neither them nor readers.

    Args:
        description: GitHub's.
        payloads: (event, body); each is allowed by the result.
        made: is told what the payloads corrected.
    """
    actions: dict[str, list[Slot]] = defaultdict(list)
    for webhook in description.webhooks.values():
        operation = webhook["post"]
        name = operation["x-github"]["subcategory"].replace("-", "_")
        slot = description.slot(operation["requestBody"]["content"][_JSON]["schema"])
        slot.description = sentence(operation["summary"])
        actions[name].append(slot)
    examples: dict[str, list[Any]] = defaultdict(list)
    for name, body in payloads:
        examples[name].append(orjson.loads(body))
    return {name: _joined(name, slots, examples[name], made) for name, slots in sorted(actions.items())}


def polled_events(description: Description) -> dict[str, Slot]:
    """The tree of every event that is made by polling, by the end of its type: an element of what the API lists."""
    trees = {}
    for name, (path, within) in _LISTS.items():
        schema = description.paths[path]["get"]["responses"]["200"]["content"][_JSON]["schema"]
        if within is not None:
            schema = schema["properties"][within]
        # Of stargazers there are two lists; the second is the one with times, that is asked for.
        schema = schema["anyOf"][-1] if "anyOf" in schema else schema
        trees[name] = description.slot(schema["items"])
        loosen(trees[name])
    return trees


def found_things(description: Description) -> dict[str, Slot]:
    """The tree of what each look-up finds that no list gives, by the name of its schema."""
    trees = {}
    for name, path in _THINGS.items():
        answer = description.paths[path]["get"]["responses"]["200"]
        trees[name] = description.slot(answer["content"][_JSON]["schema"])
        loosen(trees[name])
    return trees


def _joined(name: str, slots: list[Slot], examples: list[Any], made: Corrections) -> Slot:
    only = _only_some(slots)
    root, *others = slots
    for each in others:
        join(root, each)
    action = root.node.properties.get("action")
    if action is not None and name in _ANY_ACTION:
        action.node.enum = None
    loosen(root)
    for payload in examples:
        correct(root, payload, made)
    require(root)
    for field, actions in only.items():
        slot = root.node.properties[field]
        note = f"With action {', '.join(actions)}"
        slot.description = f"{slot.description}. {note}" if slot.description else note
    return root


def _only_some(slots: list[Slot]) -> dict[str, list[str]]:
    """Which actions a field of the payload belongs to, where these are few."""
    having: dict[str, list[str]] = defaultdict(list)
    for slot in slots:
        action = slot.node.properties.get("action")
        for field in slot.node.properties:
            having[field] += sorted(action.node.enum or ()) if action is not None else []
    few = len(slots) / 2
    return {field: sorted(actions) for field, actions in having.items() if 0 < len(actions) <= min(few, _FEW)}
