"""The keys ``every`` and ``cursor`` of polling sources, as pydantic models; see `hub.deployment.model`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hub.sdk.config import Config, Duration, parse_duration

LEAST_EVERY = timedelta(milliseconds=10)
"""The shortest rest between two polls: none at all would keep a core and the far side busy for nothing."""


def _rest(value: timedelta) -> timedelta:
    if value < LEAST_EVERY:
        raise ValueError(
            "expected at least 10ms, since a source rests between two polls; "
            "a far side that holds a request until there is something (long polling) needs no shorter one"
        )
    return value


class EverySection(Config):
    """A rest between two polls that adapts: it doubles while nothing comes, and begins anew with the first event."""

    min: Annotated[Duration, AfterValidator(_rest)]
    """The rest after a poll that brought something; at least ``10ms``."""
    max: Annotated[Duration, AfterValidator(_rest)]
    """The longest rest."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max < self.min:
            raise ValueError("expected `max` to be no shorter than `min`")
        return self


def as_every(value: Any) -> Any:
    """One duration, as the shortest and the longest rest."""
    if not isinstance(value, str):
        return value
    rest = _rest(parse_duration(value))
    return {"min": rest, "max": rest}


REMEMBERED = 200_000
"""Changes that a source may remember at most: about 2 MB, which are written with each batch."""


def _distance(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError("expected no less than 0")
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(
        "expected a duration such as 30s, for cursor values that are times, or a number, for those that are numbers"
    )


def _step(value: Any) -> Any:
    distance = _distance(value)
    if not distance:
        raise ValueError("expected more than nothing: a range is asked for in steps of this length")
    return distance


class CursorSection(Config):
    """How a polling source reads, so that it misses nothing and repeats nothing."""

    start: int | str | None = None
    """Where a source begins that has never run: a cursor value such as ``2026-01-01T00:00:00Z``; with all that there
    is, or where the connector says, if not given."""
    hold_back: Annotated[Any, BeforeValidator(_distance, json_schema_input_type=str | int)] = None
    """How long a change rests before it is read: for far sides where changes become visible out of order."""
    lookback_window: Annotated[Any, BeforeValidator(_distance, json_schema_input_type=str | int)] = None
    """How far before its position each poll reads again, for what becomes visible late; ``1m`` for most."""
    step: Annotated[Any, BeforeValidator(_step, json_schema_input_type=str | int)] = None
    """The longest range that is asked for at once; a long one is read in pieces, and the cursor moves after each."""
    remember: int | None = Field(default=None, ge=0, le=REMEMBERED)
    """How many changes are remembered, so that what is read again isn't repeated; 20,000 for most."""
