"""The mark that a text carries, so that it is found again: a comment in HTML, which GitHub doesn't show.

It is the last line, which whoever writes the text above, an event's author perhaps, has no hand in.
"""

from __future__ import annotations

import hashlib
import re

_LAST = re.compile(r"<!-- (hub[0-9a-f]{32}) -->\s*\Z")


def mark(identity: str) -> str:
    """The word for an identity: letters and digits, as GitHub's search takes words."""
    return "hub" + hashlib.sha256(identity.encode()).hexdigest()[:32]


def marked(text: str | None, word: str) -> str:
    """A text with its mark."""
    return f"{text}\n\n<!-- {word} -->" if text else f"<!-- {word} -->"


def mark_of(text: object) -> str | None:
    """The mark that a text ends with."""
    found = _LAST.search(text) if isinstance(text, str) else None
    return found[1] if found else None
