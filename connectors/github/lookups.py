"""Look-ups: what GitHub knows of an issue, a pull request, a repository or an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import orjson
from pydantic import Field

from connectors.github.answers import explained
from connectors.github.api import HEADERS, Login, RepositoryName
from hub.sdk import NOTHING, Config, Found, Lookup, LookupConfig, Permanent, Transient
from hub.sdk.lookup import Answer

_GONE = (404, 410)


class GitHubLookup(LookupConfig):
    """A look-up at GitHub."""

    service: str = "github"
    """The entry under ``services:`` that says where the API is, and gives the token."""


class OfNumber(Config):
    """An issue or a pull request."""

    repository: RepositoryName
    """``owner/name``"""
    number: Annotated[int, Field(ge=1)]
    """Its number."""


L = TypeVar("L", bound=GitHubLookup)
K = TypeVar("K")


class Asked(Lookup[L, K], Generic[L, K]):
    """A look-up of one thing by its path.

    An old answer will do where GitHub gives none and the service has `stale_if_error` or a fallback: it is marked.

    Class attributes:
        known_by: a field that such a thing always has.
    """

    known_by: ClassVar[str] = "number"

    @property
    def far_side(self) -> str:
        """GitHub."""
        return "GitHub"

    def path(self, key: K) -> str:
        """Where it is."""
        raise NotImplementedError

    async def look_up(self, keys: Sequence[K]) -> Sequence[Answer]:
        """Asks for each by itself."""
        return [await self._one(key) for key in keys]

    async def _one(self, key: K) -> Answer:
        path = self.path(key)
        try:
            answer = await self.service.request("GET", path, headers=HEADERS, degraded=True)
        except Permanent as refusal:
            if refusal.status in _GONE:
                return NOTHING
            raise explained(refusal, path.removeprefix("/repos/")) from refusal
        try:
            found: Any = answer.json()
        except orjson.JSONDecodeError as error:
            raise Transient(f"expected JSON from {answer.url}: {error}", status=answer.status) from None
        if not isinstance(found, dict) or self.known_by not in found:
            raise Transient(
                f"expected an object with `{self.known_by}` from {answer.url}; got something else; is the service's "
                "base_url that of GitHub's REST API?",
                status=answer.status,
            )
        return Found(found, answer.marks)


class IssueLookup(Asked[GitHubLookup, OfNumber]):
    """An issue; of a pull request what it has as an issue."""

    schema = "github/issue/v1.json"

    def path(self, key: OfNumber) -> str:
        """By its number."""
        return f"/repos/{key.repository}/issues/{key.number}"


class PullLookup(Asked[GitHubLookup, OfNumber]):
    """A pull request, with what lists don't say: whether it can be merged, and how much it changes."""

    schema = "github/whole_pull/v1.json"

    def path(self, key: OfNumber) -> str:
        """By its number."""
        return f"/repos/{key.repository}/pulls/{key.number}"


class RepositoryLookup(Asked[GitHubLookup, RepositoryName]):
    """A repository."""

    schema = "github/whole_repository/v1.json"
    known_by = "full_name"

    def path(self, key: RepositoryName) -> str:
        """By its name."""
        return f"/repos/{key}"


class UserLookup(Asked[GitHubLookup, Login]):
    """An account: a user, an organization or a bot."""

    schema = "github/user/v1.json"
    known_by = "login"

    def path(self, key: Login) -> str:
        """By its login."""
        return f"/users/{key}"
