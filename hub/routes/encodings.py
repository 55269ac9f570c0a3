"""CEL's extension ``encoders``."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from hub.routes.arguments import text
from hub.routes.errors import Failure
from hub.routes.values import described


def base64_encoded(value: Any) -> str:
    """``base64.encode(bytes)``."""
    if type(value) is bytes:
        return base64.b64encode(value).decode()
    hint = "; write bytes(…) around it" if type(value) is str else ""
    raise Failure(f"base64.encode takes bytes, got {described(value)}{hint}")


def base64_decoded(value: Any) -> bytes:
    """``base64.decode(text)``: the padding may be missing, and lines may be broken."""
    found = "".join(text(value, "base64.decode").split())
    # Python would overlook a padding that is too long.
    padded = found if found.endswith("=") else found + "=" * (-len(found) % 4)
    try:
        if len(padded) % 4 == 0:
            return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise Failure("base64.decode takes base64 with `+` and `/`, got a string that isn't")
