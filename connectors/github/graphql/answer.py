"""What GitHub's GraphQL API answers: a page of a connection, what it cost, and errors beside or instead of it.

Most failures come with the status 200. An error says what it is by ``type`` (or ``extensions.code``), and where by
``path``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.github.answers import date_of
from hub.sdk import NotConnected, Permanent, Response, Signal, Transient
from hub.sdk.pagination import found

LIMITED = frozenset({"RATE_LIMITED", "RATE_LIMIT"})
# GitHub's own trouble. An error without any type is one, too: "Something went wrong while executing your query."
PASSING = frozenset({"INTERNAL", "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "LOADING", "TIMEOUT", ""})
_SECONDARY_PAUSE = 60.0  # seconds, by GitHub's page "Rate limits and query limits for the GraphQL API"
_SHOWN = 3  # errors in a message


@dataclass(frozen=True)
class Budget:
    """What a query cost.

    Attributes:
        cost: points.
        remaining: points left.
        reset: when there are as many as ever.
    """

    cost: int
    remaining: int
    reset: datetime

    def check(self, now: datetime) -> None:
        """Whether the same once more can be paid.

        Raises:
            NotConnected: not before the reset.
        """
        if self.remaining < self.cost and self.reset > now:
            wait = (self.reset - now).total_seconds() + 1
            raise NotConnected(
                f"the query costs {self.cost} points and {self.remaining} are left of GitHub's limit", retry_after=wait
            )


@dataclass(frozen=True)
class Connection:
    """A page of a connection.

    Attributes:
        nodes: the records; ``None`` for one that GitHub didn't give.
        partial: indices of those of which something is missing.
        end: cursor of the last record; ``None`` where there is none.
        more: whether there is another page.
        budget: what it cost; ``None`` from a GitHub Enterprise Server without limits.
        answered: when, by GitHub's clock.
        said: GitHub's words on what is missing.
    """

    nodes: Sequence[Any]
    partial: frozenset[int]
    end: str | None
    more: bool
    budget: Budget | None
    answered: datetime
    said: str

    @classmethod
    def of(cls, response: Response, path: str) -> Connection:
        """The page that an answer holds at a dotted path.

        Raises:
            NotConnected: a limit is used up.
            Transient: GitHub had trouble of its own, so that what is there may not be all.
            Permanent: it refused the query, or the connection.
        """
        document = _document(response)
        errors = [each for each in document.get("errors") or () if isinstance(each, dict)]
        data = document.get("data")
        where = path.split(".")
        partial = set()
        if errors:
            signal = _signal(errors, response)
            if signal is not None:
                raise signal
            places = [_index(each.get("path"), where) for each in errors]
            if not isinstance(data, dict) or None in places:
                raise Permanent(f"GitHub refuses the query: {_said(errors)}", status=response.status)
            partial = {each for each in places if each is not None}
        connection = found(data, path)
        if not isinstance(connection, dict) or not isinstance(connection.get("nodes"), list):
            raise Permanent(f"expected a connection with `nodes` at `{path}` of the answer; got {_kind(connection)}")
        info = connection.get("pageInfo")
        if not isinstance(info, dict) or not {"hasNextPage", "endCursor"} <= info.keys():
            raise Permanent(f"expected `pageInfo {{ endCursor hasNextPage }}` at `{path}`: the query must ask for it")
        return cls(
            nodes=connection["nodes"],
            partial=frozenset(partial),
            end=info["endCursor"],
            more=bool(info["hasNextPage"]),
            budget=_budget(data),
            answered=date_of(response.headers),
            said=_said(errors),
        )


def _document(response: Response) -> Mapping[str, Any]:
    try:
        document = response.json()
    except orjson.JSONDecodeError as error:
        raise Transient(f"expected JSON from {response.url}: {error}", status=response.status) from None
    if not isinstance(document, dict) or not {"data", "errors"} & document.keys():
        raise Permanent(f"expected a GraphQL answer with `data` or `errors` from {response.url}; got {_kind(document)}")
    return document


def _signal(errors: Sequence[Mapping[str, Any]], response: Response) -> Signal | None:
    """What the errors mean for the whole answer; ``None`` if each is of its place alone, and for good."""
    kinds = {_type(each) for each in errors}
    text = f"GitHub's GraphQL API: {_said(errors)}"
    if kinds & LIMITED or any("rate limit" in str(each.get("message")).lower() for each in errors):
        return NotConnected(text, status=response.status, retry_after=_pause(response.headers))
    return Transient(text, status=response.status) if kinds & PASSING else None


def _type(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return str(error.get("type") or code or "").upper()


def _pause(headers: Mapping[str, str]) -> float:
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if after.isdecimal():
        return float(after)
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(float(reset) + 1 - date_of(headers).timestamp(), 1.0)
    return _SECONDARY_PAUSE


def _index(path: Any, where: Sequence[str]) -> int | None:
    """Which node an error is within; ``None`` if it is elsewhere."""
    if not isinstance(path, list) or path[: len(where)] != list(where):
        return None
    rest = path[len(where) :]
    inside = len(rest) > 1 and rest[0] == "nodes" and isinstance(rest[1], int)
    return rest[1] if inside else None


def _budget(data: Any) -> Budget | None:
    told: Any = data.get("hubRateLimit") if isinstance(data, dict) else None
    try:
        return Budget(int(told["cost"]), int(told["remaining"]), _moment(told["resetAt"]))
    except (TypeError, KeyError, ValueError):
        return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _said(errors: Sequence[Mapping[str, Any]]) -> str:
    said = [f"{_type(each) or 'error'}: {str(each.get('message'))[:200]}" for each in errors[:_SHOWN]]
    return "; ".join(said) + (f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else "")


def _kind(value: Any) -> str:
    return {dict: "an object without them", list: "a list", type(None): "nothing"}.get(
        type(value), type(value).__name__
    )
