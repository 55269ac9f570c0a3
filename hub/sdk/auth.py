"""How a service signs in: the section ``auth:`` of a service in a schema file.

One way at a time: a key or password that the API gave (`ApiKey`, `Basic`, `Bearer`, `Hmac`), or tokens that the hub
gets and renews by itself (`OAuth2`, `GitHubApp`). A secret that isn't given in the file, not even by a reference, is
looked for in the credentials store, where ``hub auth login SERVICE`` puts it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from hub.sdk.config import Config

PLACEHOLDER = re.compile(r"\{(header\.[A-Za-z0-9-]+|[a-z0-9_]+)\}")
"""What is replaced in the templates of `Hmac`."""

_PARTS = frozenset({"method", "url", "host", "path", "query", "timestamp", "nonce", "body", "body_sha256", "key_id"})
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # a token of RFC 9110 § 5.6.2


def _header(value: str) -> str:
    if not _HEADER.match(value):
        raise ValueError("expected the name of an HTTP header")
    return value


def _content(value: str) -> str:
    return _template(value, _PARTS)


def _value(value: str) -> str:
    _template(value, _PARTS - {"body"} | {"signature"})
    if "{signature}" not in value:
        raise ValueError("expected {signature} in it")
    return value


def _template(value: str, known: frozenset[str]) -> str:
    for name in PLACEHOLDER.findall(value):
        if name not in known and not name.startswith("header."):
            raise ValueError(
                f"`{{{name}}}` stands for nothing here; expected {', '.join(sorted(known))} or header.NAME"
            )
    return value


HeaderName = Annotated[str, AfterValidator(_header)]
"""Name of an HTTP header."""
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
"""An absolute HTTP URL."""


class _Way(Config):
    # Built when it is first used, as most deployments use one of them.
    model_config = ConfigDict(defer_build=True)


class Bearer(_Way):
    """A token that the API gave, sent as ``Authorization: Bearer``."""

    token: SecretStr | None = None
    """The token; asked for by ``hub auth login`` if not given."""


class ApiKey(_Way):
    """A key in a header or in the query."""

    value: SecretStr | None = None
    """The key; asked for by ``hub auth login`` if not given."""
    header: HeaderName | None = None
    """Header that holds it, e.g. ``X-Api-Key``."""
    query: str | None = Field(default=None, min_length=1)
    """Query parameter that holds it. It can then be read in the logs of every server on the way: prefer a header."""
    prefix: str = ""
    """What stands before the key, e.g. ``"Token "``."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise ValueError("expected either `header` or `query`")
        return self


class Basic(_Way):
    """A user name and a password (RFC 7617), in UTF-8."""

    username: SecretStr
    """Secret, too, because at some APIs it is the key."""
    password: SecretStr | None = None
    """The password; asked for by ``hub auth login`` if not given. Empty where the user name alone is the key."""


class Hmac(_Way):
    """A signature over the request, which shows that we know a secret without sending it.

    ``content`` and ``value`` are templates: ``{method}``, ``{url}``, ``{host}``, ``{path}`` and ``{query}`` as they are
    sent, ``{timestamp}``, ``{nonce}``, ``{body}``, ``{body_sha256}`` in hex, ``{key_id}``, ``{header.NAME}``; in
    ``value`` also ``{signature}``.
    """

    secret: SecretStr | None = None
    """The secret; asked for by ``hub auth login`` if not given."""
    secret_encoding: Literal["text", "base64", "hex"] = "text"  # noqa: S105  no secret
    """What the secret is written in. A ``whsec_`` before one in base64 is left out."""
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    """Hash function."""
    content: Annotated[str, AfterValidator(_content)] = "{body}"
    """What is signed."""
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    """How the signature is written."""
    header: HeaderName = "X-Signature"
    """Header that holds it."""
    value: Annotated[str, AfterValidator(_value)] = "{signature}"
    """What that header says, e.g. ``sha256={signature}``."""
    timestamp: Literal["s", "ms", "rfc3339"] = "s"
    """How the time is written: seconds or milliseconds since 1970, or RFC 3339."""
    timestamp_header: HeaderName | None = None
    """Header that holds the time."""
    nonce_header: HeaderName | None = None
    """Header that holds a random text, another one for each attempt."""
    key_id: str = ""
    """Which secret it is, where the API asks for that."""


class OAuth2(_Way):
    """Tokens by OAuth 2: got, kept and renewed by the hub."""

    grant: Literal["client_credentials", "authorization_code", "device_code", "refresh_token"] = "client_credentials"
    """``client_credentials`` needs nobody; ``authorization_code`` (a browser, with PKCE) and ``device_code`` (a code
    typed in elsewhere) need one ``hub auth login``; ``refresh_token`` goes on from the one that is given."""
    provider: Literal["google", "github"] | None = None
    """One that the hub knows."""
    issuer: Url | None = None
    """Another one, that describes itself by OpenID Connect Discovery: its URL without ``/.well-known/…``."""
    client_id: str = Field(min_length=1)
    """Ours, as the provider gave it."""
    client_secret: SecretStr | None = None
    """Ours, where the provider gave one."""
    client_auth: Literal["basic", "post"] | None = None
    """Whether the client's secret goes into a header or the body of the request; by what the provider takes if not
    given."""
    token_url: Url | None = None
    """Where tokens come from."""
    authorization_url: Url | None = None
    """Where people agree, in the browser."""
    device_authorization_url: Url | None = None
    """Where codes for devices come from."""
    revocation_url: Url | None = None
    """Where ``hub auth logout`` gives tokens back."""
    scopes: list[str] = []
    """What we want to be allowed."""
    audience: str | None = None
    """Which API the token is for, at providers that ask."""
    endpoint_params: dict[str, str] = {}
    """Further parameters of the request for a token."""
    authorization_params: dict[str, str] = {}
    """Further parameters of the page that people see."""
    refresh_token: SecretStr | None = None
    """Of the grant ``refresh_token``: where to begin. Later ones are kept in the credentials store."""
    redirect_port: int = Field(default=0, ge=0, le=65535)
    """Port of ``http://127.0.0.1:PORT/callback``, where a provider wants to know it beforehand; any free one if 0."""
    allow_http: bool = False
    """Whether the provider may be asked without TLS; on this machine it always may."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.provider is not None and self.issuer is not None:
            raise ValueError("expected either `provider` or `issuer`")
        known = self.provider is not None or self.issuer is not None
        if not known and self.token_url is None:
            raise ValueError("expected `provider`, `issuer` or `token_url`")
        if self.grant == "client_credentials" and self.client_secret is None:
            raise ValueError("the grant client_credentials needs `client_secret`")
        if self.grant == "authorization_code" and not known and self.authorization_url is None:
            raise ValueError("the grant authorization_code needs `provider`, `issuer` or `authorization_url`")
        if self.grant == "device_code" and not known and self.device_authorization_url is None:
            raise ValueError("the grant device_code needs `provider`, `issuer` or `device_authorization_url`")
        if (self.grant == "refresh_token") != (self.refresh_token is not None):
            raise ValueError("`refresh_token` and the grant refresh_token belong together")
        return self


class GitHubApp(_Way):
    """Tokens of a GitHub App's installation, an hour each."""

    app_id: str | int
    """The app's id, or its client id."""
    private_key: SecretStr
    """The app's private key, PEM: ``${file:app.private-key.pem}``."""
    installation_id: int | None = None
    """Which installation; found by itself where the app has one only."""
    repositories: list[str] = []
    """Names, without the owner, of the repositories that the tokens are for; all of the installation if not given."""
    permissions: dict[str, Literal["read", "write", "admin"]] = {}
    """What the tokens may do; all that the installation may if nothing is given."""
    api_url: Url | None = None
    """Where GitHub's API is; the service's base URL if not given."""


class Auth(_Way):
    """How a service signs in, one way of these. Without any, or with an empty ``token``, it doesn't."""

    token: SecretStr | None = None
    """Sent as ``Authorization: Bearer``; short for ``bearer: { token: … }``."""
    bearer: Bearer | None = None
    """A token that the API gave."""
    api_key: ApiKey | None = None
    """A key in a header or in the query."""
    basic: Basic | None = None
    """A user name and a password."""
    hmac: Hmac | None = None
    """A signature over each request."""
    oauth2: OAuth2 | None = None
    """Tokens by OAuth 2."""
    github_app: GitHubApp | None = None
    """Tokens of a GitHub App's installation."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in _WAYS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one way to sign in, got {' and '.join(given)}")
        return self

    @property
    def way(self) -> str | None:
        """Which one it is: ``bearer``, ``api_key``, …; ``None`` if the service doesn't sign in."""
        if self.token is not None:
            return "bearer" if self.token.get_secret_value().strip() else None
        return next((name for name in _WAYS if getattr(self, name) is not None), None)


_WAYS = ("token", "bearer", "api_key", "basic", "hmac", "oauth2", "github_app")
