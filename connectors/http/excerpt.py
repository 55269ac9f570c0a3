"""What error messages show of an answer's body: a line of it, without the secrets of the request that it may repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import orjson
import yarl

from connectors.http.config import HttpConfig
from connectors.http.request import credentials

_LENGTH = 500
# Controls, spaces and what terminals make of bidirectional marks: one space stands for any run of them.
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffd]+")
# Parts of a URL that are long enough to be a secret, e.g. in the paths of chat webhooks, and too long to be words.
_TELLING = 16
# RFC 9457 (detail, title), RFC 6749 (error_description), and what most others use.
_MESSAGE = ("detail", "message", "error_description", "error", "title")
_SENSITIVE = re.compile(r"auth|cookie|key|password|secret|signature|token", re.IGNORECASE)


class Excerpts:
    """Makes excerpts of answers.

    Args:
        config: of the sink, for its secrets.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._secrets = set(_secrets(config))

    def of(self, body: bytes, charset: str | None, url: yarl.URL) -> str:
        """The beginning of a body on one line.

        Args:
            body: as far as it was read.
            charset: by the answer's content type.
            url: that answered.
        """
        try:
            text = body.decode(charset or "utf-8", errors="replace")
        except LookupError:
            text = body.decode(errors="replace")
        return self.clean(_message(body) or text, url)

    def clean(self, text: str, url: yarl.URL | None = None) -> str:
        """A text of the far side on one line, without our secrets and the long parts of a URL."""
        telling = set(_telling(url)) if url is not None else set()
        for secret in sorted(self._secrets | telling, key=len, reverse=True):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return line(text)


def line(text: str) -> str:
    """A text on one line, cut off where it is long."""
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= _LENGTH else text[:_LENGTH] + "…"


def _message(body: bytes) -> str | None:
    """What a JSON body says to people, in the fields where APIs put it; None where it has none of them."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    return next((said for name in _MESSAGE if isinstance(said := document.get(name), str) and said), None)


def _secrets(config: HttpConfig) -> Iterator[str]:
    for name, value in credentials(config).items():
        yield value
        if name == "Authorization":
            yield value.partition(" ")[2]
    if config.auth.basic is not None and (password := config.auth.basic.password.get_secret_value()):
        yield password
    for name, mapped in config.headers.items():
        if mapped.constant and mapped.source and _SENSITIVE.search(name):
            yield str(mapped.source)


def _telling(url: yarl.URL) -> Iterator[str]:
    for part in (*url.parts, *url.query.values(), url.path_qs):
        if len(part) >= _TELLING:
            yield part
