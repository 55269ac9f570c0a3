"""What a schema file says of the sinks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from connectors.github.api import RepositoryName, Sha, Workflow
from hub.sdk import Mapped, SinkConfig

Number = Annotated[int, Field(ge=1)]


class RepositorySinkConfig(SinkConfig):
    """What all of them need to know."""

    service: str = "github"
    """The entry under ``services:`` that says where the API is, and gives the token."""
    repository: Mapped[RepositoryName]
    """``owner/name``"""


class IssueConfig(RepositorySinkConfig):
    """An issue to open or to change."""

    number: Mapped[Number | None] | None = None
    """The issue to change; without a number, or with null, one is opened, unless it is there already."""
    key: Mapped[str | int | None] | None = None
    """What the issue is about, e.g. an alert's id: the issue of one key is opened once, and changed from then on. Each
    event opens an issue of its own if not given."""
    title: Mapped[str | None] | None = None
    """Its title; needed to open one."""
    body: Mapped[str | None] | None = None
    """Its text, in Markdown."""
    labels: Mapped[list[str] | None] | None = None
    """Its labels; all others are taken off."""
    assignees: Mapped[list[str] | None] | None = None
    """Logins of those who are to care; all others are let go."""
    milestone: Mapped[Number | None] | None = None
    """A milestone's number."""
    type: Mapped[str | None] | None = None
    """Name of an issue type of the organization."""
    state: Mapped[Literal["open", "closed"] | None] | None = None
    """``open`` or ``closed``."""
    state_reason: Mapped[Literal["completed", "not_planned", "duplicate", "reopened"] | None] | None = None
    """Why it is in that state."""
    create: Mapped[bool] = Mapped(source=True)
    """Whether an issue is opened where none is found; with ``false`` nothing happens then."""
    search: bool = True
    """Whether to ask GitHub's search, beside the list of the newest issues, whether the issue is there already."""
    author: str | None = Field(default=None, min_length=1)
    """Login that our issues have as their author, e.g. ``hub[bot]``: those of others don't count as ours."""

    @model_validator(mode="after")
    def _some_issue(self) -> Self:
        if self.number is None and self.title is None:
            raise ValueError("expected `title`, to open an issue with, or `number`, to change one")
        if self.number is not None and self.key is not None:
            raise ValueError("expected `number` or `key`, not both: each says which issue it is")
        return self


class CommentConfig(RepositorySinkConfig):
    """A comment on an issue or a pull request."""

    number: Mapped[Number]
    """Of the issue or pull request."""
    body: Mapped[str]
    """Its text, in Markdown."""
    key: Mapped[str | int | None] | None = None
    """What the comment is about: there is one of each key on an issue, and it is changed from then on. Each event makes
    a comment of its own if not given."""
    newest: int = Field(default=1000, ge=1, le=10_000)
    """Among how many of the newest comments to look whether it is there already."""
    author: str | None = Field(default=None, min_length=1)
    """Login that our comments have as their author: those of others don't count as ours."""


class ReviewConfig(RepositorySinkConfig):
    """A review of a pull request."""

    number: Mapped[Number]
    """Of the pull request."""
    event: Mapped[Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]] = Mapped("COMMENT")
    """What the review says."""
    body: Mapped[str | None] | None = None
    """Its text, in Markdown."""
    commit_id: Mapped[Sha | None] | None = None
    """SHA of the commit that was looked at; the newest one if not given."""
    comments: Mapped[list[dict[str, Any]] | None] | None = None
    """Comments on lines, as GitHub takes them: ``{ path, body, line, side, start_line, start_side }``."""
    key: Mapped[str | int | None] | None = None
    """What is reviewed, e.g. a commit: there is one review of each key on a pull request. Each event makes a review of
    its own if not given."""
    newest: int = Field(default=1000, ge=1, le=10_000)
    """Among how many of the newest reviews to look whether it is there already."""
    author: str | None = Field(default=None, min_length=1)
    """Login that our reviews have as their author: those of others don't count as ours."""


class StatusConfig(RepositorySinkConfig):
    """A status of a commit."""

    sha: Mapped[Sha]
    """The commit's SHA."""
    state: Mapped[Literal["error", "failure", "pending", "success"]]
    """How it stands."""
    context: Mapped[str] = Mapped("integration-hub")
    """What the status is of; of each context the last status counts."""
    description: Mapped[str | None] | None = None
    """A short text; what is longer than GitHub's 140 characters is cut."""
    target_url: Mapped[str | None] | None = None
    """Where to read more."""


class DispatchConfig(RepositorySinkConfig):
    """A ``repository_dispatch``, which workflows of the repository can start on."""

    event_type: Mapped[Annotated[str, Field(min_length=1, max_length=100)]]
    """Its name, as in the workflow's ``types:``."""
    client_payload: Mapped[dict[str, Any] | None] | None = None
    """What workflows get as ``github.event.client_payload``: ten properties at most, 64 kB."""
    key_as: str | None = Field(default=None, min_length=1)
    """Property of `client_payload` that gets the delivery's idempotency key, by which a workflow can tell a
    repetition."""


class WorkflowConfig(RepositorySinkConfig):
    """A workflow to run: ``workflow_dispatch``."""

    workflow: Mapped[Workflow]
    """Its file's name, e.g. ``deploy.yml``, or its id."""
    ref: Mapped[Annotated[str, Field(min_length=1)]] = Mapped("main")
    """Branch or tag to run it on."""
    inputs: Mapped[dict[str, str | int | float | bool | None] | None] | None = None
    """The workflow's inputs, 25 at most; those that are null are left out."""
    key_as: str | None = Field(default=None, min_length=1)
    """Input that gets the delivery's idempotency key, by which the workflow can tell a repetition."""
