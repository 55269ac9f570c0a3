"""Login through the browser: authorization code with PKCE (RFC 6749 § 4.1, RFC 7636, RFC 8252)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace

from hub.sdk.errors import ConfigError
from hub.services.auth.oauth.client import Client
from hub.services.auth.oauth.grants import wanted
from hub.services.auth.oauth.identity import account
from hub.services.auth.oauth.loopback import Loopback
from hub.services.auth.tokens import Token

LOGIN_LIMIT = 300.0
"""Seconds that a person has to sign in."""


async def browser_login(client: Client, show: Callable[[str], None], limit: float = LOGIN_LIMIT) -> Token:
    """Lets a person sign in.

    Args:
        client: of the provider.
        show: is given the URL that the person is to open; it holds no secret that helps anybody else.
        limit: seconds to wait for them.

    Raises:
        LoginFailed, Refusal, NotSignedIn: it didn't work.
        ConfigError: the provider offers no such login.
    """
    server = await client.server()
    if server.authorization is None:
        raise ConfigError(f"service {client.service}: the provider tells no authorization_url; give it")
    verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
    config = client.config
    async with Loopback(config.redirect_port, state, server.issuer or None, named=server.names_itself) as loopback:
        parameters = {
            "response_type": "code",
            "client_id": config.client_id,
            "redirect_uri": loopback.uri,
            "state": state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            **wanted(client),
            **server.authorization_params,
            **config.authorization_params,
        }
        if "openid" in config.scopes:
            parameters["nonce"] = nonce
        show(str(client.exchange.checked(server.authorization).update_query(parameters)))
        code = await loopback.code(limit)
        token, answer = await client.token(
            "authorization_code",
            {"code": code, "redirect_uri": loopback.uri, "code_verifier": verifier, **config.endpoint_params},
        )
    whose = await account(client, answer, nonce if "openid" in config.scopes else None)
    return replace(token, account=whose, settings=client.fingerprint)


def challenge(verifier: str) -> str:
    """The challenge S256 of a verifier (RFC 7636 § 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
