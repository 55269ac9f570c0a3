"""What a schema file says of an HTTP source: its streams, and how each is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails

from connectors.http.checks import again, escaped, mistake, mistakes, raise_all
from connectors.http.config import HeaderName
from connectors.http.moments import Form
from connectors.http.paging import Inject, Paginator, Place
from connectors.http.paths import is_path
from connectors.http.refusals import ErrorHandler
from hub.sdk import Config, ServiceConfig, SourceConfig

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$"


def _form(text: str) -> str:
    return Form(text).name


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _below(text: str) -> str:
    if "://" in text or text.startswith("//"):
        raise ValueError("expected a path below the service's base_url, such as /orders")
    if "#" in text or any(each.isspace() for each in text):
        raise ValueError("expected a path without spaces and `#`")
    return text


Places = Annotated[list[Place], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
EventType = Annotated[str, Field(pattern=_NAME)]
Param = str | int | float | bool | None


class ApiConfig(ServiceConfig):
    """Any HTTP API: where it is. How to sign in, limits and all else stand beside `with:`."""


class Incremental(Config):
    """What makes a stream give only what is new: a field whose value grows with each change."""

    cursor_field: Places = Field(min_length=1)
    """Place of the cursor value in a record, e.g. `updated_at`; of several the first that holds something."""
    format: Annotated[str, AfterValidator(_form)] = "iso"
    """How its values are written: `iso` (ISO 8601, UTC if it doesn't say), `epoch`, `epoch_ms`, `integer`, `text`, or a
    format such as `%Y-%m-%d %H:%M:%S`."""
    start: str | int | None = None
    """Where to begin, in that format; with all there is if not given."""
    start_parameter: str | None = Field(default=None, min_length=1)
    """Parameter that asks for records from a value on. Without it, all is asked for and the rest left out here."""
    end_parameter: str | None = Field(default=None, min_length=1)
    """Parameter that asks for records up to a value."""
    parameter_format: Annotated[str, AfterValidator(_form)] | None = None
    """How values are written in requests, if otherwise than in records."""
    inject: Inject = "query"
    """Where the two parameters go: the query, headers, or the JSON body, where they are paths."""
    exclusive: bool = False
    """Whether the API leaves out the records at the very value that is asked for: then it is asked from a tick
    before it."""
    is_data_feed: bool = False
    """Whether the list has the newest records first and no filter: it is then followed back to what is known."""
    ordered: bool = False
    """Whether the list comes in the order of the cursor values, oldest first, and pages don't shift: then what was read
    counts page by page, also where the rest fails."""
    version: Literal["cursor", "content"] | None = None
    """What makes a record new: another cursor value, or another content. By content if not given where values are no
    finer than minutes, otherwise by the cursor value."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        form = Form(self.format)
        asked = Form(self.parameter_format) if self.parameter_format is not None else form
        if asked.is_time != form.is_time:
            raise ValueError("expected `parameter_format` to be of the kind of `format`: both times, or none")
        if self.start is not None:
            try:
                form.read(self.start)
            except ValueError as error:
                raise ValueError(f"start: {error}") from None
        if self.exclusive and form.name == "text":
            raise ValueError("`exclusive` needs a format that can be reckoned with; text has no value before another")
        if self.is_data_feed and self.ordered:
            raise ValueError("expected `is_data_feed` or `ordered`: newest first, or oldest first")
        return self


class ForEach(Config):
    """A request for each of several things: records of another stream, or fixed values."""

    stream: str | None = None
    """Another stream of this source: one request for each of its records, as `{parent.…}`."""
    values: list[str | int] = []
    """Fixed values: one request for each, as `{item}`."""
    copy_: dict[str, Place] = Field(default={}, alias="copy")
    """Fields to add to each record: name → place in the parent's record; e.g. `{repository: full_name}`."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.stream is None) == (not self.values):
            raise ValueError("expected either `stream` or `values`")
        if self.copy_ and self.stream is None:
            raise ValueError("`copy` is for `stream`; fixed values have no fields")
        return self


class Deleted(Config):
    """Which records say that they are gone."""

    path: Place
    """Place in the record."""
    values: list[str | int | bool] = []
    """What stands there then; anything but null, false and emptiness if none is given."""


class Stream(Config):
    """One list of an API."""

    path: Annotated[str, AfterValidator(_below)]
    """Path below the service's `base_url`, with placeholders: `/repos/{+parent.full_name}/issues`."""
    type: EventType | None = None
    """Event type of its records; the stream's name if not given."""
    method: Literal["GET", "POST"] = "GET"
    """HTTP method; POST for lists that are asked for with a body."""
    params: dict[str, Param | list[Param]] = {}
    """Query parameters; texts may hold placeholders. Null leaves one out that `with.params` has."""
    headers: dict[HeaderName, str | None] = {}
    """Further headers; secrets go to the service's `auth`."""
    json_: dict[str, Any] | None = Field(default=None, alias="json")
    """Body of a POST, as JSON; texts in it may hold placeholders."""
    format: Literal["json", "jsonl", "csv"] = "json"
    """What answers are: JSON, a JSON value on each line, or CSV with a header line."""
    records: Annotated[str, AfterValidator(is_path)] = ""
    """Place of the records in the answer, e.g. `data.orders` or `groups.*.members`; the answer itself if not given.
    What is no list there is one record."""
    records_optional: bool = False
    """Whether an answer without that place has no records; otherwise it is an error."""
    primary_key: Places = []
    """Places in a record that make it known, e.g. `id`; its whole content if not given."""
    partition_key: Places = []
    """Where the key is that keeps events in order: the first of these places that holds something; the primary key if
    not given."""
    subject: Place | None = None
    """Place of the event's `subject` in the record."""
    time: Place | None = None
    """Place of the event's `time` in the record, in ISO 8601; the cursor value if not given, where it is a time."""
    paginator: Paginator | None = None
    """How the list goes on; not at all if not given, where `with.paginator` doesn't say either."""
    incremental: Incremental | None = None
    """What makes it give only what is new. Without it the whole list is read each time; what has changed is given."""
    for_each: ForEach | None = None
    """A request for each of several things."""
    deleted: Deleted | None = None
    """Which records say that they are gone: they become tombstones."""
    deletes: bool = False
    """Of a list without `incremental`: whether a record that was missing twice in a row is gone, and becomes a
    tombstone."""
    errors: list[ErrorHandler] = []
    """What answers mean; the first that fits, before those of `with.errors`."""
    publish: bool = True
    """Whether its records become events; a stream that is there for the `for_each` of others needs none."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        found: list[InitErrorDetails] = []
        if self.json_ is not None and self.method != "POST":
            found.append(mistake(("json",), "a body goes with `method: POST`"))
        injected = [("paginator", self.paginator), ("incremental", self.incremental)]
        for name, section in injected:
            if section is not None and section.inject == "body" and self.method != "POST":
                found.append(mistake((name, "inject"), "parameters in the body go with `method: POST`"))
        if self.deletes and self.incremental is not None:
            says = "a stream with `incremental` sees only what has changed; see `deleted`, or leave out `incremental`"
            found.append(mistake(("deletes",), says))
        if (self.deletes or self.deleted) and not self.primary_key:
            name = "deletes" if self.deletes else "deleted"
            found.append(mistake((name,), "needs `primary_key`: what it is that is gone"))
        if self.deletes and self.partition_key:
            says = "needs the partition key to be the primary key: of a record that is gone nothing else is known"
            found.append(mistake(("deletes",), says))
        raise_all(found)
        return self


class HttpSourceConfig(SourceConfig):
    """The ``with:`` section of an HTTP source."""

    service: str
    """The entry under `services:` that says where the API is, how to sign in, and what its limits are."""
    headers: dict[HeaderName, str | None] = {}
    """Headers of all requests."""
    params: dict[str, Param | list[Param]] = {}
    """Query parameters of all requests."""
    paginator: Paginator | None = None
    """How lists go on whose streams don't say it."""
    errors: list[ErrorHandler] = []
    """What answers mean, for all streams."""
    streams: dict[Annotated[str, Field(pattern=_NAME)], Stream] = Field(min_length=1)
    """The lists, by name. They are read in this order."""

    @model_validator(mode="wrap")
    @classmethod
    def _hangs_together(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Checks what several parts say together, also where a part has mistakes of its own, so that all are told."""
        value = escaped(value)
        found = mistakes(value)
        try:
            made = validate(value)
        except ValidationError as error:
            found += again(error)
        raise_all(found)
        return made

    def merged(self, name: str) -> Stream:
        """A stream with what holds for all of them."""
        stream = self.streams[name]
        return stream.model_copy(
            update={
                "type": stream.type or name,
                "params": {**self.params, **stream.params},
                "headers": {**self.headers, **stream.headers},
                "paginator": stream.paginator if "paginator" in stream.model_fields_set else self.paginator,
                "errors": [*stream.errors, *self.errors],
            }
        )


def event_types(settings: Mapping[str, Any]) -> Iterator[str]:
    """The event types that settings name which nobody has checked yet."""
    streams = settings.get("streams")
    for name, stream in streams.items() if isinstance(streams, dict) else ():
        if isinstance(stream, dict) and stream.get("publish") is False:
            continue
        given = stream.get("type") if isinstance(stream, dict) else None
        if isinstance(given, str) or given is None:
            yield str(name) if given is None else given
