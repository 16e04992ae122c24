"""IP address ranges: ``cidrhost``, ``cidrnetmask``, ``cidrsubnet``, ``cidrsubnets``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TypeAlias, Union

from ctkms_policy.terraform.conversion import Number
from ctkms_policy.terraform.functions.context import NUMBER, TEXT, Function, scalar_function

_Network: TypeAlias = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def _network(prefix: str) -> _Network:
    if "/" not in prefix or not prefix.rsplit("/", 1)[1].isdigit():
        raise ValueError(f'"{prefix}" is not an address range in CIDR notation')
    return ipaddress.ip_network(prefix, strict=False)


def _whole(number: Number) -> int:
    if not isinstance(number, int):
        raise ValueError("not a whole number")
    return number


def _host(prefix: str, number: Number) -> str:
    network = _network(prefix)
    position = _whole(number)
    size = network.num_addresses
    if not -size <= position < size:
        raise ValueError(f"{prefix} has no host {position}")
    return str(network[position])


def _netmask(prefix: str) -> str:
    network = _network(prefix)
    if network.version == 6:
        raise ValueError("IPv6 has no netmask")
    return str(network.netmask)


def _subnet(prefix: str, new_bits: Number, number: Number) -> str:
    network = _network(prefix)
    length = network.prefixlen + _whole(new_bits)
    position = _whole(number)
    if new_bits < 0 or length > network.max_prefixlen:
        raise ValueError(f"{prefix} cannot be divided with {new_bits} more bits")
    if not 0 <= position < 1 << _whole(new_bits):
        raise ValueError(f"{prefix} has no subnet {position} of {new_bits} more bits")
    address = int(network.network_address) + (position << (network.max_prefixlen - length))
    return str(type(network)((address, length)))


def _subnets(prefix: str, *new_bits: Number) -> list[str]:
    network = _network(prefix)
    following = int(network.network_address)
    end = following + network.num_addresses
    found = []
    for bits in new_bits:
        length = network.prefixlen + _whole(bits)
        if bits < 1 or length > network.max_prefixlen:
            raise ValueError(f"{prefix} cannot be divided with {bits} more bits")
        size = 1 << (network.max_prefixlen - length)
        start = -(-following // size) * size
        if start + size > end:
            raise ValueError(f"{prefix} has not enough room")
        found.append(str(type(network)((start, length))))
        following = start + size
    return found


FUNCTIONS: Mapping[str, Function] = {
    "cidrhost": scalar_function(_host, TEXT, NUMBER),
    "cidrnetmask": scalar_function(_netmask, TEXT),
    "cidrsubnet": scalar_function(_subnet, TEXT, NUMBER, NUMBER),
    "cidrsubnets": scalar_function(_subnets, TEXT, rest=NUMBER),
}
