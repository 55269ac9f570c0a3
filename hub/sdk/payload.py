"""Payloads by their content types: strict JSON, text, or bytes."""

from __future__ import annotations

from typing import Any

import orjson

from hub.sdk.errors import InvalidPayload
from hub.sdk.strictjson import parse, written

JSON = "application/json"


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON: ``application/json``, ``text/json`` or ``+json``, parameters aside."""
    if content_type == JSON:
        return True
    media = content_type.partition(";")[0].strip().lower()
    return media.endswith(("/json", "+json"))


def decode(raw: bytes | None, content_type: str, *, checked: bool = False) -> Any:
    """A payload by its content type: a JSON value, ``str`` for ``text/*``, else the bytes.

    Args:
        raw: None is a tombstone, and stays None.
        content_type: media type.
        checked: whether JSON is known to be strict.

    Raises:
        InvalidPayload: it isn't of that type.
    """
    if raw is None:
        return None
    if is_json(content_type):
        try:
            return orjson.loads(raw) if checked else parse(raw)
        except (InvalidPayload, orjson.JSONDecodeError) as error:
            raise InvalidPayload(f"expected JSON; got {error}") from None
    if content_type.startswith("text/"):
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise InvalidPayload(
                f"expected UTF-8 by the content type {content_type}; got {error.reason} at byte {error.start}"
            ) from None
    return raw


def encode(data: Any, content_type: str) -> bytes | None:
    """The bytes of a payload; bytes stay as they are.

    Raises:
        InvalidPayload: its content type can't hold it.
    """
    if data is None or isinstance(data, bytes):
        return data
    if is_json(content_type):
        try:
            return written(data)
        except InvalidPayload as error:
            raise InvalidPayload(f"expected data that JSON can hold; got {error}") from None
    if isinstance(data, str):
        return data.encode()
    raise InvalidPayload(f"expected str or bytes as data of {content_type}; got {type(data).__name__}")
