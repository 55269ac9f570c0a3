"""Signatures over requests with a secret that is never sent (HMAC, RFC 2104), laid out as an API wants them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets as randomness
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pydantic import SecretStr

from hub.sdk.auth import PLACEHOLDER, Hmac
from hub.sdk.errors import ConfigError
from hub.services.request import Request

_PREFIX = "whsec_"  # of the secrets of Standard Webhooks


class Signature:
    """Signs the request itself.

    Args:
        service: name of the service.
        config: what is signed, and where the signature goes.
        secret: as configured or stored.
        now: seconds since 1970.

    Raises:
        ConfigError: the secret isn't written in the encoding that it should be.
    """

    def __init__(self, service: str, config: Hmac, secret: SecretStr, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._written = secret.get_secret_value().strip()
        self._key = _key(service, config, self._written)
        self._now = now

    async def sign(self, request: Request) -> None:
        """Adds the signature's header, and those of time and nonce where they are wanted."""
        config = self._config
        parts = {"timestamp": self._timestamp(), "nonce": randomness.token_hex(16), "key_id": config.key_id}
        for name, part in ((config.timestamp_header, "timestamp"), (config.nonce_header, "nonce")):
            if name is not None:
                request.headers[name.lower()] = parts[part]
        digest = hmac.digest(self._key, _content(config.content, request, parts), config.algorithm)
        parts["signature"] = _ENCODINGS[config.encoding](digest)
        request.headers[config.header.lower()] = _content(config.value, request, parts).decode()

    async def renew(self, used: object) -> bool:  # noqa: ARG002  the protocol's
        """Never: it is the secret that we have."""
        return False

    def secrets(self) -> Iterable[str]:
        """The secret."""
        return (self._written, self._written.removeprefix(_PREFIX))

    async def close(self) -> None:
        """Holds nothing."""

    def _timestamp(self) -> str:
        now = self._now()
        match self._config.timestamp:
            case "s":
                return str(int(now))
            case "ms":
                return str(int(now * 1000))
        return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64url(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


_ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda digest: base64.b64encode(digest).decode(),
    "base64url": _base64url,
}


def _key(service: str, config: Hmac, written: str) -> bytes:
    if not written:
        raise ConfigError(f"the secret of service {service} is empty")
    try:
        match config.secret_encoding:
            case "base64":
                return base64.b64decode(written.removeprefix(_PREFIX), validate=True)
            case "hex":
                return bytes.fromhex(written)
    except (binascii.Error, ValueError):
        raise ConfigError(f"the secret of service {service} isn't written in {config.secret_encoding}") from None
    return written.encode()


def _content(template: str, request: Request, parts: dict[str, str]) -> bytes:
    """A template with its placeholders replaced; the body is taken byte by byte."""
    found: list[bytes] = []
    at = 0
    for match in PLACEHOLDER.finditer(template):
        found += [template[at : match.start()].encode(), _part(match[1], request, parts)]
        at = match.end()
    found.append(template[at:].encode())
    return b"".join(found)


def _part(name: str, request: Request, parts: dict[str, str]) -> bytes:
    if name in parts:
        return parts[name].encode()
    if name.startswith("header."):
        return request.headers.get(name.removeprefix("header.").lower(), "").encode()
    return _PARTS[name](request)


_PARTS: dict[str, Callable[[Request], bytes]] = {
    "body": lambda request: request.body or b"",
    "body_sha256": lambda request: hashlib.sha256(request.body or b"").hexdigest().encode(),
    "method": lambda request: request.method.encode(),
    "url": lambda request: str(request.url).encode(),
    "host": lambda request: (request.url.host_port_subcomponent or "").encode(),
    "path": lambda request: request.url.raw_path.encode(),
    "query": lambda request: request.url.raw_query_string.encode(),
}
