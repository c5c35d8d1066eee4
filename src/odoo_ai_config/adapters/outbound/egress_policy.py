"""
Which addresses a crew may have: public ones under TLS, and those that the operator names.

A tenant writes the address of its crew, and the hub calls it from inside the operator's
network. So the hub resolves names itself and checks their addresses, and aiohttp connects to
the addresses that were checked. It does not matter if the name points elsewhere a moment later.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from attrs import frozen
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
class EgressPolicy:
    """
    Where crews may be.

    Args:
        hosts: Names of hosts that are allowed wherever they are, also without TLS.
        networks: Networks that are allowed, also without TLS.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, private: Iterable[Network | str]) -> EgressPolicy:
        """
        The policy that allows *private* networks and names of hosts besides public ones.
        """
        listed = list(private)
        return cls(
            frozenset(_plain_name(target) for target in listed if isinstance(target, str)),
            tuple(target for target in listed if not isinstance(target, str)),
        )

    def allows(self, host: str, address: str, *, encrypted: bool) -> bool:
        """
        Whether *address*, which *host* resolved to, may be called, under TLS or without.
        """
        plain = plain_address(ip_address(address))
        return (
            _plain_name(host) in self.hosts
            or any(plain in network for network in self.networks)
            or (encrypted and is_public(plain))
        )

    def checked(self, address: str) -> URL:
        """
        The URL of a crew at *address*, as far as it can be checked before its name is resolved.

        Raises:
            TargetForbiddenError: It is not HTTP, has a user's name, or its host is a number that
                is not allowed or has an unusual form.
        """
        try:
            url = URL(address)
        except ValueError:
            raise TargetForbiddenError from None
        if url.scheme not in {"http", "https"} or not url.host or "@" in url.raw_authority:
            raise TargetForbiddenError
        if _is_number(url.host) and not self._allows_number(url.host, url.scheme == "https"):
            raise TargetForbiddenError
        return url

    def _allows_number(self, host: str, encrypted: bool) -> bool:  # noqa: FBT001 - named above
        try:
            return self.allows(host, host, encrypted=encrypted)
        except ValueError:
            # 2130706433, 0177.0.0.1 and 127.1 are addresses to some and names to others.
            return False


def is_public(address: Address) -> bool:
    """
    Whether *address*, as `plain_address` gives it, is one of the public internet.
    """
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST and address not in _SIX_TO_FOUR and address.is_global
    return address.is_global and not address.is_multicast


def plain_address(address: Address) -> Address:
    """
    The IPv4 address inside an IPv6 address that only carries one.
    """
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address


def _is_number(host: str) -> bool:
    # aiohttp hands such hosts to no resolver.
    return ":" in host or host.replace(".", "").isdigit()


def _plain_name(host: str) -> str:
    return host.rstrip(".").lower()
