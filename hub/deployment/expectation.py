"""What a test in a schema file expects: by topic and sink, of all routes or of single ones.

`json_equals` and `json_contains` are Redpanda Connect's words.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from hub.sdk.config import Config

Reason = Literal["where", "switch", "split"]
"""Why a route keeps an event out: its predicate, no branch of its ``switch``, or nothing to split."""


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool | int | float) else value


Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
"""Text, which YAML may have read as a number or a Boolean."""


def listed(value: Any) -> Any:
    """A list, or the one value that stands there without a list, as a list."""
    return value if isinstance(value, list) else [value]


class Output(Config):
    """An event that comes out. What isn't given may be anything; an attribute of ``null`` must be missing."""

    type: Text | None = None
    subject: Text | None = None
    source: Text | None = None
    id: Text | None = None
    time: Text | None = None
    key: Text | None = None
    datacontenttype: Text | None = None
    dataschema: Text | None = None
    extensions: dict[str, Text | None] = {}
    headers: dict[str, Text | None] = {}
    data: Any = None
    """What the payload must hold: keys that aren't given may be there, lists are compared element by element."""
    json_contains: Any = None
    """The same as ``data``."""
    json_equals: Any = None
    """What the payload must be, exactly."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """At a sink: what settings that are computed must be for this event."""

    @model_validator(mode="after")
    def _one_payload(self) -> Output:
        given = [each for each in ("data", "json_contains", "json_equals") if each in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"expected the payload once; got it as `{given[0]}` and as `{given[1]}`")
        return self


def _outputs(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise ValueError(  # noqa: TRY004  what pydantic takes for a finding
            f"expected an event, a list of events, or one of {', '.join(f'`{each}`' for each in RESERVED)} as key; "
            f"this key is taken for a topic or sink, and holds {'nothing' if value is None else 'no event'}"
        )
    return listed(value)


Outputs = Annotated[list[Output], BeforeValidator(_outputs, json_schema_input_type=Output | list[Output])]
"""What comes out at one place: an event, or a list of all of them, in order."""


class FilteredHere(Config):
    """That a route keeps the event out."""

    reason: Reason | None = None
    """Any if not given."""


class Filtered(FilteredHere):
    """The same, of routes in general or of one of them."""

    route: str | None = None
    """Which route; every one that reads the event if not given."""


def _filtered(value: Any) -> Any:
    return {"reason": value} if isinstance(value, str) else {} if value is True else value


def _all_filtered(value: Any) -> Any:
    return [_filtered(each) for each in listed(value)]


class FailureHere(Config):
    """That a route can't handle the event, which would become a dead letter."""

    contains: str | None = Field(default=None, min_length=1)
    """Part of the error's text."""
    stage: Literal["parse", "where", "enrich", "split", "switch", "map", "to", "contract"] | None = None
    """What was under way, as dead letters say it."""
    path: str | None = None
    """What failed: in the route, e.g. ``map.data.title``; of a contract, the field, as JSON Pointer: ``/title``."""


class Failure(FailureHere):
    """The same, of any route or of one of them."""

    route: str | None = None
    """Which route; any if not given."""


def _failure(value: Any) -> Any:
    return {"contains": value} if isinstance(value, str) else {} if value is True else value


def _failures(value: Any) -> Any:
    return [_failure(each) for each in listed(value)]


def as_word(value: Any) -> Any:
    """``expect: filtered`` and ``expect: error``."""
    if isinstance(value, str):
        if value not in ("filtered", "error"):
            raise ValueError(f"expected `filtered`, `error`, or what comes out by topic and sink; got `{value:.60}`")
        return {value: True}
    if value is None or value == {}:
        raise ValueError("expected something that can fail; write `filtered` if nothing comes out")
    return value


class RouteExpectation(Config):
    """What becomes of the event in one route: where it goes, that it is filtered, or that it fails."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Outputs] = Field(init=False)

    filtered: Annotated[
        FilteredHere | None, BeforeValidator(_filtered, json_schema_input_type=Reason | Literal[True] | FilteredHere)
    ] = None
    error: Annotated[
        FailureHere | None, BeforeValidator(_failure, json_schema_input_type=str | Literal[True] | FailureHere)
    ] = None
    nothing_else: Literal[True] | None = None
    """Nothing comes out but what is said here."""

    @property
    def outputs(self) -> dict[str, list[Output]]:
        """What comes out, by topic and sink."""
        return self.__pydantic_extra__ or {}


class Expectation(Config):
    """What becomes of the events."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Outputs] = Field(init=False)

    filtered: Annotated[
        list[Filtered],
        BeforeValidator(_all_filtered, json_schema_input_type=Reason | Literal[True] | Filtered | list[Filtered]),
    ] = []
    error: Annotated[
        list[Failure], BeforeValidator(_failures, json_schema_input_type=str | Literal[True] | Failure | list[Failure])
    ] = []
    routes: dict[
        str,
        Annotated[
            RouteExpectation,
            BeforeValidator(as_word, json_schema_input_type=Literal["filtered", "error"] | RouteExpectation),
        ],
    ] = {}
    """The same for single routes. A test that expects nothing else is about these routes alone."""
    nothing_else: Literal[True] | None = None
    """Nothing comes out but what is said here."""

    @property
    def outputs(self) -> dict[str, list[Output]]:
        """What comes out, by topic and sink."""
        return self.__pydantic_extra__ or {}


RESERVED = tuple(Expectation.model_fields)
"""Keys of an expectation that are no topics or sinks."""
