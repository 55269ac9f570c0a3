"""What a unit says, to whom it may, and whether a secret is in it."""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from pydantic import BaseModel, SecretStr

_SHORT = 6  # characters; what is shorter stands in many a text by chance


def secrets_in(value: Any) -> Iterator[str]:
    """All secrets that a configuration holds; of a URL its password alone, as the rest may be shown."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        password = urlsplit(text).password if "://" in text else text
        if password and len(password) >= _SHORT:
            yield password
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_in(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from secrets_in(each)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from secrets_in(each)


def forms(secret: str) -> set[str]:
    """A secret and what gives it away as well: in base64, in a URL, as a Python literal."""
    raw = secret.encode()
    encoded = {base64.b64encode(b"x" * shift + raw).decode()[4:].rstrip("=")[:-2] for shift in range(3)}
    return {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], raw.hex(), *encoded}


def shown(secrets: Iterable[str], said: str) -> list[str]:
    """Where a secret stands in a text: the text around it, with the secret itself left out."""
    found = []
    for secret in secrets:
        for form in sorted(forms(secret)):
            if len(form) >= _SHORT and (at := said.find(form)) >= 0:
                around = said[max(0, at - 160) : at] + "«SECRET»" + said[at + len(form) : at + len(form) + 80]
                found.append(" ".join(around.replace(secret, "«SECRET»").split()))
    return found


class Overheard(logging.Handler):
    """Hears all logs at the level DEBUG, and what else it is told."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Notes a record, with its traceback."""
        self.said.append(self.format(record))

    def hear(self, *things: object) -> None:
        """Notes how things show themselves: errors with their whole chain."""
        for each in things:
            self.said += [str(each), repr(each)]
            if isinstance(each, BaseException):
                self.said.append("".join(traceback.format_exception(each)))
            if isinstance(each, BaseModel):
                self.said.append(each.model_dump_json(fallback=str))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hears the logs of everybody, asyncio's own included."""
        root, loop = logging.getLogger(), asyncio.get_running_loop()
        level, debug = root.level, loop.get_debug()
        levels = {each: each.level for each in _loggers()}
        root.addHandler(self)
        root.setLevel(logging.DEBUG)
        for each in levels:
            each.setLevel(logging.NOTSET)
        loop.set_debug(True)
        try:
            yield
        finally:
            loop.set_debug(debug)
            root.removeHandler(self)
            root.setLevel(level)
            for logger, before in levels.items():
                logger.setLevel(before)


def _loggers() -> list[logging.Logger]:
    known = list(logging.Logger.manager.loggerDict.values())
    return [each for each in known if isinstance(each, logging.Logger)]
