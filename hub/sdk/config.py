"""Configuration of sources, sinks and services: frozen pydantic models that reject what they don't know.

JSON Schema, documentation and the checks of ``hub validate`` all come from these models. Fields for secrets are
``SecretStr``. A field of the type `Mapped` may hold an expression that is computed for each event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import core_schema

from hub.sdk.event import Event

T = TypeVar("T")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> timedelta:
    """Reads ``1m30s``, ``250ms``, ``7d``.

    Raises:
        ValueError: says the form that was expected.
    """
    if not text or _DURATION.sub("", text):
        raise ValueError(f"expected a duration such as 250ms, 30s, 5m, 12h or 7d; got {text!r}")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text)))


def _to_duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"expected a duration such as 250ms, 30s, 5m, 12h or 7d; got {value!r}")


Duration = Annotated[timedelta, BeforeValidator(_to_duration, json_schema_input_type=str)]
"""A length of time, written ``250ms``, ``30s``, ``5m``, ``12h``, ``7d``, or several in a row."""

_SIZE = re.compile(r"(\d+)\s*(B|kB|KiB|MB|MiB|GB|GiB)?\Z")
_BYTES = {None: 1, "B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def _to_size(value: Any) -> Any:
    if isinstance(value, str) and (match := _SIZE.match(value)):
        return int(match[1]) * _BYTES[match[2]]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected a size such as 500kB or 25MiB; got {value!r}")


Size = Annotated[int, BeforeValidator(_to_size, json_schema_input_type=int | str), Field(ge=0)]
"""A number of bytes, written ``1000``, ``500kB``, ``25MiB``."""


class Mapped(Generic[T]):
    """A value that is fixed, or computed from each event: text that starts with ``= `` is an expression.

    In a mapping or list, every text in it may be one. Call it with an event for the value.

    Attributes:
        source: what the user wrote.
        constant: whether the value is the same for every event.
    """

    __slots__ = ("_function", "constant", "source")

    def __init__(self, source: Any, function: Callable[[Event], T] | None = None) -> None:
        self.source = source
        self.constant = function is None
        self._function = function

    def __call__(self, event: Event) -> T:
        """The value for an event.

        Raises:
            Permanent: the expression has no value for it.
        """
        return self.source if self._function is None else self._function(event)

    def __repr__(self) -> str:
        # A fixed value, or one within a mapping, may have come by a reference: it isn't shown.
        return f"Mapped({self.source!r})" if not self.constant and isinstance(self.source, str) else "Mapped(…)"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Checks constants against ``T``; compiles expressions with the compiler that the hub puts into the context.

        The context's ``compile`` takes the value as written and the type of ``T``, and gives a function of an event, or
        ``None`` where the value holds no expression.
        """
        (inner,) = getattr(source, "__args__", (Any,))
        constant = handler.generate_schema(inner)

        def check(value: Any, validate: core_schema.ValidatorFunctionWrapHandler, info: ValidationInfo) -> Mapped[T]:
            if isinstance(value, Mapped):
                return value
            if not has_expression(value):
                return Mapped(validate(value))
            compile_ = (info.context or {}).get("compile")
            if compile_ is None:
                raise ValueError("expressions are compiled by the hub; here only fixed values are possible")
            return Mapped(value, compile_(value, inner))

        return core_schema.with_info_wrap_validator_function(
            check,
            constant,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda mapped: mapped.source),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema of ``T``, marked so that expressions can be let in."""
        return {**handler(schema), "x-mapped": True}


class Verbatim(str):
    """Text that is never an expression, whatever it starts with: what a reference such as ``${env:NAME}`` gave."""

    __slots__ = ()


def has_expression(value: Any) -> bool:
    """Whether a value of a schema file holds an expression, itself or in a mapping or list."""
    if isinstance(value, str):
        return value.startswith("= ") and not isinstance(value, Verbatim)
    if isinstance(value, dict):
        return any(has_expression(each) for each in value.values())
    if isinstance(value, list):
        return any(has_expression(each) for each in value)
    return False


class _Hidden:
    def __repr__(self) -> str:
        return "…"


_HIDDEN = _Hidden()


class Config(BaseModel):
    """What every configuration model inherits: unknown keys are errors, values don't change, input isn't shown."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )

    def __repr_args__(self) -> Iterable[tuple[str, Any]]:
        """Values may have come by a reference such as ``${env:TOKEN}`` into a field that isn't secret by itself."""
        return [(name, _HIDDEN) for name in sorted(self.model_fields_set)]


class SourceConfig(Config):
    """The ``with:`` section of a source."""


class SinkConfig(Config):
    """The ``with:`` section of a sink."""
