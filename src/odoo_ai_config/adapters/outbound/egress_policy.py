"""
Which addresses a crew may have: public ones under TLS, and those that the operator names.

A tenant writes the address of its crew, and the hub calls it from inside the operator's
network. So names are resolved here and their addresses are checked, and aiohttp connects to
the very addresses that were checked: a name that points elsewhere a moment later gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import field, frozen
from yarl import URL

from odoo_ai_config.application.errors import TargetForbiddenError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
# Carry an IPv4 address: by a tunnel that is deprecated, and by the translators of networks
# that have IPv6 only.
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 2**32 - 1


@frozen
class PrivateTargets:
    """
    The exceptions: hosts and networks that crews may be in although the public is not.
    """

    hosts: frozenset[str] = field(default=frozenset())
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, targets: Iterable[Network | str]) -> PrivateTargets:
        """
        Take networks as they are and texts as the names of hosts.
        """
        listed = list(targets)
        return cls(
            frozenset(_plain_name(target) for target in listed if isinstance(target, str)),
            tuple(target for target in listed if not isinstance(target, str)),
        )

    def name(self, host: str, address: Address) -> bool:
        """
        Whether *host*, or its *address*, is one of the exceptions.
        """
        return _plain_name(host) in self.hosts or any(
            address in network for network in self.networks
        )


@frozen
class Gate:
    """
    Lets addresses through.

    Args:
        encrypted: Whether what is sent there is under TLS. Without it, only the exceptions may
            be called.
    """

    private: PrivateTargets
    encrypted: bool

    def lets(self, host: str, address: str) -> bool:
        """
        Whether *address*, which *host* resolved to, may be called.
        """
        plain = plain_address(ip_address(address))
        return self.private.name(host, plain) or (self.encrypted and is_public(plain))


class GuardedResolver(AbstractResolver):
    """
    Resolves names to those of their addresses that a gate lets through.
    """

    def __init__(self, gate: Gate, resolver: AbstractResolver) -> None:
        self._gate = gate
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        The addresses of *host* that may be called.

        Raises:
            TargetForbiddenError: No address is left.
            OSError: The name cannot be resolved.
        """
        found = await self._resolver.resolve(host, port, family)
        left = [result for result in found if self._gate.lets(host, result["host"])]
        if not left:
            raise TargetForbiddenError
        return left

    async def close(self) -> None:
        await self._resolver.close()


def target_at(text: str, private: PrivateTargets) -> tuple[URL, Gate]:
    """
    Read the address of a crew, and the gate that its name has to go through.

    An address that is a number needs no resolving and is checked at once.

    Raises:
        TargetForbiddenError: It is not HTTP, names a user, or is a number that is not let
            through or is not written as numbers are.
    """
    try:
        url = URL(text)
    except ValueError:
        raise TargetForbiddenError from None
    if url.scheme not in {"http", "https"} or not url.host or "@" in url.raw_authority:
        raise TargetForbiddenError
    gate = Gate(private, encrypted=url.scheme == "https")
    if _is_number(url.host) and not _lets_number(gate, url.host):
        raise TargetForbiddenError
    return url, gate


def is_public(address: Address) -> bool:
    """
    Whether *address*, as `plain_address` gives it, is one of the public internet.
    """
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST and address not in _SIX_TO_FOUR and address.is_global
    return address.is_global and not address.is_multicast


def plain_address(address: Address) -> Address:
    """
    The IPv4 address that is meant by an IPv6 address which only carries one.
    """
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address


def _is_number(host: str) -> bool:
    # As aiohttp tells: such hosts are never handed to a resolver.
    return ":" in host or host.replace(".", "").isdigit()


def _lets_number(gate: Gate, host: str) -> bool:
    try:
        return gate.lets(host, host)
    except ValueError:
        # 2130706433, 0177.0.0.1 and 127.1 are addresses to some and names to others.
        return False


def _plain_name(host: str) -> str:
    return host.rstrip(".").lower()
