"""Secrets that are planted to be found again, and how to look for them in whatever the hub says."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

MARK = "canary"


class Canaries:
    """Secrets by what they are; each has a word of its own, so that a find says which it was.

    Attributes:
        secrets: by name.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def plant(self, name: str, extra: str = "") -> str:
        """A new secret.

        Args:
            name: letters and digits.
            extra: further characters of it, such as those that URLs and JSON write in other ways.
        """
        self.secrets[name] = f"{MARK}{name}7f3a9c{extra}"
        return self.secrets[name]

    def add(self, name: str, secret: str) -> None:
        """A secret that somebody else has made."""
        self.secrets[name] = secret

    def found(self, said: dict[str, str]) -> list[str]:
        """Which of them stand where, as they are or in a form that tells them.

        Args:
            said: texts by their place.
        """
        return sorted(
            {
                f"{name} in {place}: …{_around(text, form)}…"
                for place, text in said.items()
                for name, secret in self.secrets.items()
                for form in _forms(secret)
                if form in text
            }
        )


def _forms(secret: str) -> Iterable[str]:
    """What gives a secret away: itself, its beginning, and it at any place of something in base64."""
    yield secret[: max(12, len(secret) * 2 // 3)]
    yield quote(secret, safe="")
    for shift in range(3):
        # The first and last characters depend on what stands beside it.
        encoded = base64.b64encode(b"\0" * shift + secret.encode())[4 if shift else 0 :].rstrip(b"=")[:-2]
        yield encoded.decode()
        yield encoded.decode().replace("+", "-").replace("/", "_")


def _around(text: str, form: str) -> str:
    at = text.index(form)
    return " ".join(text[max(at - 120, 0) : at + len(form) + 40].split())
