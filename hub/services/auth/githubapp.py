"""Tokens of a GitHub App's installation: asked for with a JWT that the app's private key signs.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from pydantic import SecretStr

from hub.sdk.auth import GitHubApp
from hub.sdk.errors import ConfigError
from hub.secrecy import cleaned
from hub.services.auth.errors import NotSignedIn, ProviderAway, Refusal
from hub.services.auth.exchange import Answer, Exchange
from hub.services.auth.tokens import Token, fingerprint

_SKEW = 60  # seconds that our clock may go fast, as GitHub advises
_LIFE = 540  # seconds of a JWT; GitHub takes 600, counted by its own clock
_LATER = 10.0
_SHOWN = 200


class Installation:
    """One installation of an app.

    Args:
        exchange: asks GitHub.
        config: the app.
        api_url: of GitHub's API.
        now: seconds since 1970.
    """

    def __init__(
        self, exchange: Exchange, config: GitHubApp, api_url: str, now: Callable[[], float] = time.time
    ) -> None:
        self._exchange = exchange
        self._config = config
        self._api = (config.api_url or api_url).rstrip("/")
        self._now = now
        self._id = config.installation_id

    @property
    def fingerprint(self) -> str:
        """Tells tokens that were got with other settings."""
        config = self._config
        return fingerprint(
            self._api,
            str(config.app_id),
            config.installation_id,
            sorted(config.repositories),
            sorted(config.permissions.items()),
        )

    async def obtain(self, earlier: Token | None) -> Token:  # noqa: ARG002  each stands for itself
        """A new token.

        Raises:
            Refusal: GitHub said no.
            NotSignedIn: it gave no answer that means anything.
            ConfigError: the private key is none, or it isn't clear which installation is meant.
        """
        jwt = self._jwt()
        headers = {
            "authorization": f"Bearer {jwt}",
            "accept": "application/vnd.github+json",
            "content-type": "application/json",
            "x-github-api-version": "2022-11-28",
        }
        if self._id is None:
            self._id = await self._only(headers, jwt)
        installation = self._id
        wanted: dict[str, Any] = {}
        if self._config.repositories:
            wanted["repositories"] = self._config.repositories
        if self._config.permissions:
            wanted["permissions"] = self._config.permissions
        url = f"{self._api}/app/installations/{installation}/access_tokens"
        answer = await self._exchange.post(url, orjson.dumps(wanted), headers, [jwt])
        if answer.status == 404:  # noqa: PLR2004  a status
            self._id = self._config.installation_id  # where the app was installed anew, it has another one
        document = self._understood(answer, f"installation {installation}", jwt)
        try:
            expires_at = datetime.fromisoformat(document["expires_at"]).timestamp()
            access = document["token"]
        except (KeyError, TypeError, ValueError):
            raise NotSignedIn(
                f"service {self._exchange.service}: GitHub answered no token that we can use", retry_after=_LATER
            ) from None
        return Token(
            SecretStr(access), obtained_at=self._now(), expires_at=expires_at, account=f"app {self._config.app_id}"
        )

    async def _only(self, headers: dict[str, str], jwt: str) -> int:
        # An app with several is told to name one: tokens of another one would reach other people's repositories.
        answer = await self._exchange.get(f"{self._api}/app", headers, [jwt])
        count = self._understood(answer, "the app", jwt).get("installations_count")
        if count != 1:
            raise ConfigError(
                f"service {self._exchange.service}: the app has {count} installations; name one as `installation_id`"
            )
        found = await self._exchange.get(f"{self._api}/app/installations?per_page=1", headers, [jwt])
        ids = [each["id"] for each in found.items if isinstance(each, dict) and isinstance(each.get("id"), int)]
        if not ids:
            raise ConfigError(
                f"service {self._exchange.service}: the app's installation isn't told; name it as `installation_id`"
            )
        return int(ids[0])

    def _understood(self, answer: Answer, what: str, jwt: str) -> Any:
        if answer.status in (200, 201):
            return answer.document
        # Cleaned first, as half a JWT would tell something, too.
        said = " ".join(cleaned(str(answer.document.get("message") or ""), [jwt]).split())[:_SHOWN]
        message = (
            f"service {self._exchange.service}: GitHub answered {answer.status} for {what}: {said or 'nothing more'}"
        )
        if answer.status >= 500 or answer.status == 429 or answer.retry_after is not None:  # noqa: PLR2004  statuses
            raise ProviderAway(message, status=answer.status, retry_after=answer.retry_after or _LATER)
        raise Refusal("invalid_app", message, status=answer.status)

    def _jwt(self) -> str:
        import jwt  # noqa: PLC0415  takes a while, and few need it

        now = int(self._now())
        claims = {"iat": now - _SKEW, "exp": now + _LIFE, "iss": str(self._config.app_id)}
        try:
            return jwt.encode(claims, self._config.private_key.get_secret_value().strip() + "\n", algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise ConfigError(
                f"service {self._exchange.service}: expected the app's RSA key, unencrypted PEM, as `private_key`"
            ) from None
