"""A test in a schema file: events that come in, and what is expected of them.

Keys and words are those of schema files; `json_equals` and `json_contains` are Redpanda Connect's.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from hub.sdk.config import Config

CLOCK = "2026-01-01T00:00:00Z"
"""When a test's events happened if nothing else is said, so that results are the same every day."""
SOURCE = "/test"
"""Where they come from, likewise."""
Reason = Literal["where", "switch", "split"]
"""Why a route keeps an event out: its predicate, no branch of its ``switch``, or nothing to split."""

# A CloudEvents attribute's name; in a structured event, extensions stand beside the others.
_ATTRIBUTE = re.compile(r"[a-z0-9]+\Z")
# What `hub tap --json` and `hub dlq show --json` say of a record beside its event.
_RECORD = frozenset(("at", "partition", "offset", "problem", "unit", "place", "error", "origin", "earlier",
                     "resolution", "stacktrace"))  # fmt: skip


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool | int | float) else value


Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
"""Text, which YAML may have read as a number or a Boolean."""


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class Given(Config):
    """An event that comes in. What isn't given is the same in every run."""

    type: str = Field(min_length=1)
    """What happened, e.g. ``github.pull_request``."""
    topic: str | None = Field(default=None, min_length=1)
    """Topic that it comes on, where that isn't its type's."""
    id: Text | None = None
    """``test-1``, ``test-2`` … if not given."""
    source: str = SOURCE
    """URI-reference of where it happened."""
    time: str | None = None
    """RFC 3339; the test's ``now`` if not given."""
    subject: Text | None = None
    """What it is about."""
    key: Text | None = None
    """Its partition key."""
    datacontenttype: str | None = None
    """Media type of the payload; ``application/json`` if not given."""
    dataschema: str | None = None
    """URI of the payload's schema."""
    headers: dict[str, Text] = {}
    """Kafka headers that are no attributes."""
    extensions: dict[str, Text] = {}
    """Further attributes."""
    data: Any = None
    """The payload; an event without one is a tombstone."""
    data_base64: str | None = None
    """A payload that is neither JSON nor text."""

    @model_validator(mode="before")
    @classmethod
    def _fixture(cls, value: Any) -> Any:
        """A fixture may also be a CloudEvent in JSON, or a line of `hub tap --json`."""
        if not isinstance(value, dict):
            return value
        if isinstance(event := value.get("event"), dict):
            rest = {key: each for key, each in value.items() if key not in _RECORD and key != "event"}
            value = {**event, **{key: each for key, each in rest.items() if each is not None}, "specversion": "1.0"}
        unknown = [key for key in value if key not in cls.model_fields]
        if "type" not in value and len(unknown) > max(2, len(value) / 2):
            raise ValueError("expected an event, which has a `type`; write a payload as `{ type: …, data: … }`")
        if "specversion" not in value:
            return value
        plain: dict[str, Any] = {"extensions": {}}
        for key, each in value.items():
            if key == "partitionkey":
                plain["key"] = each
            elif key in cls.model_fields and key != "extensions":
                plain[key] = each
            elif key != "specversion" and _ATTRIBUTE.match(key):
                plain["extensions"][key] = each
            elif key != "specversion":
                plain[key] = each
        return plain


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
    return _listed(value)


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
    return [_filtered(each) for each in _listed(value)]


class FailureHere(Config):
    """That a route can't handle the event, which would become a dead letter."""

    contains: str | None = Field(default=None, min_length=1)
    """Part of the error's text."""
    stage: Literal["parse", "where", "map", "contract"] | None = None
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
    return [_failure(each) for each in _listed(value)]


def _word(value: Any) -> Any:
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
            BeforeValidator(_word, json_schema_input_type=Literal["filtered", "error"] | RouteExpectation),
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


class TestSection(Config):
    """An example that routes must get right: what comes in, and what is expected of it."""

    __test__ = False  # pytest takes it for a test class otherwise

    given: Annotated[
        list[Given], BeforeValidator(_listed, json_schema_input_type=Given | list[Given]), Field(min_length=1)
    ]
    """An event, or a list of them, which come in this order."""
    topic: str | None = Field(default=None, min_length=1)
    """Topic that they come on, where that isn't their type's."""
    env: dict[str, Text] = {}
    """Environment variables that expressions see; those of this machine are not seen."""
    now: str = CLOCK
    """When the events happened, where they don't say."""
    expect: Annotated[
        Expectation, BeforeValidator(_word, json_schema_input_type=Literal["filtered", "error"] | Expectation)
    ]
    """What becomes of them."""
