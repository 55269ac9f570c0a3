"""The hub's own function ``redact``: what nobody downstream should read is blacked out."""

from __future__ import annotations

import re
from typing import Any

import re2

from hub.routes.arguments import text
from hub.routes.values import KeyedMap

MASK = "[redacted]"

SECRET_FIELDS = frozenset((
    "password", "passwd", "passphrase", "secret", "clientsecret", "token", "accesstoken", "refreshtoken", "idtoken",
    "apikey", "apitoken", "privatekey", "authorization", "cookie", "setcookie", "credentials", "credential", "pin",
    "cvc", "cvv", "cardnumber", "iban", "ssn", "email", "phone", "phonenumber",
))  # fmt: skip
"""Fields that are blacked out when none are named: in lower case, letters and digits only."""

_SEPARATORS = re.compile(r"[^a-z0-9]+")

# RE2, so that no text takes longer than its length. What stands in front of a secret is a group, and is kept.
_SECRETS = re2.compile(
    r"(?P<login>://)[^\s/?#@:]+:[^\s/?#@]+@"
    r"|(?P<scheme>\b(?:[Bb]earer|[Bb]asic|[Tt]oken) +)[A-Za-z0-9+/_.~=-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"
    r"|\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16})\b"
    r"|[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"
    r"|\b(?P<card>(?:[0-9][ -]?){12,18}[0-9])\b"
)
_CHECKSUM_BASE = 10


def redacted(value: Any, *names: Any) -> Any:
    """``redact(value, name, …)``.

    Without names: in text, e-mail addresses, credentials in URLs, tokens and card numbers; in objects and lists the
    same within all their texts, and whole the fields of `SECRET_FIELDS`. With names: whole the fields of these names,
    at any depth, and nothing else. Case, ``_`` and ``-`` don't matter in names.
    """
    if names:
        wanted = frozenset(_bare(text(each, "redact", " as name of a field")) for each in names)
        return _without(value, wanted, texts=False)
    return _without(value, SECRET_FIELDS, texts=True)


def _bare(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())


def _without(value: Any, names: frozenset[str], *, texts: bool) -> Any:
    kind = type(value)
    if kind is str:
        return _SECRETS.sub(_masked, value) if texts else value
    if kind is list:
        return [_without(each, names, texts=texts) for each in value]
    if kind is dict or kind is KeyedMap:
        return kind((key, _field(key, each, names, texts=texts)) for key, each in value.items())
    return value


def _field(key: Any, value: Any, names: frozenset[str], *, texts: bool) -> Any:
    """What stands in a field: null stays, since it tells nothing."""
    if value is not None and type(key) is str and _bare(key) in names:
        return MASK
    return _without(value, names, texts=texts)


def _masked(match: Any) -> str:
    if match["login"]:
        return f"{match['login']}{MASK}@"
    if match["scheme"]:
        return f"{match['scheme']}{MASK}"
    return str(match[0]) if match["card"] and not _is_card(match["card"]) else MASK


def _is_card(digits: str) -> bool:
    """The checksum of ISO/IEC 7812-1, annex B, by which a card's number is told from others."""
    plain = [int(each) for each in digits if each.isdigit()]
    doubled = sum(sum(divmod(2 * each, _CHECKSUM_BASE)) for each in plain[-2::-2])
    return (sum(plain[-1::-2]) + doubled) % _CHECKSUM_BASE == 0
