"""What a schema file says of GitHub: its API as a service, its webhook, its polled lists."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from connectors.github.api import RepositoryName
from hub.sdk import (
    CircuitBreaker,
    Duration,
    RateLimit,
    ServiceConfig,
    ServiceRetry,
    SourceConfig,
    WebhookConfig,
)

# GitHub's pages "Best practices for using the REST API" and "Rate limits for the REST API", read in November 2026. The
# primary limit, 5,000 requests an hour or whatever an account has, needs no number here: its answers tell.
_WRITES = [f"{method} /repos/**" for method in ("POST", "PATCH", "PUT", "DELETE")]
_CONTENT = ["POST /repos/*/*/issues**", "POST /repos/*/*/pulls**"]
_LIMITS = [
    {"match": _WRITES, "count": 60, "interval": "1m", "burst": 1},  # a second between two
    {"match": _CONTENT, "count": 500, "interval": "1h", "algorithm": "sliding_window"},  # what people are told of
    {"match": "GET /**", "count": 900, "interval": "1m", "algorithm": "sliding_window"},
]


def _limits() -> RateLimit:
    return RateLimit.model_validate({"endpoints": _LIMITS})


class ApiConfig(ServiceConfig):
    """GitHub's API; of GitHub Enterprise Server ``https://HOST/api/v3``."""

    base_url: str = Field(default="https://api.github.com", pattern=r"^https?://\S+$")
    rate_limit: RateLimit | None = Field(default_factory=_limits)
    """GitHub's limits: what its answers tell of each resource (``core``, ``search``, ``graphql``), and the secondary
    ones, of which they don't: a second between two writes, 500 issues, comments and reviews an hour, 900 reads a
    minute."""
    circuit_breaker: CircuitBreaker | None = Field(default_factory=CircuitBreaker)
    """When GitHub is left alone."""
    retry: ServiceRetry | None = Field(default_factory=ServiceRetry)
    """How often requests of sources and look-ups are tried again."""


class DeliveriesConfig(WebhookConfig):
    """A webhook as it is set up in GitHub: the same URL path and the same secret."""

    secret: SecretStr = Field(min_length=1)
    """The webhook's secret."""
    previous_secret: SecretStr | None = None
    """The former secret, taken too while the new one is rolled out."""

    @field_validator("previous_secret")
    @classmethod
    def _none_if_empty(cls, secret: SecretStr | None) -> SecretStr | None:
        """An empty secret would let anybody sign."""
        return secret if secret and secret.get_secret_value() else None


_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


class RepositoryConfig(SourceConfig):
    """What all polled lists of a repository need to know."""

    service: str = "github"
    """The entry under ``services:`` that says where the API is, and gives the token."""
    repository: RepositoryName
    """``owner/name``"""


class DatedConfig(RepositoryConfig):
    """What the lists whose records bear a time need to know."""

    since: str | None = Field(default=None, pattern=_TIME)
    """Where to begin, e.g. ``2026-11-20T00:00:00Z``; with all of the past if not given."""


class ChangesConfig(DatedConfig):
    """What the lists that are ordered by the time of their last change need to know."""

    settle: Duration = Field(default=timedelta(seconds=5), ge=timedelta(seconds=1))
    """How long a change rests, by GitHub's clock, before it is read: GitHub tells times in whole seconds and shows
    changes a little later than it dates them. ``cursor: { hold_back: … }`` says the same."""


class IssuesConfig(ChangesConfig):
    """The issues of a repository."""

    pull_requests: bool = False
    """Whether to give pull requests too: to GitHub each of them is also an issue."""


class PullsConfig(ChangesConfig):
    """The pull requests of a repository."""


class CommentsConfig(ChangesConfig):
    """The comments on a repository's issues and pull requests."""


class ReviewCommentsConfig(ChangesConfig):
    """The comments on lines of a repository's pull requests."""


class RunsConfig(DatedConfig):
    """The runs of a repository's workflows."""

    branch: str | None = Field(default=None, min_length=1)
    """Only those of a branch."""
    event: str | None = Field(default=None, min_length=1)
    """Only those that such an event started, e.g. ``push``."""
    actor: str | None = Field(default=None, min_length=1)
    """Only those that an account started, by its login."""


class DeploymentsConfig(DatedConfig):
    """The deployments of a repository."""


class ForksConfig(DatedConfig):
    """The forks of a repository."""


class StargazersConfig(DatedConfig):
    """The stars of a repository."""


class ActivityConfig(RepositoryConfig):
    """The events of a repository's activity feed."""


class NotificationsConfig(SourceConfig):
    """The notifications of the account that the token is of: a classic personal access token."""

    service: str = "github"
    """The entry under ``services:`` that says where the API is, and gives the token."""
    since: str | None = Field(default=None, pattern=_TIME)
    """Where to begin, e.g. ``2026-11-20T00:00:00Z``; with all of the past if not given."""
    repository: RepositoryName | None = None
    """Only those of a repository, ``owner/name``."""
    participating: bool = False
    """Only those of threads that the account takes part in, or is mentioned in."""


class CommitsConfig(RepositoryConfig):
    """The commits of a branch."""

    branch: str = Field(default="HEAD", min_length=1, max_length=255)
    """A branch's name; the default branch if not given."""
    since: str | None = Field(default=None, pattern=_TIME)
    """Leaves out of the first reading what was committed before; all of the past is read if not given."""


class ReleasesConfig(RepositoryConfig):
    """The releases of a repository."""

    newest: int = Field(default=1000, ge=1, le=10_000)
    """How many releases to watch, from the newest on; GitHub lists at most 10,000."""
