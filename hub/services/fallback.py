"""What takes the place of an answer that neither the API nor the cache gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson

from hub.sdk.errors import NotConnected, Signal, Transient
from hub.sdk.policies import Fallback, compile_endpoint
from hub.sdk.service import Response
from hub.services.request import Request

MOST_HOPS = 3
"""Services that may be asked one after the other in place of the first."""


class Asked(Protocol):
    """A service that can be asked in place of another one."""

    async def stand_in(self, request: Request, below: str) -> Response:
        """Answers another service's request.

        Args:
            request: as it was made for the other service.
            below: path and query below the other one's base URL.
        """
        ...


class FallbackChain:
    """Tries what is declared, in order, where a look-up got no answer; says so on the answer, and counts it.

    Only a GET or HEAD is answered so, and only if who asks says that it will do: what a sink writes must reach its far
    side, and a list that moves a cursor must be the far side's own. A refusal of the request itself (404, say) is an
    answer.

    Args:
        declared: what to try.
        services: gives a service by its name.
    """

    def __init__(self, declared: list[Fallback], services: Callable[[str], Asked]) -> None:
        self._chain = [(*compile_endpoint(each.match), each) for each in declared]
        self._services = services
        self.used: Counter[str] = Counter()
        """Answers given, by ``value`` or the other service's name."""

    async def __call__(self, request: Request, ask: Callable[[Request], Awaitable[Response]]) -> Response:
        """The answer, or what takes its place.

        Args:
            request: what is asked.
            ask: asks the service itself.
        """
        try:
            return await ask(request)
        except (Transient, NotConnected) as failure:
            if not request.degraded or request.method not in ("GET", "HEAD") or request.streamed:
                raise
            for method, path, each in self._chain:
                if (method is None or method == request.method) and path.match(request.path):
                    found = await self._try(each, request)
                    if found is not None:
                        return found
            raise failure from None

    async def _try(self, fallback: Fallback, request: Request) -> Response | None:
        if fallback.service is None:
            self.used["value"] += 1
            return _fixed(fallback.value, request)
        if request.hops >= MOST_HOPS:
            return None
        try:
            query = request.url.raw_query_string
            below = request.path + (f"?{query}" if query else "")
            answer = await self._services(fallback.service).stand_in(request, below)
        except Signal:
            return None
        self.used[fallback.service] += 1
        # A copy, as others may have asked for the same, to whom it is the API's own.
        return Response(answer.status, answer.headers, answer.body, answer.url, "fallback")


def _fixed(value: Any, request: Request) -> Response:
    body = b"" if request.method == "HEAD" else orjson.dumps(value)
    return Response(200, {"content-type": "application/json"}, body, request.url, "fallback")
