"""What a schema file says of a query."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from connectors.github.graphql.document import Document, read
from hub.sdk import SourceConfig

PAGE_VARIABLE, FROM_VARIABLE, TO_VARIABLE = "cursor", "since", "until"
"""Variables that the source gives, where the query takes them."""

Path = Annotated[str, Field(pattern=r"^[_A-Za-z][_0-9A-Za-z]*(\.[_A-Za-z][_0-9A-Za-z]*)*$")]


class QueryConfig(SourceConfig):
    """A query whose answer holds a connection: a list in pages, with ``nodes`` and ``pageInfo``."""

    service: str = "github"
    """The entry under ``services:`` that says where the API is, and gives the token."""
    type: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Event type, as you name it."""
    query: str
    """The query. It takes a variable ``$cursor: String`` and hands it to the connection as ``after``; ``$since`` and
    ``$until``, if it takes them, are the range that is read."""
    variables: dict[str, Any] = {}
    """Its other variables."""
    records: Path
    """Dotted path to the connection within the answer's ``data``, e.g. ``repository.discussions``; it must ask for
    ``nodes``, and for ``pageInfo { endCursor hasNextPage }``."""
    key: Path = "id"
    """Dotted path to a record's identity within a node."""
    cursor_field: Path | None = None
    """Dotted path to the time of a record's last change within a node, e.g. ``updatedAt``. If not given, the connection
    must be one that only grows at its end, and is read on from there."""
    order: Literal["ascending", "descending", "none"] = "none"
    """How the query orders the connection by `cursor_field`: with ``descending`` it is read back to what was read
    before and no further; with ``none`` it is read whole, unless the query takes ``$since``."""
    since: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    """Where to begin, e.g. ``2026-11-20T00:00:00Z``; with all of the past if not given."""
    partition_key: Path | None = None
    """Dotted path to what keeps events in order; `key` if not given."""
    partial: Literal["mark", "fail"] = "mark"
    """What to do with a node of which GitHub gives a part only, as where the token may not see all of it: ``mark`` the
    event with ``hubdegraded: partial``, or ``fail``."""

    @cached_property
    def document(self) -> Document:
        """The query as it is sent."""
        return read(self.query)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        takes = self.document.variables
        if PAGE_VARIABLE not in takes:
            raise ValueError("expected a query that takes `$cursor: String`, and hands it to the connection as `after`")
        own = {PAGE_VARIABLE, FROM_VARIABLE, TO_VARIABLE}
        if taken := sorted(own & self.variables.keys()):
            raise ValueError(f"`variables` must not hold {', '.join(taken)}: the source gives it")
        if unknown := sorted(self.variables.keys() - takes):
            raise ValueError(f"the query takes no variable {', '.join(unknown)}")
        if self.cursor_field is None and (self.order != "none" or self.since is not None):
            raise ValueError("`order` and `since` need `cursor_field`")
        return self
