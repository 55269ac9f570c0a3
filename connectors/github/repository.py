"""What all polled lists of a repository share: where to ask, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from connectors.github.answers import Page, explained
from connectors.github.api import HEADERS
from connectors.github.config import RepositoryConfig
from hub.sdk import Cursor, Permanent, PollingSource

C = TypeVar("C", bound=RepositoryConfig)
K = TypeVar("K", bound=Cursor)


class RepositorySource(PollingSource[C, K], Generic[C, K]):
    """A list that belongs to a repository."""

    @property
    def far_side(self) -> str:
        """The repository."""
        return f"{self.config.repository} on GitHub"

    async def ask(
        self, path: str, params: Mapping[str, Any] | None = None, *, query: str | None = None, etag: str | None = None
    ) -> Page:
        """A page of what is found below the repository.

        Args:
            path: below the repository, e.g. ``issues``.
            params: query parameters; those that are ``None`` are left out.
            query: a whole query string instead, as in the link to the next page.
            etag: of the answer that we have; the page may then be `Page.unchanged`.

        Raises:
            NotConnected: GitHub is down, or a rate limit is used up.
            Transient: it failed.
            Permanent: it refused, with what to do about it.
        """
        repository = self.config.repository
        headers = {**HEADERS, "if-none-match": etag} if etag else HEADERS
        address = f"/repos/{repository}/{path}" + (f"?{query}" if query else "")
        try:
            return Page.of(await self.service.request("GET", address, params=params, headers=headers))
        except Permanent as refusal:
            raise explained(refusal, repository) from refusal
