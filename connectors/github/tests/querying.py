"""GitHub's GraphQL API by its own published schema: queries run on it as they would there, on records of the test's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from aiohttp import web
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from hub.testing.octokit import graphql_schema

Record = dict[str, Any]


@cache
def schema() -> GraphQLSchema:
    """GitHub's schema, read once."""
    return build_schema(graphql_schema(), assume_valid=True, no_location=True)


@cache
def judged(query: str) -> DocumentNode | list[GraphQLError]:
    """A query, or what is wrong with it; which takes longer than to answer it, and is asked of few queries often."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return [error]
    return validate(schema(), document) or document


class Refused(GraphQLError):
    """An error of a place in the answer, of one of GitHub's types."""

    def __init__(self, type_: str, message: str = "no") -> None:
        super().__init__(message)
        self.type = type_


def refuse(type_: str) -> Callable[..., Any]:
    """A field that isn't given."""

    def resolve(_info: Any, **_: Any) -> Any:
        raise Refused(type_)

    return resolve


class Querying:
    """Answers queries.

    Attributes:
        discussions: of the repository.
        stars: of the repository, in the order in which they were given.
        left: points of the limit.
        cost: of a query.
        interceptor: may give another answer.
        asked: variables of all queries.
        nodes: may leave out records of a page, or put others in their place.
    """

    def __init__(self) -> None:
        self.discussions: list[Record] = []
        self.stars: list[Record] = []
        self.left = 5000
        self.cost = 1
        self.asked: list[Record] = []
        self.interceptor: Callable[[Record], web.Response | None] | None = None
        self.nodes: Callable[[list[Record]], list[Any]] = list
        self.reset_at = "2026-11-21T13:00:00Z"

    def discussion(self, number: int, at: str, **more: Any) -> Record:
        """A new discussion."""
        record = {
            "id": f"D_{number}",
            "number": number,
            "title": f"Discussion {number}",
            "url": f"https://github.com/octo-org/octo-repo/discussions/{number}",
            "updatedAt": at,
            "author": {"__typename": "User", "login": "octocat"},
            **more,
        }
        self.discussions.append(record)
        return record

    async def answer(self, request: web.Request) -> web.Response:
        """Runs a query."""
        body = await request.json()
        self.asked.append(body["variables"])
        if self.interceptor is not None and (answer := self.interceptor(body)) is not None:
            return answer
        self.left -= self.cost
        root = {"repository": self._repository, "rateLimit": self._limit}
        document = judged(body["query"])
        if isinstance(document, list):
            return web.json_response(_formatted(ExecutionResult(data=None, errors=document)))
        return web.json_response(_formatted(execute_sync(schema(), document, root, variable_values=body["variables"])))

    def _limit(self, _info: Any, **_: Any) -> Record:
        return {"cost": self.cost, "remaining": self.left, "resetAt": self.reset_at}

    def _repository(self, _info: Any, owner: str, name: str, **_: Any) -> Record | None:
        if f"{owner}/{name}" != "octo-org/octo-repo":
            raise Refused("NOT_FOUND", "Could not resolve to a Repository")
        return {"discussions": self._discussions, "stargazers": self._stargazers}

    def _discussions(self, _info: Any, first: int, after: str | None = None, orderBy: Any = None, **_: Any) -> Record:  # noqa: N803  GitHub's
        down = orderBy["direction"] == "DESC"
        ordered = sorted(self.discussions, key=lambda each: (each["updatedAt"], each["number"]), reverse=down)
        return self._page(
            [(f"{each['updatedAt']}|{each['number']:09}", each) for each in ordered], first, after, down=down
        )

    def _stargazers(self, _info: Any, first: int, after: str | None = None, **_: Any) -> Record:
        return self._page([(f"{number:09}", each) for number, each in enumerate(self.stars)], first, after, down=False)

    def _page(self, marked: list[tuple[str, Record]], first: int, after: str | None, *, down: bool) -> Record:
        if after is not None:
            marked = [each for each in marked if (each[0] < after if down else each[0] > after)]
        page = marked[:first]
        end = page[-1][0] if page else None
        info = {"hasNextPage": len(marked) > first, "endCursor": end}
        return {"nodes": self.nodes([each for _, each in page]), "pageInfo": info}


def _formatted(result: ExecutionResult) -> Record:
    answer: Record = {"data": result.data} if result.data is not None else {}
    if result.errors:
        answer["errors"] = [_error(each) for each in result.errors]
    return answer


def _error(error: GraphQLError) -> Record:
    original = error.original_error or error
    if isinstance(original, Refused):
        return {"type": original.type, "path": error.path, "message": error.message}
    return {"message": error.message, "extensions": {"code": "undefinedField"}}
