"""Where an OAuth 2 server does what: as configured, as we know it, or as it describes itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from yarl import URL

from hub.sdk.auth import OAuth2
from hub.sdk.errors import ConfigError
from hub.services.auth.errors import NotSignedIn
from hub.services.auth.exchange import Exchange

_LATER = 30.0  # seconds


@dataclass(frozen=True)
class Metadata:
    """An OAuth 2 server (RFC 8414, OpenID Connect Discovery 1.0).

    Attributes:
        issuer: its name; empty if it has none, as GitHub.
        token: where tokens come from; the other URLs are ``None`` where it offers that not at all.
        methods: how a client may show its secret at the token endpoint.
        names_itself: whether its answers to a browser name it (RFC 9207).
        authorization_params: what it wants to hear besides.
    """

    issuer: str = ""
    token: str | None = None
    authorization: str | None = None
    device: str | None = None
    revocation: str | None = None
    jwks: str | None = None
    methods: tuple[str, ...] = ("client_secret_basic",)
    names_itself: bool = False
    authorization_params: Mapping[str, str] = field(default_factory=dict)


PROVIDERS = {
    # https://developers.google.com/identity/protocols/oauth2/native-app: without `access_type` there is no refresh
    # token, and without `prompt` there is one at the first consent only.
    "google": Metadata(
        issuer="https://accounts.google.com",
        authorization_params={"access_type": "offline", "prompt": "consent"},
    ),
    # https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps. It has no discovery.
    "github": Metadata(
        token="https://github.com/login/oauth/access_token",  # noqa: S106  a URL
        authorization="https://github.com/login/oauth/authorize",
        device="https://github.com/login/device/code",
        methods=("client_secret_post",),
    ),
}
"""Providers that the hub knows; those with an issuer describe themselves further."""


async def metadata(config: OAuth2, exchange: Exchange) -> Metadata:
    """A provider: what is configured counts before what it says of itself.

    Raises:
        NotSignedIn: its description can't be had.
        ConfigError: it describes another issuer.
    """
    known = PROVIDERS[config.provider] if config.provider else Metadata(issuer=config.issuer or "")
    if known.issuer:
        known = _described(known, await _description(known.issuer, exchange), exchange.service)
    return replace(
        known,
        token=config.token_url or known.token,
        authorization=config.authorization_url or known.authorization,
        device=config.device_authorization_url or known.device,
        revocation=config.revocation_url or known.revocation,
    )


async def _description(issuer: str, exchange: Exchange) -> Mapping[str, Any]:
    url = URL(issuer)
    path = url.path.rstrip("/")
    places = (
        url.with_path(f"{path}/.well-known/openid-configuration"),
        url.with_path(f"/.well-known/oauth-authorization-server{path}"),  # RFC 8414 § 3.1
    )
    status = 0
    for place in places:
        answer = await exchange.get(str(place))
        if answer.status == 200 and answer.document:  # noqa: PLR2004  a status
            return answer.document
        status = answer.status
    raise NotSignedIn(
        f"{exchange.service}: the issuer {issuer} doesn't describe itself ({places[0].path} answered {status}); "
        "is it the right one? Otherwise give token_url and the others",
        retry_after=_LATER,
    )


def _described(known: Metadata, document: Mapping[str, Any], service: str) -> Metadata:
    if document.get("issuer") != known.issuer:
        # OpenID Connect Discovery 1.0 § 4.3: or else one issuer could pass for another one.
        raise ConfigError(
            f"service {service}: the issuer {known.issuer} describes itself as {str(document.get('issuer'))[:200]!r}; "
            "expected the same, to the letter"
        )

    def url(name: str) -> str | None:
        value = document.get(name)
        return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None

    methods = document.get("token_endpoint_auth_methods_supported")
    return replace(
        known,
        token=url("token_endpoint"),
        authorization=url("authorization_endpoint"),
        device=url("device_authorization_endpoint"),
        revocation=url("revocation_endpoint"),
        jwks=url("jwks_uri"),
        methods=tuple(map(str, methods)) if isinstance(methods, list) else known.methods,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )
