"""The public API as a type checker sees it: mypy must accept this file, strictly.

Each `assert_type` fails where a signature promises less or something else. A line that is wrong on purpose carries an
ignore, which mypy's ``warn_unused_ignores`` turns into an error once the line is accepted.
"""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

import hub


class Wanted(BaseModel):
    """A payload."""

    title: str


async def untyped() -> None:
    """Without a model the payload is JSON of any kind."""
    async for delivery in hub.subscribe("review.wanted", group="changelog"):
        assert_type(delivery, hub.Delivery[Any])
        async with delivery as event:
            assert_type(event, hub.Event)
            assert_type(delivery.data, Any)
            assert_type(delivery.attempt, int)


async def typed() -> None:
    """With a model it is one of it."""
    subscription = hub.subscribe(
        "review.wanted",
        group="changelog",
        model=Wanted,
        retry=hub.RetryPolicy(max_retries=3),
        dlq="changelog.bad",
        concurrency=4,
        start="earliest",
    )
    assert_type(subscription, hub.Subscription[Wanted])
    async for delivery in subscription:
        async with delivery:
            assert_type(delivery.data, Wanted)
            assert_type(delivery.data.title, str)
            delivery.data.subtitle  # type: ignore[attr-defined]  # noqa: B018  the model has no such field


async def looked() -> None:
    """What goes by may be no event."""
    async for sighting in hub.tap("review.wanted", last=10, where='data.title != ""'):
        assert_type(sighting, hub.Sighting)
        assert_type(sighting.event, hub.Event | None)


async def wrong() -> None:
    """Mistakes that are found before the program runs."""
    hub.subscribe("review.wanted")  # type: ignore[call-overload]  # no group
    hub.subscribe("review.wanted", group="g", model=dict)  # type: ignore[type-var]  # no model
    hub.subscribe("review.wanted", group="g", retry=3)  # type: ignore[call-overload]  # no policy
