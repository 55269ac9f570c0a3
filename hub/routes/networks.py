"""CEL's extension ``network``: IP addresses and CIDR blocks, as values of Python's `ipaddress`.

A block is an interface to `ipaddress`: an address with the length of its network's prefix.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any, TypeAlias

from hub.routes.arguments import text
from hub.routes.errors import Failure
from hub.routes.values import described

Address: TypeAlias = IPv4Address | IPv6Address
Block: TypeAlias = IPv4Interface | IPv6Interface

_ADDRESSES = (IPv4Address, IPv6Address)
_BLOCKS = (IPv4Interface, IPv6Interface)
_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_BROADCAST = IPv4Address("255.255.255.255")
_LOCAL_MULTICAST = ipaddress.ip_network("224.0.0.0/24")
_SCOPE_MASK, _LINK_LOCAL_SCOPE = 0xFF0F, 0xFF02  # of multicast addresses, by RFC 4291 § 2.7


def _address(value: str) -> Address | None:
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return None
    if type(found) is IPv6Address and (found.scope_id is not None or (found.ipv4_mapped and "." in value)):
        return None  # zones, and IPv4 in the clothes of IPv6, are refused by the definition
    return (type(found) is IPv6Address and found.ipv4_mapped) or found


def _block(value: str) -> Block | None:
    address, _, length = value.partition("/")
    found = _address(address)
    if found is None or not _LENGTH.fullmatch(length) or int(length) > found.max_prefixlen:
        return None
    return ipaddress.ip_interface((found, int(length)))


def ip_address(value: Any) -> Address:
    """``ip(text)``, and ``cidr.ip()``."""
    if type(value) in _BLOCKS:
        return value.ip  # type: ignore[no-any-return]
    found = _address(text(value, "ip"))
    if found is None:
        raise Failure("expected an IP address without zone, e.g. 192.0.2.1 or 2001:db8::1, got a string that isn't")
    return found


def cidr_block(value: Any) -> Block:
    """``cidr(text)``."""
    found = _block(text(value, "cidr"))
    if found is None:
        raise Failure("expected a CIDR block, e.g. 192.0.2.0/24 or 2001:db8::/32, got a string that isn't")
    return found


def is_ip(value: Any) -> bool:
    """``isIP(text)``."""
    return _address(text(value, "isIP")) is not None


def is_cidr(value: Any) -> bool:
    """``isCIDR(text)``."""
    return _block(text(value, "isCIDR")) is not None


def is_canonical(value: Any) -> bool:
    """``ip.isCanonical(text)``: whether an address is written as RFC 5952 wants it."""
    return bool(str(ip_address(text(value, "ip.isCanonical"))) == value)


def _of_address(name: str, test: Callable[[Address], Any]) -> Callable[[Any], Any]:
    def method(value: Any) -> Any:
        if type(value) not in _ADDRESSES:
            raise Failure(f"{name} takes an IP address, got {described(value)}")
        return test(value)

    method.__name__ = f"address_{name}"
    return method


def _of_block(name: str, test: Callable[[Block], Any]) -> Callable[[Any], Any]:
    def method(value: Any) -> Any:
        return test(_block_value(name, value))

    method.__name__ = f"block_{name}"
    return method


def _block_value(name: str, value: Any) -> Block:
    if type(value) not in _BLOCKS:
        raise Failure(f"{name} takes a CIDR block, got {described(value)}")
    return value  # type: ignore[no-any-return]


def _link_local_multicast(value: Address) -> bool:
    if isinstance(value, IPv4Address):
        return value in _LOCAL_MULTICAST
    return int.from_bytes(value.packed[:2]) & _SCOPE_MASK == _LINK_LOCAL_SCOPE


def _global_unicast(value: Address) -> bool:
    special = value.is_unspecified or value.is_loopback or value.is_multicast or value.is_link_local
    return not special and value != _BROADCAST


family = _of_address("family", lambda value: value.version)
is_unspecified = _of_address("isUnspecified", lambda value: value.is_unspecified)
is_loopback = _of_address("isLoopback", lambda value: value.is_loopback)
is_global_unicast = _of_address("isGlobalUnicast", _global_unicast)
is_link_local_multicast = _of_address("isLinkLocalMulticast", _link_local_multicast)
is_link_local_unicast = _of_address("isLinkLocalUnicast", lambda value: value.is_link_local)
prefix_length = _of_block("prefixLength", lambda value: value.network.prefixlen)
is_mask = _of_block("isMask", lambda value: value.ip == value.network.network_address)
masked = _of_block("masked", lambda value: ipaddress.ip_interface(value.network))


def contains_ip(block: Any, address: Any) -> bool:
    """``cidr.containsIP(ip)``, of an address or its text."""
    found = _block_value("containsIP", block)
    if type(address) not in _ADDRESSES:
        address = ip_address(text(address, "containsIP", " or an IP address as argument"))
    return address in found.network


def contains_cidr(block: Any, other: Any) -> bool:
    """``cidr.containsCIDR(cidr)``, of a block or its text."""
    found = _block_value("containsCIDR", block)
    if type(other) not in _BLOCKS:
        other = cidr_block(text(other, "containsCIDR", " or a CIDR block as argument"))
    return bool(other.version == found.version and other.network.subnet_of(found.network))
