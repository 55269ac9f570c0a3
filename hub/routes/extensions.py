"""The functions of CEL's extensions, and the hub's own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from hub.routes import (
    digests,
    encodings,
    formatting,
    lists,
    mathematics,
    networks,
    optionals,
    redaction,
    regexes,
    tables,
    texts,
)
from hub.routes.kinds import Kind
from hub.routes.signature import Function

_ANY_NUMBER = range(1, 1000)


def _text(
    name: str, implementation: Callable[..., Any], usage: str, member: Collection[int], result: Kind = Kind.STRING
) -> Function:
    return Function(name, implementation, f"text.{name}({usage})", (), member, result)


def _list(
    name: str, implementation: Callable[..., Any], usage: str, member: Collection[int], result: Kind = Kind.LIST
) -> Function:
    return Function(name, implementation, f"list.{name}({usage})", (), member, result)


def _optional(name: str, implementation: Callable[..., Any], usage: str, member: int, result: Kind) -> Function:
    return Function(name, implementation, f"optional.{name}({usage})", (), (member,), result)


def _free(
    name: str, implementation: Callable[..., Any], usage: str, counts: Collection[int], result: Kind = Kind.DYN
) -> Function:
    return Function(name, implementation, f"{name}({usage})", counts, (), result)


def _address(name: str, implementation: Callable[..., Any], result: Kind) -> Function:
    return Function(name, implementation, f"ip(…).{name}()", (), (0,), result)


EXTENSIONS = (
    # Optional values. `or` and `orValue` are written by the generator, which computes their argument only if need be.
    _free("optional.of", optionals.optional_of, "x", (1,), Kind.OPTIONAL),
    _free("optional.none", optionals.optional_none, "", (0,), Kind.OPTIONAL),
    _free("optional.ofNonZeroValue", optionals.optional_of_non_zero, "x", (1,), Kind.OPTIONAL),
    _free("optional.unwrap", optionals.unwrapped, "list", (1,), Kind.LIST),
    _list("unwrapOpt", optionals.unwrapped, "", (0,)),
    _optional("hasValue", optionals.has_value, "", 0, Kind.BOOL),
    _optional("value", optionals.value_of, "", 0, Kind.DYN),
    _optional("or", optionals.alternative, "other", 1, Kind.OPTIONAL),
    _optional("orValue", optionals.value_of, "x", 1, Kind.DYN),
    _list("first", optionals.first, "", (0,), Kind.OPTIONAL),
    _list("last", optionals.last, "", (0,), Kind.OPTIONAL),
    # Text
    _text("charAt", texts.char_at, "place", (1,)),
    _text("indexOf", texts.index_of, '"…", start', (1, 2), Kind.INT),
    _text("lastIndexOf", texts.last_index_of, '"…", end', (1, 2), Kind.INT),
    _text("lowerAscii", texts.lower_ascii, "", (0,)),
    _text("upperAscii", texts.upper_ascii, "", (0,)),
    _text("replace", texts.replaced, '"old", "new", limit', (2, 3)),
    _text("split", texts.pieces, '",", limit', (1, 2), Kind.LIST),
    _text("substring", texts.substring, "start, end", (1, 2)),
    _text("trim", texts.trimmed, "", (0,)),
    _text("reverse", texts.reversed_of, "", (0,), Kind.DYN),
    _text("format", formatting.formatted, "[value, …]", (1,)),
    _list("join", texts.joined, '", "', (0, 1), Kind.STRING),
    _free("strings.quote", texts.quoted, "text", (1,), Kind.STRING),
    _free("regex.extract", regexes.extracted, "text, pattern", (2,), Kind.OPTIONAL),
    _free("regex.extractAll", regexes.all_extracted, "text, pattern", (2,), Kind.LIST),
    _free("regex.replace", regexes.substituted, "text, pattern, new, limit", (3, 4), Kind.STRING),
    # Numbers
    _free("math.greatest", mathematics.greatest, "a, b, …", _ANY_NUMBER),
    _free("math.least", mathematics.least, "a, b, …", _ANY_NUMBER),
    _free("math.ceil", mathematics.ceiling, "double", (1,), Kind.DOUBLE),
    _free("math.floor", mathematics.floor, "double", (1,), Kind.DOUBLE),
    _free("math.round", mathematics.rounded, "double", (1,), Kind.DOUBLE),
    _free("math.trunc", mathematics.truncated, "double", (1,), Kind.DOUBLE),
    _free("math.abs", mathematics.absolute, "number", (1,)),
    _free("math.sign", mathematics.sign, "number", (1,)),
    _free("math.sqrt", mathematics.square_root, "number", (1,), Kind.DOUBLE),
    _free("math.isNaN", mathematics.is_nan, "double", (1,), Kind.BOOL),
    _free("math.isInf", mathematics.is_infinite, "double", (1,), Kind.BOOL),
    _free("math.isFinite", mathematics.is_finite, "double", (1,), Kind.BOOL),
    _free("math.bitAnd", mathematics.bits_and, "a, b", (2,)),
    _free("math.bitOr", mathematics.bits_or, "a, b", (2,)),
    _free("math.bitXor", mathematics.bits_xor, "a, b", (2,)),
    _free("math.bitNot", mathematics.bits_not, "a", (1,)),
    _free("math.bitShiftLeft", mathematics.shifted_left, "a, bits", (2,)),
    _free("math.bitShiftRight", mathematics.shifted_right, "a, bits", (2,)),
    # Bytes
    _free("base64.encode", encodings.base64_encoded, "bytes", (1,), Kind.STRING),
    _free("base64.decode", encodings.base64_decoded, "text", (1,), Kind.BYTES),
    # Lists
    _list("slice", lists.sliced, "start, end", (2,)),
    _list("flatten", lists.flattened, "depth", (0, 1)),
    _list("distinct", lists.distinct, "", (0,)),
    _list("sort", lists.ordered, "", (0,)),
    _free("lists.range", lists.number_range, "count", (1,), Kind.LIST),
    _free("sets.contains", lists.set_contains, "list, others", (2,), Kind.BOOL),
    _free("sets.equivalent", lists.set_equivalent, "list, others", (2,), Kind.BOOL),
    _free("sets.intersects", lists.set_intersects, "list, others", (2,), Kind.BOOL),
    # Networks
    Function("ip", networks.ip_address, 'ip("192.0.2.1")', (1,), (0,)),
    _free("cidr", networks.cidr_block, '"192.0.2.0/24"', (1,)),
    _free("isIP", networks.is_ip, "text", (1,), Kind.BOOL),
    _free("isCIDR", networks.is_cidr, "text", (1,), Kind.BOOL),
    _free("ip.isCanonical", networks.is_canonical, "text", (1,), Kind.BOOL),
    _address("family", networks.family, Kind.INT),
    _address("isUnspecified", networks.is_unspecified, Kind.BOOL),
    _address("isLoopback", networks.is_loopback, Kind.BOOL),
    _address("isGlobalUnicast", networks.is_global_unicast, Kind.BOOL),
    _address("isLinkLocalMulticast", networks.is_link_local_multicast, Kind.BOOL),
    _address("isLinkLocalUnicast", networks.is_link_local_unicast, Kind.BOOL),
    Function("containsIP", networks.contains_ip, "cidr(…).containsIP(ip)", (), (1,), Kind.BOOL),
    Function("containsCIDR", networks.contains_cidr, "cidr(…).containsCIDR(cidr)", (), (1,), Kind.BOOL),
    Function("prefixLength", networks.prefix_length, "cidr(…).prefixLength()", (), (0,), Kind.INT),
    Function("isMask", networks.is_mask, "cidr(…).isMask()", (), (0,), Kind.BOOL),
    Function("masked", networks.masked, "cidr(…).masked()", (), (0,)),
    # The hub's own
    _free("lookup", tables.looked_up, '"table", key, fallback', (2, 3)),
    _free("hash", digests.digest, 'x, "sha256"', (1, 2), Kind.STRING),
    _free("uuid5", digests.named_uuid, '"url", name', (2,), Kind.STRING),
    _free("parseJson", digests.parsed_json, "text", (1,)),
    _free("toJson", digests.json_text, "x", (1,), Kind.STRING),
    _free("redact", redaction.redacted, 'x, "field", …', _ANY_NUMBER),
)
