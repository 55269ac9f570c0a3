"""Whose token it is: the ID token that comes with it, checked as OpenID Connect Core 1.0 § 3.1.3.7 says."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from hub.services.auth.errors import LoginFailed
from hub.services.auth.oauth.client import Client

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY = 60  # seconds that clocks may differ
_CLAIMS = ("email", "preferred_username", "name", "sub")


async def account(client: Client, answer: Mapping[str, Any], nonce: str | None) -> str:
    """The account that signed in, for people; empty where the provider doesn't say.

    Args:
        client: of the provider.
        answer: of the token endpoint.
        nonce: that we sent; ``None`` if there was no place for one.

    Raises:
        LoginFailed: the ID token isn't one for us, or there should be one and isn't.
        NotSignedIn: the provider's keys can't be had.
    """
    server = await client.server()
    signed = answer.get("id_token")
    if not isinstance(signed, str):
        if nonce is not None and server.jwks is not None:
            raise LoginFailed(f"service {client.service}: the provider gave no ID token, though we asked for openid")
        return ""
    if server.jwks is None:
        return ""  # without its keys we can't check it, and don't believe it
    keys = await client.exchange.get(server.jwks)
    claims = _checked(signed, keys.document, client.config.client_id, server.issuer)
    said = claims.get("nonce")
    if nonce is not None and not (isinstance(said, str) and hmac.compare_digest(said.encode(), nonce.encode())):
        raise LoginFailed(f"service {client.service}: the ID token belongs to another login: its nonce isn't ours")
    return next((str(claims[name])[:200] for name in _CLAIMS if claims.get(name)), "")


def _checked(signed: str, keys: Mapping[str, Any], client_id: str, issuer: str) -> Mapping[str, Any]:
    import jwt  # noqa: PLC0415  takes a while, and logins alone need it

    try:
        header = jwt.get_unverified_header(signed)
        candidates = [
            key
            for key in jwt.PyJWKSet.from_dict(dict(keys)).keys
            if key.key_id == header.get("kid") or header.get("kid") is None
        ]
        if not candidates:
            raise LoginFailed("the ID token is signed with a key that the provider doesn't publish")
        claims: Mapping[str, Any] = jwt.decode(
            signed,
            candidates[0],
            algorithms=_ALGORITHMS,
            audience=client_id,
            issuer=issuer,
            leeway=_LEEWAY,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise LoginFailed(f"the ID token isn't one for us: {type(error).__name__}") from None
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise LoginFailed("the ID token isn't one for us: it was given to another client")
    return claims
