"""The option ``--where`` of several commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import indent

from hub.routes import ExpressionError
from hub.sdk.errors import ConfigError


@contextmanager
def explained() -> Iterator[None]:
    """Shows a wrong expression with the place that is wrong; there is no file to look into.

    Raises:
        ConfigError: instead of `ExpressionError`.
    """
    try:
        yield
    except ExpressionError as error:
        raise ConfigError(f"--where {error}\n{indent(error.excerpt(), '    ')}") from error
