"""Signers add credentials to a request; the policy around one answers a 401 with one renewal and one repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hub.sdk.service import Response
from hub.secrecy import cleaned
from hub.services.pipeline import Proceed
from hub.services.request import Request

_UNAUTHORIZED = 401


class Signer(Protocol):
    """Adds credentials to requests."""

    async def sign(self, request: Request) -> object:
        """Adds them, in place of those that it added before.

        Returns:
            what `renew` is to be told of the credential; ``None`` where it can't be renewed.

        Raises:
            NotSignedIn: there is no credential that works now.
        """
        ...

    async def renew(self, used: object) -> bool:
        """Gets another credential, after the far side has refused one.

        Args:
            used: as `sign` gave it.

        Returns:
            whether there is another one, so that a repeat makes sense.
        """
        ...

    def secrets(self) -> Iterable[str]:
        """What must appear nowhere."""
        ...

    async def close(self) -> None:
        """Waits for a renewal that is under way."""
        ...


class Signing:
    """The policy ``auth``: every attempt is signed afresh. Costs a call where the credential is at hand.

    A 401 is answered by one renewal and one repeat, never by a second one. That is safe for every method: a request
    that was refused for its credentials has done nothing.

    Args:
        signer: adds the credentials.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """Signs a request and gives it on.

        Raises:
            NotSignedIn: as `Signer.sign`.
        """
        url, headers = request.url, request.headers
        try:
            request.headers = headers.copy()
            used = await self._signer.sign(request)
            response = await proceed(request)
            if response.status == _UNAUTHORIZED and used is not None and await self._signer.renew(used):
                request.url, request.headers = url, headers.copy()
                await self._signer.sign(request)
                response = await proceed(request)
            if request.url is not url:
                response.url = str(url)  # a key in the query: connectors and logs see the URL without it
            return response
        finally:
            # What is signed is this attempt's alone.
            request.url, request.headers = url, headers

    def clean(self, text: str) -> str:
        """A text without our secrets, as they are and as they stand in URLs, should the far side have echoed them."""
        return cleaned(text, self._signer.secrets())

    async def close(self) -> None:
        """Waits for a renewal that is under way, so that a new refresh token isn't lost."""
        await self._signer.close()
