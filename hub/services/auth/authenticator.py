"""From a service's section ``auth:`` to the policy that signs its requests."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable

from pydantic import SecretStr

from hub.sdk.auth import Auth
from hub.services.auth.fixed import fixed
from hub.services.auth.signer import Signer, Signing
from hub.services.auth.stores import CredentialSettings, Store, login_store, token_store
from hub.services.pipeline import Authenticator

_LOGIN = "type `hub auth login {service}`"
_ADVICE = {
    "client_credentials": "check client_id and client_secret",
    "authorization_code": _LOGIN,
    "device_code": _LOGIN,
    "refresh_token": "give a new refresh_token",
}


def authenticator(
    service: str,
    auth: Auth,
    *,
    base_url: str,
    credential: str | None = None,
    tls: Callable[[], ssl.SSLContext] | None = None,
    settings: CredentialSettings | None = None,
) -> Authenticator | None:
    """The policy that signs a service's requests; ``None`` if it doesn't sign in.

    Nothing is asked for or read before the first request.

    Args:
        service: its name, for people.
        auth: how it signs in.
        base_url: of its API.
        credential: its name in the credentials store, see `credential_name`; the service's if not given.
        tls: for requests to its provider; the system's if not given.
        settings: of the store; from the environment if not given.

    Raises:
        ConfigError: a secret can't be sent where it belongs.
    """
    signer = signer_of(service, auth, base_url, credential or service, tls, settings)
    return None if signer is None else Signing(signer)


def credential_name(deployment: str, service: str) -> str:
    """Under which name a service's credential is kept: two deployments never share one by accident."""
    return f"{deployment}/{service}"


def signer_of(
    service: str,
    auth: Auth,
    base_url: str,
    credential: str,
    tls: Callable[[], ssl.SSLContext] | None = None,
    settings: CredentialSettings | None = None,
) -> Signer | None:
    """The signer; see `authenticator`."""
    store = functools.partial(_opened, login_store, settings)
    make: Callable[[SecretStr], Signer]
    match auth.way:
        case None:
            return None
        case "oauth2":
            return _oauth2(service, auth, credential, tls, settings)
        case "github_app":
            return _github_app(service, auth, base_url, credential, tls, settings)
        case "hmac":
            make = functools.partial(_signature, service, auth)
        case _:
            make = functools.partial(fixed, service, auth)
    secret = secret_of(auth)
    if secret is not None:
        return make(secret)
    from hub.services.auth.kept import Stored  # noqa: PLC0415  most secrets stand in the configuration

    return Stored(service, make, store, credential)


def secret_of(auth: Auth) -> SecretStr | None:
    """The secret in the configuration of a way that has one; ``None`` where it is in the store."""
    for way, name in ((auth.bearer, "token"), (auth.api_key, "value"), (auth.basic, "password"), (auth.hmac, "secret")):
        if way is not None:
            found: SecretStr | None = getattr(way, name)
            return found
    return auth.token


def needs_login(auth: Auth) -> bool:
    """Whether somebody has to sign in with ``hub auth login``."""
    match auth.way:
        case None | "github_app":
            return False
        case "oauth2":
            return auth.oauth2 is not None and auth.oauth2.grant in ("authorization_code", "device_code")
    return secret_of(auth) is None


def _signature(service: str, auth: Auth, secret: SecretStr) -> Signer:
    from hub.services.auth.signature import Signature  # noqa: PLC0415  few need it

    assert auth.hmac is not None
    return Signature(service, auth.hmac, secret)


def _oauth2(
    service: str,
    auth: Auth,
    credential: str,
    tls: Callable[[], ssl.SSLContext] | None,
    settings: CredentialSettings | None,
) -> Signer:
    from hub.services.auth.keeper import Keeper  # noqa: PLC0415  few need it
    from hub.services.auth.kept import Renewed  # noqa: PLC0415  likewise
    from hub.services.auth.oauth.client import Client  # noqa: PLC0415  likewise
    from hub.services.auth.oauth.grants import obtain  # noqa: PLC0415  likewise

    assert auth.oauth2 is not None
    client = Client(service, auth.oauth2, tls)
    own = auth.oauth2.grant == "client_credentials"
    keeper = Keeper(
        service,
        obtain(client),
        functools.partial(_opened, token_store if own else login_store, settings),
        credential,
        client.fingerprint,
        needed=not own,
        advice=_ADVICE[auth.oauth2.grant].format(service=service),
    )
    return Renewed(keeper, [auth.oauth2.client_secret, auth.oauth2.refresh_token])


def _github_app(
    service: str,
    auth: Auth,
    base_url: str,
    credential: str,
    tls: Callable[[], ssl.SSLContext] | None,
    settings: CredentialSettings | None,
) -> Signer:
    from hub.services.auth.exchange import Exchange  # noqa: PLC0415  few need it
    from hub.services.auth.githubapp import Installation  # noqa: PLC0415  likewise
    from hub.services.auth.keeper import Keeper  # noqa: PLC0415  likewise
    from hub.services.auth.kept import Renewed  # noqa: PLC0415  likewise

    assert auth.github_app is not None
    installation = Installation(Exchange(service, tls=tls), auth.github_app, base_url)
    store = functools.partial(_opened, token_store, settings)
    keeper = Keeper(
        service,
        installation.obtain,
        store,
        credential,
        installation.fingerprint,
        needed=False,
        advice="check app_id, private_key and installation_id",
    )
    return Renewed(keeper, [auth.github_app.private_key])


def _opened(choose: Callable[[CredentialSettings], Store], settings: CredentialSettings | None) -> Store:
    return choose(settings or CredentialSettings())
