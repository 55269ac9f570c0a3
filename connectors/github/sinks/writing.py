"""What all sinks of a repository share: a request for each delivery, and what GitHub's refusals mean for it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from connectors.github.answers import Page, explained
from connectors.github.api import HEADERS, PAGE
from connectors.github.sinks.config import RepositorySinkConfig
from hub.sdk import (
    Delivery,
    Event,
    InvalidEvent,
    Mapped,
    Permanent,
    Response,
    Sink,
    Transient,
    write_each,
)

S = TypeVar("S", bound=RepositorySinkConfig)
Record = dict[str, Any]


class RepositorySink(Sink[S], Generic[S]):
    """Writes to repositories.

    GitHub wants a second between two writes, which the service sees to: more deliveries at once would only wait longer.
    """

    concurrency = 4

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def far_side(self) -> str:
        """The repository, where it is always the same."""
        repository = self.config.repository
        return f"{repository.source} on GitHub" if repository.constant else "GitHub, repository by event"

    async def write(self, batch: Sequence[Delivery]) -> Sequence[Event]:
        """Writes each delivery by itself.

        Returns:
            What became of each: an event with the number and the URL of what was written.

        Raises:
            WriteFailed: by index, what became of those that were not written.
        """
        return await write_each(batch, self._settled)

    async def _settled(self, delivery: Delivery) -> Event | None:
        try:
            return await self.deliver(delivery)
        except InvalidEvent as error:  # data that can't be read
            raise Permanent(str(error)) from error

    @abstractmethod
    async def deliver(self, delivery: Delivery) -> Event | None:
        """Writes one delivery.

        Returns:
            What became of it, for ``reply:``; ``None`` where there was nothing to do.

        Raises:
            Signal: it was not written, or nobody knows whether it was.
        """
        raise NotImplementedError

    async def call(
        self, method: str, repository: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None
    ) -> Response:
        """One request for what is found below a repository; see `send`."""
        return await self.send(method, f"/repos/{repository}/{path}", repository, json=json, params=params)

    async def send(
        self, method: str, path: str, repository: str, *, json: Any = None, params: Mapping[str, Any] | None = None
    ) -> Response:
        """One request.

        Args:
            method: HTTP method.
            path: of the API.
            repository: which one it is about, for people.
            json: what is sent.
            params: query parameters.

        Raises:
            Signal: as `hub.sdk.Service.request`, in terms of what the user can do about it.
        """
        try:
            return await self.service.request(method, path, params=params, headers=HEADERS, json=json)
        except Permanent as refusal:
            raise explained(refusal, repository, writes=True) from refusal

    async def newest(self, repository: str, path: str, most: int) -> Sequence[Record]:
        """The newest records of a list that begins with the oldest, the newest first.

        Args:
            repository: ``owner/name``
            path: of the list, below the repository.
            most: how many, rounded up to whole pages.
        """
        params: dict[str, Any] = {"per_page": PAGE}
        first = listed(await self.call("GET", repository, path, params=params))
        last = first.last or 1
        found: list[Record] = []
        for number in range(last, 1, -1):
            page = listed(await self.call("GET", repository, path, params={**params, "page": number}))
            found += reversed(page.records())
            if len(found) >= most:
                return found
        return [*found, *reversed(first.records())]

    def turn(self, identity: str) -> asyncio.Lock:
        """The lock of one thing: two deliveries of different keys that look for it at once would both make it."""
        lock = self._turns.get(identity)
        if lock is None:
            lock = self._turns[identity] = asyncio.Lock()
        return lock


def given(mapped: Mapped[Any] | None, event: Event) -> Any:
    """A setting's value for an event; ``None`` where the user gave none."""
    return None if mapped is None else mapped(event)


def document(response: Response, *fields: str) -> Record:
    """The object that an answer holds, with these fields.

    Raises:
        Transient: it is another thing: whoever gave it, a proxy maybe, says nothing about what was to be written.
    """
    found = Page.of(response).document
    if not isinstance(found, dict) or not found.keys() >= set(fields):
        raise _alien(response, f"an object with {', '.join(fields)}")
    return found


def done(response: Response) -> None:
    """That an answer says nothing but that it was done.

    Raises:
        Transient: it is another thing, as `document`.
    """
    if response.status != HTTPStatus.NO_CONTENT:
        raise _alien(response, "204, without a document,")


def listed(response: Response) -> Page:
    """The page of a list that an answer holds.

    Raises:
        Transient: it is another thing.
    """
    page = Page.of(response)
    if not isinstance(page.document, list) or not all(isinstance(each, dict) for each in page.document):
        raise _alien(response, "a list of objects")
    return page


def _alien(response: Response, expected: str) -> Transient:
    url = response.url.partition("?")[0]
    return Transient(
        f"expected {expected} from {url}; got something else; is the service's base_url that of GitHub's REST API?",
        status=response.status,
    )
