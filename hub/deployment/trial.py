"""A test in a schema file: events that come in, and what is expected of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from hub.deployment.expectation import Expectation, Text, as_word, listed
from hub.sdk.config import Config

CLOCK = "2026-01-01T00:00:00Z"
"""When a test's events happened if nothing else is said, so that results are the same every day."""
SOURCE = "/test"
"""Where they come from, likewise."""
# A CloudEvents attribute's name; in a structured event, extensions stand beside the others.
_ATTRIBUTE = re.compile(r"[a-z0-9]+\Z")
# What `hub tap --json` and `hub dlq show --json` say of a record beside its event.
_RECORD = frozenset(("at", "partition", "offset", "problem", "unit", "place", "error", "origin", "earlier",
                     "resolution", "stacktrace"))  # fmt: skip


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
    set: dict[str, Any] = {}
    """Fields of the payload that are others than in ``data``, by path: ``data.user.name: ada``."""
    drop: list[str] = []
    """Fields of the payload that aren't there."""

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


class GivenAnswer(Config):
    """What a look-up answers in a test."""

    key: Any = None
    """For which key; for all others if not given."""
    found: Any = None
    """What it finds; null where there is nothing."""
    fails: Text | None = Field(default=None, min_length=1)
    """Why it has no answer: the fallback takes its place, or the event fails."""

    @model_validator(mode="after")
    def _one_of_them(self) -> GivenAnswer:
        if ("found" in self.model_fields_set) == (self.fails is not None):
            raise ValueError("expected `found` or `fails`; `found: null` says that there is nothing")
        return self


Answers = Annotated[list[GivenAnswer], BeforeValidator(listed, json_schema_input_type=GivenAnswer | list[GivenAnswer])]
"""One answer, or a list of them."""


class TestSection(Config):
    """An example that routes must get right: what comes in, and what is expected of it."""

    __test__ = False  # pytest takes it for a test class otherwise

    given: Annotated[
        list[Given], BeforeValidator(listed, json_schema_input_type=Given | list[Given]), Field(min_length=1)
    ]
    """An event, or a list of them, which come in this order."""
    topic: str | None = Field(default=None, min_length=1)
    """Topic that they come on, where that isn't their type's."""
    env: dict[str, Text] = {}
    """Environment variables that expressions see; those of this machine are not seen."""
    lookups: dict[str, Answers] = {}
    """What look-ups of the routes answer, by their names under ``enrich:``; nobody outside is asked."""
    now: str = CLOCK
    """When the events happened, where they don't say."""
    expect: Annotated[
        Expectation, BeforeValidator(as_word, json_schema_input_type=Literal["filtered", "error"] | Expectation)
    ]
    """What becomes of them."""
