"""Policies around a transport: each sees a request on its way down and the answer on its way up.

The order is cache → retry → circuit breaker → rate limit → auth → timeout → transport, so that every attempt is
limited, counted and freshly signed. What isn't declared isn't there, and costs nothing.

What travels up is a `Response` of *any* status: policies read its status and headers, and `hub.services.http` alone
makes a signal of what is no success. An exchange that gave no answer travels up as the signal that it means
(`hub.services.failures`); a policy that refuses a request raises a signal itself, one of those in
`hub.services.refusals`, so that nobody takes our own refusal for the far side's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Protocol

from hub.sdk.service import Response
from hub.services.request import Request

Proceed = Callable[[Request], Awaitable[Response]]
"""The rest of the pipeline."""


class Policy(Protocol):
    """One step of a pipeline."""

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """Answers a request, mostly by having the rest of the pipeline do it."""
        ...


class Authenticator(Policy, Protocol):
    """The step that signs requests."""

    def clean(self, text: str) -> str:
        """A text without the secrets that we sign with, should the far side have echoed them."""
        ...

    async def close(self) -> None:
        """Releases what it holds."""
        ...


def pipeline(policies: Iterable[Policy | None], transport: Proceed) -> Proceed:
    """The transport with policies around it.

    Args:
        policies: from the outermost to the innermost; ``None`` for those that aren't declared.
        transport: sends a request and gives the answer, whatever its status.
    """
    proceed = transport
    for policy in reversed([each for each in policies if each is not None]):
        proceed = partial(policy.__call__, proceed=proceed)
    return proceed
