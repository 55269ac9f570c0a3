"""Signers whose credential isn't in the configuration: tokens that are renewed, secrets that a person typed in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from pydantic import SecretStr

from hub import secrecy
from hub.sdk.errors import EnvironmentProblem
from hub.services.auth.errors import NotSignedIn
from hub.services.auth.keeper import Keeper
from hub.services.auth.signer import Signer
from hub.services.auth.stores import Store
from hub.services.auth.tokens import Token
from hub.services.request import Request

LOOK_AGAIN = 10.0
"""Seconds after which a secret that wasn't there is looked for again."""


class Renewed:
    """``Authorization: Bearer`` with a token that is renewed in time.

    Args:
        keeper: of the token.
        secrets: what must appear nowhere besides the tokens.
    """

    def __init__(self, keeper: Keeper, secrets: Iterable[SecretStr | None]) -> None:
        self.keeper = keeper
        self._secrets = [each.get_secret_value() for each in secrets if each is not None]

    async def sign(self, request: Request) -> Token:
        """Adds the header."""
        token = await self.keeper.token()
        request.headers["authorization"] = f"Bearer {token.access.get_secret_value()}"
        return token

    async def renew(self, used: object) -> bool:
        """Gets another token; see `Keeper.renew`."""
        assert isinstance(used, Token), "as sign gave it"
        return await self.keeper.renew(used)

    def secrets(self) -> Iterable[str]:
        """The tokens, and what they are got with."""
        return [*self._secrets, *self.keeper.secrets()]

    async def close(self) -> None:
        """Waits for a renewal that is under way."""
        await self.keeper.close()


class Stored:
    """A secret of the credentials store, read when the first request is signed, and again when it is refused.

    Args:
        service: its name.
        make: the signer for a secret.
        store: where it is kept; called when it is first wanted, and in a thread.
        credential: its name in the store.
    """

    def __init__(
        self, service: str, make: Callable[[SecretStr], Signer], store: Callable[[], Store], credential: str
    ) -> None:
        self._service = service
        self._make = make
        self._open = store
        self._credential = credential
        self._secret: SecretStr | None = None
        self._signer: Signer | None = None

    async def sign(self, request: Request) -> SecretStr | None:
        """Signs as the signer for the secret does.

        Raises:
            NotSignedIn: nobody has signed in yet.
            ConfigError: the secret can't be sent.
        """
        signer = self._signer or await self._load()
        await signer.sign(request)
        return self._secret

    async def renew(self, used: object) -> bool:
        """Looks whether somebody has signed in anew."""
        if self._secret is None or self._secret == used:
            await self._load()
        return self._secret != used

    def secrets(self) -> Iterable[str]:
        """The secret, and what is made of it."""
        return () if self._signer is None else self._signer.secrets()

    async def close(self) -> None:
        """Holds nothing."""

    async def _load(self) -> Signer:
        try:
            content = await asyncio.to_thread(lambda: self._open().read(self._credential))
            token = None if content is None else Token.load(content)
        except (EnvironmentProblem, ValueError) as problem:
            raise NotSignedIn(f"service {self._service}: {problem}", retry_after=LOOK_AGAIN) from None
        if token is None:
            raise NotSignedIn(
                f"service {self._service}: nobody has signed in; type `hub auth login {self._service}`",
                retry_after=LOOK_AGAIN,
            )
        if self._secret != token.access:
            secrecy.note(token.access)
            self._signer = self._make(token.access)
            self._secret = token.access
        assert self._signer is not None
        return self._signer
