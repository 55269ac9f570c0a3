"""A credential as it is kept: an access token with what renews it, or a secret that a person typed in."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import SecretStr

MARGIN = 60.0
"""Seconds before its end at which a token is renewed; half of its life where that is shorter."""


@dataclass(frozen=True)
class Token:
    """A credential.

    Attributes:
        access: the token, or the secret.
        refresh: what renews it.
        obtained_at: seconds since 1970.
        expires_at: likewise; ``None`` where it doesn't end, or nobody said when.
        scope: what it allows, where the provider said.
        account: whose it is, where the provider said: an e-mail address or a name.
        settings: `fingerprint` of the settings that it was got with.
    """

    access: SecretStr
    refresh: SecretStr | None = None
    obtained_at: float = 0.0
    expires_at: float | None = None
    scope: str = ""
    account: str = ""
    settings: str = ""

    @classmethod
    def answered(cls, answer: Mapping[str, Any], now: float | None = None) -> Token:
        """From an answer of a token endpoint (RFC 6749 § 5.1).

        Raises:
            ValueError: it holds none; the text names the member, never its value.
        """
        access = answer.get("access_token")
        if not isinstance(access, str) or not access or not (access.isascii() and access.isprintable()):
            raise ValueError("expected access_token, printable ASCII")
        kind = answer.get("token_type", "bearer")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise ValueError("expected token_type Bearer")
        refresh = answer.get("refresh_token")
        if refresh is not None and not isinstance(refresh, str):
            raise ValueError("expected text as refresh_token")
        now = time.time() if now is None else now
        return cls(
            access=SecretStr(access),
            refresh=SecretStr(refresh) if refresh else None,
            obtained_at=now,
            expires_at=_end(answer.get("expires_in"), now),
            scope=str(answer.get("scope") or ""),
        )

    @property
    def renew_at(self) -> float:
        """When it is to be renewed, seconds since 1970."""
        if self.expires_at is None:
            return float("inf")
        return self.expires_at - min(MARGIN, (self.expires_at - self.obtained_at) / 2)

    def valid(self, now: float) -> bool:
        """Whether it hasn't ended."""
        return self.expires_at is None or now < self.expires_at

    def following(self, earlier: Token | None) -> Token:
        """With what a renewal's answer leaves out because it stays (RFC 6749 § 6)."""
        if earlier is None:
            return self
        return replace(
            self,
            refresh=self.refresh or earlier.refresh,
            scope=self.scope or earlier.scope,
            account=self.account or earlier.account,
        )

    def same(self, other: Token | None) -> bool:
        """Whether both are the same access token."""
        return other is not None and self.access.get_secret_value() == other.access.get_secret_value()

    def secrets(self) -> list[str]:
        """What must appear nowhere."""
        return [each.get_secret_value() for each in (self.access, self.refresh) if each is not None]

    def dump(self) -> bytes:
        """As it goes into a store."""
        document = {
            "version": 1,
            "access": self.access.get_secret_value(),
            "refresh": None if self.refresh is None else self.refresh.get_secret_value(),
            "obtained_at": self.obtained_at,
            "expires_at": self.expires_at,
            "scope": self.scope,
            "account": self.account,
            "settings": self.settings,
        }
        return orjson.dumps(document)

    @classmethod
    def load(cls, stored: bytes) -> Token:
        """As it came from a store.

        Raises:
            ValueError: it isn't one, or of a later version. Holds nothing of what was stored.
        """
        try:
            document = orjson.loads(stored)
            if document["version"] != 1:
                raise ValueError("of another version")
            refresh = document["refresh"]
            return cls(
                access=SecretStr(document["access"]),
                refresh=None if refresh is None else SecretStr(refresh),
                obtained_at=float(document["obtained_at"]),
                expires_at=None if document["expires_at"] is None else float(document["expires_at"]),
                scope=document["scope"],
                account=document["account"],
                settings=document["settings"],
            )
        except (ValueError, KeyError, TypeError):
            raise ValueError("the stored credential can't be read; it was written by another version") from None


def fingerprint(*settings: Any) -> str:
    """Tells one set of settings from another, so that a token that was got for others isn't used."""
    return hashlib.sha256(orjson.dumps(settings)).hexdigest()[:32]


def _end(expires_in: Any, now: float) -> float | None:
    if expires_in is None:
        return None
    try:
        seconds = float(expires_in)  # some write it as text
    except (TypeError, ValueError):
        raise ValueError("expected a number of seconds as expires_in") from None
    if not 0 <= seconds < float("inf"):
        raise ValueError("expected a number of seconds as expires_in")
    return now + seconds if seconds else None
