"""Credentials that the API gave and that stay: a token, a key, a user name and password."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable

from pydantic import SecretStr

from hub.sdk.auth import ApiKey, Auth, Basic
from hub.sdk.errors import ConfigError
from hub.services.request import Request

Secret = Callable[[], Awaitable[SecretStr]]
"""Gives a secret that isn't in the configuration, from the credentials store."""


class Header:
    """The same header for each request.

    Args:
        name: of the header, in lower case.
        value: of it.
        secrets: what must appear nowhere.
    """

    def __init__(self, name: str, value: str, secrets: Iterable[str]) -> None:
        self._name = name
        self._value = value
        self._secrets = tuple(secrets)

    async def sign(self, request: Request) -> None:
        """Adds the header."""
        request.headers[self._name] = self._value

    async def renew(self, used: object) -> bool:  # noqa: ARG002  the protocol's
        """Never: it is the one that we have."""
        return False

    def secrets(self) -> Iterable[str]:
        """What it is made of."""
        return self._secrets

    async def close(self) -> None:
        """Holds nothing."""


class Query:
    """The same parameter for each request.

    Args:
        name: of the parameter.
        value: of it.
        secret: what of it must appear nowhere.
    """

    def __init__(self, name: str, value: str, secret: str) -> None:
        self._name = name
        self._value = value
        self._secret = secret

    async def sign(self, request: Request) -> None:
        """Sets the parameter."""
        request.url = request.url.update_query({self._name: self._value})

    async def renew(self, used: object) -> bool:  # noqa: ARG002  the protocol's
        """Never: it is the one that we have."""
        return False

    def secrets(self) -> Iterable[str]:
        """The key."""
        return (self._secret,)

    async def close(self) -> None:
        """Holds nothing."""


def fixed(service: str, auth: Auth, secret: SecretStr) -> Header | Query:
    """The signer of a service whose secret is known.

    Args:
        service: its name.
        auth: how it signs in: with a token, a key, or a user name.
        secret: the token, the key or the password.

    Raises:
        ConfigError: the secret can't be sent where it belongs.
    """
    value = secret.get_secret_value().strip()
    if auth.basic is not None:
        return _basic(service, auth.basic, secret.get_secret_value())
    if not value:
        raise ConfigError(f"the credential of service {service} is empty")
    if auth.api_key is not None:
        return _api_key(service, auth.api_key, value)
    return Header("authorization", f"Bearer {_printable(service, 'token', value)}", [value])


def _api_key(service: str, key: ApiKey, value: str) -> Header | Query:
    text = key.prefix + value
    if key.query is not None:
        return Query(key.query, text, value)
    assert key.header is not None, "the model sees to it"
    return Header(key.header.lower(), _printable(service, "key", text), [value])


def _basic(service: str, basic: Basic, password: str) -> Header:
    user = basic.username.get_secret_value()
    # RFC 7617 § 2: no colon in a user name, no control characters in either.
    if ":" in user or not (user + password).isprintable():
        raise ConfigError(
            f"the user name or password of service {service} can't be sent: expected printable text, and no colon in "
            "the user name"
        )
    pair = f"{user}:{password}"
    value = base64.b64encode(pair.encode()).decode()
    # A user name without a password is a key; beside one it is a name, which errors may show.
    return Header("authorization", f"Basic {value}", [value, pair, password or user])


def _printable(service: str, what: str, text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ConfigError(f"the {what} of service {service} can't be sent in a header: it must be printable ASCII")
    return text
