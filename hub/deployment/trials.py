"""Tests of a deployment, their events made."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hub.deployment.finding import Span
from hub.deployment.sections import Entry
from hub.deployment.specs import Scope
from hub.deployment.trial import Given, TestSection
from hub.routes import ExpressionError
from hub.routes.editing import edited, plan
from hub.routes.errors import Failure
from hub.routes.paths import FieldPath, parse_path
from hub.sdk.errors import InvalidEvent
from hub.sdk.event import Event

_ATTRIBUTES = ("subject", "dataschema", "datacontenttype")


class InvalidGiven(InvalidEvent):
    """An event of a test that is none.

    Args:
        message: what was expected and what came.
        where: path to it, or to the part of it that is wrong, in the test's section.
    """

    def __init__(self, message: str, where: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True)
class TrialSpec:
    """A test.

    Attributes:
        name: its key in the file.
        scope: of the deployment.
        entry: where it stands.
        section: what it says.
    """

    name: str
    scope: Scope = field(repr=False)
    entry: Entry[Any] = field(repr=False)
    section: TestSection = field(repr=False)

    def span(self, *path: str | int) -> Span:
        """Where a part of it stands: the key at a path below the test, or the item of a list."""
        return self.entry.place.find(path)[0]

    @cached_property
    def given(self) -> tuple[tuple[str, Event], ...]:
        """The topics and events that come in, as they would be read from Kafka.

        Raises:
            InvalidGiven: one of them isn't an event.
        """
        made: list[tuple[str, Event]] = []
        for index, each in enumerate(self.section.given):
            try:
                made.append((self.topic(each), _event(each, f"test-{index + 1}", self.section.now)))
            except InvalidEvent as error:
                where = error.where if isinstance(error, InvalidGiven) else ()
                raise InvalidGiven(str(error), ("given", index, *where)) from error
        return tuple(made)

    def topic(self, given: Given) -> str:
        """The topic that an event comes on."""
        return self.scope.topic(given.topic or self.section.topic or given.type)


def _event(given: Given, name: str, clock: str) -> Event:
    attributes = {name: each for name in _ATTRIBUTES if (each := getattr(given, name)) is not None}
    if clash := [name for name in given.extensions if name in Given.model_fields or name == "partitionkey"]:
        raise InvalidEvent(f"`{clash[0]}` is no extension")
    made = Event(
        type=given.type,
        source=given.source,
        id=name if given.id is None else given.id,
        time=given.time or clock,
        partitionkey=given.key,
        data=_payload(given),
        headers=[(name, value.encode()) for name, value in given.headers.items()],
        **attributes,
        **given.extensions,
    )
    # Its payload is read from bytes, as in the engine.
    return Event.from_kafka(*made.to_kafka())


def _payload(given: Given) -> Any:
    if given.data_base64 is not None:
        try:
            return base64.b64decode(given.data_base64, validate=True)
        except binascii.Error as error:
            raise InvalidEvent(f"expected base64 in data_base64: {error}") from error
    if not given.set and not given.drop:
        return given.data
    drop = [_field(text, ("drop", index)) for index, text in enumerate(given.drop)]
    changed = [_field(text, ("set", text)) for text in given.set]
    try:
        return edited(given.data, plan(drop, changed), list(given.set.values()))
    except (ExpressionError, Failure) as error:
        message = error.message if isinstance(error, ExpressionError) else str(error)
        raise InvalidGiven(message, ("set",) if given.set else ("drop",)) from error


def _field(text: str, where: tuple[str | int, ...]) -> FieldPath:
    """The path to a field of the payload."""
    try:
        path = parse_path(text)
    except ExpressionError as error:
        hint = f"; {error.suggestion}" if error.suggestion else ""
        raise InvalidGiven(f"{error.message}{hint}", where) from error
    if path[0] != "data" or len(path) == 1:
        raise InvalidGiven(f"expected a field of the payload, such as data.user.name; got `{text}`", where)
    return path
