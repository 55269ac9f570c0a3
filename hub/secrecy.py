"""Secrets of this process, so that what somebody else lets slip of them isn't passed on.

Whatever is resolved from a schema file is noted here if its type says that it is a secret. Logs, states, errors and
dead letters are cleaned of it: an exception of a vendor's client may hold the URL with the password that it was given.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
"""What stands in place of a secret."""
SHORTEST = 6
"""Characters of a secret that is hidden wherever it stands: shorter ones are words that may mean something else."""
MOST = 10_000
"""Forms of secrets that are known at once."""
MOST_PASSING = 2_000
"""Forms of tokens that pass: an hour's token is soon worth nothing, while a password is worth something for years."""
_TELLING = 6  # characters of a secret's beginning that are hidden, too, where a text was cut off in it
_QUERY = "?/:@!$'()*,"  # what our HTTP client leaves as it is in a query

_known: dict[str, None] = {}
_passing: dict[str, None] = {}


def note(configuration: object, *, passing: bool = False) -> None:
    """Notes the secrets of a configuration, whatever holds them.

    Args:
        configuration: or a secret, or several.
        passing: whether others take their place before long, as with tokens: they drive out only their like.
    """
    known, most = (_passing, MOST_PASSING) if passing else (_known, MOST)
    for secret in _secrets(configuration):
        for each in (secret, *_parts(secret)):
            if len(each) >= SHORTEST:
                for form in forms(each):
                    known.pop(form, None)
                    known[form] = None
    for form in list(known)[: max(len(known) - most, 0)]:
        del known[form]


def hidden(text: str) -> str:
    """A text without the secrets of this process."""
    found = [form for known in (_known, _passing) for form in list(known) if form in text]
    for form in sorted(found, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def cleaned(text: str, secrets: Iterable[str]) -> str:
    """A text without secrets: as they are, as they stand in URLs, JSON and base64, and cut off at the text's end."""
    for form in sorted({form for secret in secrets if secret for form in forms(secret)}, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
        for size in range(min(len(form) - 1, len(text)), _TELLING - 1, -1):
            if text.endswith(form[:size]):
                text = text[:-size] + HIDDEN
                break
    return text


def forms(secret: str) -> Iterable[str]:
    """How a secret is written."""
    yield secret
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield quote_plus(secret, safe=_QUERY)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    encoded = base64.b64encode(secret.encode()).decode()
    yield encoded
    yield encoded.rstrip("=")


def _secrets(value: object) -> Iterable[str]:
    from pydantic import BaseModel, SecretStr  # noqa: PLC0415  commands that have no configuration don't wait for it

    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name, None))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _secrets(each)


def _parts(secret: str) -> Iterable[str]:
    """What of a secret is one by itself: a URL's password, the lines of a key."""
    if "\n" in secret.strip():
        yield from (line.strip() for line in secret.splitlines() if not line.startswith("-----"))
    elif "://" in secret:
        try:
            password = urlsplit(secret).password
        except ValueError:
            return
        if password:
            yield from (password, unquote(password))
