"""Signing in and out by hand, and looking how things stand: what ``hub auth`` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from hub.sdk.auth import Auth
from hub.sdk.errors import ConfigError, EnvironmentProblem
from hub.services.auth.authenticator import needs_login, secret_of
from hub.services.auth.errors import NotSignedIn, Refusal
from hub.services.auth.exchange import TLSContext
from hub.services.auth.oauth.browser import LOGIN_LIMIT, browser_login
from hub.services.auth.oauth.client import Client
from hub.services.auth.oauth.device import Prompt, device_login
from hub.services.auth.stores import CredentialSettings, login_store, token_store
from hub.services.auth.tokens import Token


@dataclass(frozen=True)
class Standing:
    """How a service's credential stands.

    Attributes:
        way: how it signs in; ``oauth2 authorization_code`` and so on for OAuth 2; ``none``.
        state: ``configured``, ``signed in``, ``not signed in``, ``expired``, ``automatic`` (got when needed),
            ``none``, ``unknown`` (the store can't be used).
        store: where it is kept, if it is.
        account: whose it is, if known.
        expires_at: of the access token, seconds since 1970.
        problem: why the state is unknown.
    """

    way: str
    state: str
    store: str | None = None
    account: str = ""
    expires_at: float | None = None
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "way": self.way,
            "state": self.state,
            "store": self.store,
            "account": self.account or None,
            "expires_at": self.expires_at,
            "problem": self.problem,
        }


class Logins:
    """Credentials of the services of a deployment.

    Args:
        settings: of the stores.
    """

    def __init__(self, settings: CredentialSettings) -> None:
        self._settings = settings

    async def standing(self, service: str, auth: Auth, credential: str) -> Standing:
        """How a service's credential stands, by what is kept; nobody is asked."""
        way = auth.way
        if way is None:
            return Standing("none", "none")
        shown = f"oauth2 {auth.oauth2.grant}" if auth.oauth2 is not None else way
        if auth.oauth2 is None and way != "github_app" and secret_of(auth) is not None:
            return Standing(shown, "configured")
        own = way == "github_app" or (auth.oauth2 is not None and auth.oauth2.grant == "client_credentials")
        try:
            store, content = await asyncio.to_thread(self._read, credential, own)
            token = None if content is None else Token.load(content)
        except (EnvironmentProblem, ValueError) as problem:
            return Standing(shown, "unknown", problem=str(problem))
        known = auth.oauth2 is None or token is None or token.settings == Client(service, auth.oauth2).fingerprint
        if token is None or not known:
            return Standing(shown, "not signed in" if needs_login(auth) else "automatic")
        ended = not token.valid(time.time()) and token.refresh is None and not own
        state = "automatic" if own else "expired" if ended else "signed in"
        return Standing(shown, state, store, token.account, token.expires_at)

    async def keep(self, service: str, auth: Auth, credential: str, secret: SecretStr) -> str:
        """Keeps a secret that a person typed in.

        Returns:
            where.

        Raises:
            ConfigError: the service takes none, or this one can't be sent.
            EnvironmentProblem: the store can't be used.
        """
        if auth.way in (None, "oauth2", "github_app") or secret_of(auth) is not None:
            raise ConfigError(f"service {service} needs no secret from the store")
        if not secret.get_secret_value().strip():
            raise ConfigError("the secret is empty")
        _try_out(service, auth, secret)
        return await self._write(credential, Token(secret, obtained_at=time.time(), settings=auth.way or ""))

    async def through_browser(
        self,
        service: str,
        auth: Auth,
        credential: str,
        show: Callable[[str], None],
        *,
        limit: float = LOGIN_LIMIT,
        tls: TLSContext | None = None,
    ) -> tuple[Token, str]:
        """Signs in through the browser; the token, and where it is kept. See `browser_login`."""
        token = await browser_login(_client(service, auth, tls), show, limit)
        return token, await self._write(credential, token)

    async def by_code(
        self,
        service: str,
        auth: Auth,
        credential: str,
        show: Callable[[Prompt], None],
        *,
        tls: TLSContext | None = None,
    ) -> tuple[Token, str]:
        """Signs in by a code; the token, and where it is kept. See `device_login`."""
        token = await device_login(_client(service, auth, tls), show)
        return token, await self._write(credential, token)

    async def forget(
        self, service: str, auth: Auth, credential: str, tls: TLSContext | None = None
    ) -> tuple[bool, str | None]:
        """Signs out: gives the tokens back to the provider where it takes them, and forgets them.

        Returns:
            whether there was something, and what the provider said against it, if it did: the tokens may be good until
            they end.

        Raises:
            EnvironmentProblem: the store can't be used.
        """
        store = await asyncio.to_thread(self._store, _is_own(auth))
        async with store.lock(credential):
            problem = None
            try:
                content = await asyncio.to_thread(store.read, credential)
                token = None if content is None else Token.load(content)
            except (EnvironmentProblem, ValueError) as error:
                token, problem = None, str(error)
            # Forgotten first: whatever the provider says, nobody uses it any more.
            found = await asyncio.to_thread(store.delete, credential)
            if token is not None and auth.oauth2 is not None:
                problem = await _revoke(_client(service, auth, tls), token)
        return found, problem

    def _store(self, own: bool) -> Any:  # noqa: FBT001  private
        return (token_store if own else login_store)(self._settings)

    def _read(self, credential: str, own: bool) -> tuple[str, bytes | None]:  # noqa: FBT001  private
        store = self._store(own)
        return store.kind, store.read(credential)

    async def _write(self, credential: str, token: Token) -> str:
        store = await asyncio.to_thread(login_store, self._settings)
        async with store.lock(credential):
            await asyncio.to_thread(store.write, credential, token.dump())
        return f"{store.kind} ({store.place})"


def _is_own(auth: Auth) -> bool:
    return auth.way == "github_app" or (auth.oauth2 is not None and auth.oauth2.grant == "client_credentials")


def _client(service: str, auth: Auth, tls: TLSContext | None) -> Client:
    if auth.oauth2 is None:
        raise ConfigError(f"service {service} doesn't sign in by OAuth 2")
    return Client(service, auth.oauth2, tls)


def _try_out(service: str, auth: Auth, secret: SecretStr) -> None:
    if auth.hmac is not None:
        from hub.services.auth.signature import Signature  # noqa: PLC0415  few need it

        Signature(service, auth.hmac, secret)
        return
    from hub.services.auth.fixed import fixed  # noqa: PLC0415  few need it

    fixed(service, auth, secret)


async def _revoke(client: Client, token: Token) -> str | None:
    """RFC 7009: a refresh token takes its access tokens with it, at most providers."""
    try:
        server = await client.server()
        if server.revocation is None:
            return "the provider takes no tokens back; end the access in its settings, if it matters"
        for hint, secret in (("refresh_token", token.refresh), ("access_token", token.access)):
            if secret is not None:
                await client.ask(
                    server.revocation, "revocation_url", {"token": secret.get_secret_value(), "token_type_hint": hint}
                )
    except (Refusal, NotSignedIn, ConfigError) as error:
        return str(error)
    return None
