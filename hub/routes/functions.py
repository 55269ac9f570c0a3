"""The functions that expressions can call: CEL's standard ones, those of its extensions, and the hub's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.routes import conversions, operators, strings, times
from hub.routes.extensions import EXTENSIONS
from hub.routes.kinds import Kind
from hub.routes.signature import Function

_TEXTS = ((Kind.STRING,), (Kind.STRING,))


def _conversion(name: str, implementation: Callable[..., Any], result: Kind, *same: Kind) -> Function:
    """A conversion; of a value that is of its kind already it makes nothing."""
    inline = "a" if same else None
    return Function(name, implementation, f"{name}(x)", (1,), (), result, inline, (same,) if same else ())


def _accessor(name: str, implementation: Callable[..., Any]) -> Function:
    return Function(name, implementation, f'timestamp(…).{name}("Europe/Berlin")', (), (0, 1), Kind.INT)


_STANDARD = (
    Function("size", strings.size, "size(x)", (1,), (0,), Kind.INT, "len(a)", ((Kind.STRING, Kind.LIST, Kind.MAP),)),
    Function("contains", strings.contains, 'text.contains("…")', (), (1,), Kind.BOOL, "b in a", _TEXTS),
    Function("startsWith", strings.starts_with, 'text.startsWith("…")', (), (1,), Kind.BOOL, "a.startswith(b)", _TEXTS),
    Function("endsWith", strings.ends_with, 'text.endsWith("…")', (), (1,), Kind.BOOL, "a.endswith(b)", _TEXTS),
    Function("matches", strings.matches, 'text.matches("…")', (2,), (1,), Kind.BOOL),
    _conversion("int", conversions.to_int, Kind.INT),
    _conversion("uint", conversions.to_uint, Kind.UINT, Kind.UINT),
    _conversion("double", conversions.to_double, Kind.DOUBLE, Kind.DOUBLE),
    _conversion("bool", conversions.to_bool, Kind.BOOL, Kind.BOOL),
    Function("string", conversions.to_string, "string(x)", (1,), (), Kind.STRING, "str(a)", ((Kind.STRING, Kind.INT),)),
    _conversion("bytes", conversions.to_bytes, Kind.BYTES, Kind.BYTES),
    _conversion("timestamp", conversions.to_timestamp, Kind.TIMESTAMP, Kind.TIMESTAMP),
    _conversion("duration", conversions.to_duration, Kind.DURATION, Kind.DURATION),
    _conversion("dyn", conversions.to_dyn, Kind.DYN),
    _conversion("type", operators.type_of, Kind.TYPE),
    _accessor("getFullYear", times.get_full_year),
    _accessor("getMonth", times.get_month),
    _accessor("getDate", times.get_date),
    _accessor("getDayOfMonth", times.get_day_of_month),
    _accessor("getDayOfWeek", times.get_day_of_week),
    _accessor("getDayOfYear", times.get_day_of_year),
    _accessor("getHours", times.get_hours),
    _accessor("getMinutes", times.get_minutes),
    _accessor("getSeconds", times.get_seconds),
    _accessor("getMilliseconds", times.get_milliseconds),
)
FUNCTIONS: dict[str, Function] = {each.name: each for each in (*_STANDARD, *EXTENSIONS)}
