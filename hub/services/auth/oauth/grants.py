"""How tokens are got without a person: with the client's own credentials, or by renewing what a login gave."""

from __future__ import annotations

from hub.services.auth.errors import Refusal
from hub.services.auth.keeper import Obtain
from hub.services.auth.oauth.client import Client
from hub.services.auth.tokens import Token


def obtain(client: Client) -> Obtain:
    """Gets tokens by the grant that the client is configured with."""
    config = client.config
    if config.grant == "client_credentials":

        async def own(earlier: Token | None) -> Token:  # noqa: ARG001  each stands for itself
            token, _ = await client.token("client_credentials", {**wanted(client), **config.endpoint_params})
            return token

        return own

    async def refreshed(earlier: Token | None) -> Token:
        refresh = earlier.refresh if earlier is not None else config.refresh_token
        if refresh is None:
            said = "nobody has signed in" if earlier is None else "its login has ended, and can't be renewed"
            raise Refusal("invalid_grant", f"service {client.service}: {said}")
        # RFC 6749 § 6: without a scope it stays what it was.
        token, _ = await client.token(
            "refresh_token", {"refresh_token": refresh.get_secret_value(), **config.endpoint_params}
        )
        return token.following(Token(access=token.access, refresh=refresh))

    return refreshed


def wanted(client: Client) -> dict[str, str]:
    """The parameters that say what a token is wanted for."""
    parameters = {}
    if client.config.scopes:
        parameters["scope"] = " ".join(client.config.scopes)
    if client.config.audience:
        parameters["audience"] = client.config.audience
    return parameters
