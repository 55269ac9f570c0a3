"""Our side of OAuth 2: a client with its secret, and what it asks a server for."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from hub.sdk.auth import OAuth2
from hub.sdk.errors import ConfigError
from hub.secrecy import cleaned
from hub.services.auth.errors import NotSignedIn, ProviderAway, Refusal
from hub.services.auth.exchange import Answer, Exchange, TLSContext
from hub.services.auth.oauth.metadata import Metadata, metadata
from hub.services.auth.tokens import Token, fingerprint

_SHOWN = 200  # characters of a server's own words
_CODE = re.compile(r"[\x20-\x7e]{1,60}\Z")
_SECRET = frozenset({"client_secret", "refresh_token", "code", "code_verifier", "device_code", "token", "assertion"})
_BUSY = frozenset({408, 429})
_LATER = 10.0  # seconds


class Client:
    """A client of an OAuth 2 server, for one service.

    Args:
        service: its name.
        config: who we are, and where the server is.
        tls: as `Exchange`.
    """

    def __init__(self, service: str, config: OAuth2, tls: TLSContext | None = None) -> None:
        self.service = service
        self.config = config
        self.exchange = Exchange(service, allow_http=config.allow_http, tls=tls)
        self._metadata: Metadata | None = None

    @property
    def fingerprint(self) -> str:
        """Tells tokens that were got with other settings."""
        config = self.config
        where = (config.provider, config.issuer, config.token_url)
        begin = config.refresh_token.get_secret_value() if config.refresh_token else None
        return fingerprint(
            config.grant, where, config.client_id, sorted(config.scopes), config.audience, config.endpoint_params, begin
        )

    async def server(self) -> Metadata:
        """The server; asked to describe itself once.

        Raises:
            NotSignedIn: it can't be asked.
            ConfigError: it is another one than configured.
        """
        if self._metadata is None:
            self._metadata = await metadata(self.config, self.exchange)
        return self._metadata

    async def token(self, grant: str, parameters: Mapping[str, str]) -> tuple[Token, Mapping[str, Any]]:
        """A token from the token endpoint, and the whole of the answer.

        Args:
            grant: ``grant_type``.
            parameters: of this grant.

        Raises:
            Refusal: the server said no.
            NotSignedIn: it gave no answer that means anything.
            ConfigError: there is no token endpoint.
        """
        server = await self.server()
        document = await self.ask(server.token, "token_url", {"grant_type": grant, **parameters})
        try:
            token = Token.answered(document)
        except ValueError as error:
            raise NotSignedIn(
                f"{self.service}: the token endpoint answered no token that we can use: {error}", retry_after=_LATER
            ) from None
        return token, document

    async def ask(self, url: str | None, setting: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        """A request to one of the server's endpoints, with our client id and secret.

        Args:
            url: the endpoint; ``None`` where the server has none.
            setting: where users configure it.
            parameters: of the form.

        Raises:
            Refusal, NotSignedIn, ConfigError: as `token`.
        """
        if url is None:
            raise ConfigError(f"service {self.service}: the provider tells no such endpoint; give `{setting}`")
        server = await self.server()
        form, headers, secrets = self._signed(server, dict(parameters))
        answer = await self.exchange.post(
            url,
            urlencode(form).encode(),
            {"content-type": "application/x-www-form-urlencoded", **headers},
            secrets,
        )
        return self._understood(answer, url, secrets)

    def _signed(self, server: Metadata, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
        """The form and headers that show who we are; and what of them is secret."""
        config, headers = self.config, {}
        secret = config.client_secret.get_secret_value().strip() if config.client_secret else ""
        how = config.client_auth or ("basic" if "client_secret_basic" in server.methods else "post")
        if secret and how == "basic":
            # RFC 6749 § 2.3.1: both are form-encoded first.
            pair = f"{quote_plus(config.client_id)}:{quote_plus(secret)}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = config.client_id
            if secret:
                form["client_secret"] = secret
        secrets = [secret, *headers.values(), *(value for name, value in form.items() if name in _SECRET)]
        return form, headers, [each for each in secrets if each]

    def _understood(self, answer: Answer, url: str, secrets: list[str]) -> Mapping[str, Any]:
        code = answer.document.get("error")
        # GitHub refuses with status 200.
        if answer.status == 200 and code is None:  # noqa: PLR2004  a status
            return answer.document
        path = self.exchange.checked(url).path
        if answer.status >= 500 or answer.status in _BUSY or (code is None and answer.status < 400):  # noqa: PLR2004
            raise ProviderAway(
                f"{self.service}: {path} answered {answer.status}", retry_after=answer.retry_after or _LATER
            )
        code = cleaned(code, secrets) if isinstance(code, str) and _CODE.match(code) else "unknown"
        # Cleaned first, as half a secret would tell something, too.
        said = " ".join(cleaned(str(answer.document.get("error_description") or ""), secrets).split())[:_SHOWN]
        message = f"{self.service}: {path} answered {answer.status} {code}" + (f": {said}" if said else "")
        raise Refusal(code, message, status=answer.status, retry_after=answer.retry_after)
