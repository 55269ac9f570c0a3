"""The hub's own functions ``hash``, ``uuid5``, ``parseJson`` and ``toJson``."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import orjson

from hub.routes.arguments import text
from hub.routes.errors import Failure
from hub.routes.output import json_bytes, json_value
from hub.routes.values import described
from hub.sdk import strictjson
from hub.sdk.errors import InvalidPayload

ALGORITHMS = ("sha256", "sha512", "sha1", "md5")
NAMESPACES = {
    "dns": uuid.NAMESPACE_DNS, "url": uuid.NAMESPACE_URL, "oid": uuid.NAMESPACE_OID, "x500": uuid.NAMESPACE_X500,
}  # fmt: skip
_ALGORITHM = f"expected one of {', '.join(ALGORITHMS)} as algorithm of `hash`"
_NAMESPACE = f"expected {', '.join(NAMESPACES)} or a UUID as namespace of `uuid5`"
# Up to here a whole number is the same as int and as double, and is written as an int.
_EXACT = 2**53


def digest(value: Any, algorithm: Any = "sha256") -> str:
    """``hash(value, algorithm)``: hexadecimal, of text, of bytes, or of the JSON of anything else.

    That JSON has its keys sorted by code points, no blanks, and whole doubles without a point, so that values which are
    equal in the language have the same digest.
    """
    if text(algorithm, "hash", " as algorithm") not in ALGORITHMS:
        raise Failure(f"{_ALGORITHM}, got another text")
    octets = value if type(value) is bytes else value.encode() if type(value) is str else canonical_json(value)
    return hashlib.new(algorithm, octets, usedforsecurity=False).hexdigest()


def known_algorithm(name: str) -> str | None:
    """What is wrong with an algorithm that is written out."""
    return None if name in ALGORITHMS else f"{_ALGORITHM}, got `{name}`"


def canonical_json(value: Any) -> bytes:
    """The JSON of a value, the same for all values that are equal in the language."""
    try:
        return orjson.dumps(_canonical(json_value(value)), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise Failure("expected a value that JSON can hold") from error


def _canonical(value: Any) -> Any:
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    if type(value) is list:
        return list(map(_canonical, value))
    if type(value) is dict:
        return {key: _canonical(each) for key, each in value.items()}
    return value


def named_uuid(namespace: Any, name: Any) -> str:
    """``uuid5(namespace, name)``: the UUID version 5 by RFC 9562 § 5.5 of a name."""
    space = namespace_of(text(namespace, "uuid5", " as namespace"))
    if space is None:
        raise Failure(f"{_NAMESPACE}, got another text")
    return str(uuid.uuid5(space, text(name, "uuid5", " as name")))


def namespace_of(name: str) -> uuid.UUID | None:
    """The namespace of a name, or of the text of a UUID."""
    if name in NAMESPACES:
        return NAMESPACES[name]
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def known_namespace(name: str) -> str | None:
    """What is wrong with a namespace that is written out."""
    return None if namespace_of(name) else f"{_NAMESPACE}, got `{name}`"


def parsed_json(value: Any) -> Any:
    """``parseJson(text)``, as strictly as payloads are read."""
    if type(value) is not str and type(value) is not bytes:
        raise Failure(f"parseJson takes a string or bytes, got {described(value)}")
    raw = value.encode() if isinstance(value, str) else value
    try:
        return strictjson.parse(raw)
    except InvalidPayload:
        got = "bytes that aren't" if raw is value else "a string that isn't"
        raise Failure(f"parseJson takes JSON without keys that stand twice, got {got}") from None


def json_text(value: Any) -> str:
    """``toJson(value)``."""
    return json_bytes(json_value(value)).decode()
