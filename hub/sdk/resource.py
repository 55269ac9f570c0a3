"""Look-ups of REST resources: one GET for each key, by a template of its path.

A connector offers one with a line, and says more where its API is special:

    class Customer(ResourceLookup[ResourceLookupConfig]):
        '''One customer.'''
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

import orjson
from pydantic import AfterValidator, Field

from hub.sdk.errors import Permanent, Signal, Transient
from hub.sdk.lookup import NOTHING, Answer, Found, Lookup, LookupConfig
from hub.sdk.pagination import found
from hub.sdk.service import Response

ResourceKey: TypeAlias = str | int | dict[str, str | int]
"""What a path is filled with: a value for ``{key}``, or the fields that it names."""

_PLACE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")


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
    missing: list[Annotated[int, Field(ge=400, le=499)]] = [404, 410]
    """Statuses that say that there is no such thing: the answer is null."""


R = TypeVar("R", bound=ResourceLookupConfig)


class ResourceLookup(Lookup[R, ResourceKey], Generic[R]):
    """Asks a service for one resource per key."""

    @property
    def far_side(self) -> str:
        """The service."""
        return self.config.service

    async def look_up(self, keys: Sequence[ResourceKey]) -> Sequence[Answer]:
        """One request for each."""
        return [await self._ask(key) for key in keys]

    async def _ask(self, key: ResourceKey) -> Answer:
        try:
            response = await self.service.request(
                "GET",
                filled(self.config.path, key, encode=True),
                params={name: filled(each, key) for name, each in self.config.params.items()},
                headers=self.config.headers,
                degraded=True,  # an old answer, or a declared one, is marked as such
            )
            return self.read(response, key)
        except Signal as error:
            return NOTHING if error.status in self.config.missing else error

    def read(self, response: Response, key: ResourceKey) -> Answer:
        """What an answer says of a key.

        Raises:
            Transient: it is no JSON.
        """
        del key
        try:
            document: Any = response.json() if response.body else None
        except orjson.JSONDecodeError as error:
            raise Transient(f"expected JSON from {self.far_side}: {error}", status=response.status) from None
        record = found(document, self.config.record) if self.config.record else document
        return NOTHING if record is None else Found(record, response.marks)


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
        if encode and text in ("", ".", ".."):
            raise Permanent(f"expected a value for `{name}` that a path can hold; got an empty one, or dots")
        return quote(text, safe="") if encode else text

    return _PLACE.sub(part, template)
