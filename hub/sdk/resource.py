"""Look-ups of REST resources: a GET by a template of its path, for one key or for several.

A connector offers one with a line, and says more where its API is special:

    class Customer(ResourceLookup[ResourceLookupConfig]):
        '''One customer.'''
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Self, TypeAlias, TypeVar
from urllib.parse import quote

import orjson
from pydantic import AfterValidator, Field, model_validator

from hub.sdk.config import Config
from hub.sdk.errors import Permanent, Signal, Transient
from hub.sdk.lookup import NOTHING, Answer, Found, Lookup, LookupConfig
from hub.sdk.pagination import found, links
from hub.sdk.service import Response
from hub.sdk.unit import UnitContext

ResourceKey: TypeAlias = str | int | dict[str, str | int]
"""What a path is filled with: a value for ``{key}``, or the fields that it names."""

_PLACE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_ELSEWHERE = ("", ".", "..")
"""Segments by which a path leads to another resource."""


def _template(text: str) -> str:
    names = _PLACE.findall(text)
    if re.search(r"[{}]", _PLACE.sub("", text)) or not all(map(_NAME.match, names)):
        raise ValueError(
            "expected text in which `{key}`, or `{name}` for a field of the key, stands where the key goes; "
            f"got `{text:.80}`"
        )
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or any(each.isspace() for each in text):
        raise ValueError(f"expected a path below the service's address, such as /customers/{{key}}; got `{text:.80}`")
    return _template(text)


Template = Annotated[str, AfterValidator(_template)]
"""Text with places for the key: ``{key}``, or ``{name}`` for a field of a key that is a mapping."""


class SeveralKeys(Config):
    """How several keys are asked for with one request."""

    path: Annotated[str, AfterValidator(_path)]
    """Path of the list, below the service's address; ``{keys}`` stands for all keys."""
    params: dict[str, Template] = {}
    """Query parameters, e.g. ``{ ids: "{keys}" }``."""
    separator: str = Field(default=",", min_length=1)
    """What stands between two keys. One in which it occurs is asked for by itself."""
    records: str = ""
    """Dotted path to the list of records within the answer; empty if the answer is the list."""
    by: str = Field(min_length=1)
    """Dotted path to the key within a record. A key of which there is no record has nothing."""
    most: int = Field(default=50, ge=2, le=1_000)
    """Keys in one request at most; no more than a page of the API has room for."""

    @model_validator(mode="after")
    def _names_the_keys(self) -> Self:
        named = {name for each in (self.path, *self.params.values()) for name in _PLACE.findall(each)}
        if named != {"keys"}:
            raise ValueError("expected `{keys}` in `path` or `params`, where all keys go, and no other name")
        return self


class ResourceLookupConfig(LookupConfig):
    """The ``with:`` section of a look-up of resources."""

    service: str
    """The service whose API is asked."""
    path: Annotated[str, AfterValidator(_path)]
    """Path below the service's address, e.g. ``/customers/{key}``, or ``/repos/{repository}/issues/{number}`` where the
    key is a mapping. What is filled in is percent-encoded, slashes too."""
    params: dict[str, Template] = {}
    """Query parameters, likewise."""
    headers: dict[str, str] = {}
    """Further headers of the request, such as ``Accept``."""
    record: str = ""
    """Dotted path to what is looked for within the answer, e.g. ``data.0``; all of it if not given."""
    several: SeveralKeys | None = None
    """How several keys are asked for at once, where the API can: keys that are one value each."""
    missing: list[Annotated[int, Field(ge=400, le=499)]] = [404, 410]
    """Statuses that say that there is no such thing: the answer is null."""


R = TypeVar("R", bound=ResourceLookupConfig)


class ResourceLookup(Lookup[R, ResourceKey], Generic[R]):
    """Asks a service for one resource per key."""

    def __init__(self, config: R, context: UnitContext) -> None:
        super().__init__(config, context)
        self.batch = config.several.most if config.several else 1

    @property
    def far_side(self) -> str:
        """The service."""
        return self.config.service

    async def look_up(self, keys: Sequence[ResourceKey]) -> Sequence[Answer]:
        """One request for all that can be asked for together, and one for each other key."""
        several = self.config.several
        plain = [] if several is None else [key for key in keys if _is_plain(key, several.separator)]
        together = await self._ask_together(plain, several) if several is not None and len(plain) > 1 else {}
        return [together[str(key)] if str(key) in together else await self._ask(key) for key in keys]

    async def _ask_together(self, keys: Sequence[ResourceKey], several: SeveralKeys) -> dict[str, Found]:
        """What the far side has of several keys, by their text.

        Raises:
            Signal: it can't be told of any.
        """
        inner: dict[str, str | int] = {"keys": several.separator.join(map(str, keys))}
        encoded = {"keys": several.separator.join(quote(str(key), safe="") for key in keys)}
        try:
            response = await self._get(
                _PLACE.sub(lambda match: encoded[match[1]], several.path),
                {name: filled(each, inner) for name, each in several.params.items()},
            )
        except Signal as error:
            if error.status in self.config.missing:
                return dict.fromkeys(map(str, keys), NOTHING)
            raise
        document = self._document(response)
        records = found(document, several.records) if several.records else document
        if not isinstance(records, list):
            raise Permanent(
                f"expected a list of records from {self.far_side}; got another kind", status=response.status
            )
        # That there is no record is the answer's word, too: where another answer stood in, it is marked.
        answers = dict.fromkeys(map(str, keys), Found(None, response.marks))
        for record in records:
            key = found(record, several.by)
            if isinstance(key, str | int) and str(key) in answers:
                answers[str(key)] = Found(record, response.marks)
        if "next" in links(response.headers) and any(each.data is None for each in answers.values()):
            # What isn't on this page may be on the next; one by one, as follows on a refusal, it is found for sure.
            raise Permanent(f"{self.far_side} has no room for {len(keys)} records on a page; lower `most`")
        return answers

    async def _get(self, path: str, params: dict[str, str]) -> Response:
        # An old answer, or a declared one, will do: it is marked as such.
        return await self.service.request("GET", path, params=params, headers=self.config.headers, degraded=True)

    def _document(self, response: Response) -> Any:
        try:
            return response.json() if response.body else None
        except orjson.JSONDecodeError as error:
            raise Transient(f"expected JSON from {self.far_side}: {error}", status=response.status) from None

    async def _ask(self, key: ResourceKey) -> Answer:
        try:
            response = await self._get(
                filled(self.config.path, key, encode=True),
                {name: filled(each, key) for name, each in self.config.params.items()},
            )
            return self.read(response, key)
        except Signal as error:
            return NOTHING if error.status in self.config.missing else error

    def read(self, response: Response, key: ResourceKey) -> Answer:
        """What an answer says of a key.

        Raises:
            Transient: it is no JSON.
            Permanent: it is another document than `record` leads into. That a list ends before, or that there is null,
                means nothing.
        """
        del key
        record = self._document(response)
        for step in self.config.record.split(".") if self.config.record else ():
            if record is None:
                break
            if isinstance(record, list) and step.isdecimal():
                record = record[int(step)] if int(step) < len(record) else None
            elif isinstance(record, dict) and step in record:
                record = record[step]
            else:
                place = f"`{self.config.record}` in what {self.far_side} answered"
                raise Permanent(f"expected something at {place}; there is no `{step}`", status=response.status)
        return Found(record, response.marks)


def _is_plain(key: ResourceKey, separator: str) -> bool:
    """Whether a key can stand in a list."""
    return not isinstance(key, dict) and str(key) not in _ELSEWHERE and separator not in str(key)


def filled(template: str, key: ResourceKey, *, encode: bool = False) -> str:
    """A template with a key in its places.

    Args:
        template: see `Template`.
        key: what goes there.
        encode: whether for a path.

    Raises:
        Permanent: the key hasn't what the template names; or it is nothing, ``.`` or ``..``, by which a path would lead
            to another resource.
    """

    def part(match: re.Match[str]) -> str:
        name = match[1]
        value = key.get(name) if isinstance(key, dict) else key if name == "key" else None
        if value is None:
            has = ", ".join(f"`{each}`" for each in key) if isinstance(key, dict) else "one value, called `key`"
            raise Permanent(f"the look-up needs `{name}`; its key has {has or 'no fields'}")
        text = str(value)
        if encode and text in _ELSEWHERE:
            raise Permanent(f"expected a value for `{name}` that a path can hold; got an empty one, or dots")
        return quote(text, safe="") if encode else text

    return _PLACE.sub(part, template)
