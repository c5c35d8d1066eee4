from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.adapters.outbound.connections import GuardedResolver
from odoo_ai_config.adapters.outbound.egress_policy import EgressPolicy, is_public, plain_address
from odoo_ai_config.application.errors import TargetForbiddenError

PUBLIC_ONLY = EgressPolicy()
PUBLIC = ["8.8.8.8", "200.147.3.157", "2606:4700:4700::1111", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed_under_tls_only(address: str) -> None:
    assert PUBLIC_ONLY.allows("crew.example", address, encrypted=True)
    assert not PUBLIC_ONLY.allows("crew.example", address, encrypted=False)


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("encrypted", [True, False])
def test_other_addresses_are_not_allowed(address: str, encrypted: bool) -> None:
    assert not PUBLIC_ONLY.allows("crew.example", address, encrypted=encrypted)


@given(st.ip_addresses(v=4))
def test_address_is_judged_alike_however_ipv6_carries_it(address: IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        carried = IPv6Address(int(IPv6Address(prefix)) + int(address))
        assert plain_address(carried) == address


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(
    address: IPv4Address | IPv6Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert not is_public(address)


@given(st.ip_addresses(v=6))
def test_public_addresses_of_ipv6_are_global_unicast(address: IPv6Address) -> None:
    if is_public(address):
        assert address in ip_network("2000::/3")


@pytest.mark.parametrize("encrypted", [True, False])
def test_named_networks_are_allowed(encrypted: bool) -> None:
    policy = EgressPolicy.of([ip_network("10.1.0.0/16")])

    assert policy.allows("crew.local", "10.1.2.3", encrypted=encrypted)
    assert policy.allows("crew.local", "::ffff:10.1.2.3", encrypted=encrypted)
    assert not policy.allows("crew.local", "10.2.0.1", encrypted=encrypted)


@pytest.mark.parametrize("host", ["crew.local", "CREW.local", "crew.local."])
def test_named_hosts_are_allowed_wherever_they_are(host: str) -> None:
    policy = EgressPolicy.of(["Crew.local"])

    assert policy.allows(host, "10.1.2.3", encrypted=False)
    assert not policy.allows("xcrew.local", "10.1.2.3", encrypted=False)
    assert not policy.allows("sub.crew.local", "10.1.2.3", encrypted=False)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://crew.example/",
        "file:///etc/passwd",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "//crew.example/",
        "crew.example",
        "https:///tasks",
        "https://",
        "https://user@crew.example/",
        "https://user:secret@crew.example/",
        "https://crew.example@127.0.0.1/",
        "https://crew.example\\@127.0.0.1/",
        "https://crew.example:99999/",
        "https://[::1/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1.:443/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::7f00:1]/",
        "https://169.254.169.254/latest/meta-data/",
        "http://8.8.8.8/",
        "https://999.1.1.1/",
    ],
)
def test_address_that_is_forbidden_by_itself(address: str) -> None:
    with pytest.raises(TargetForbiddenError):
        PUBLIC_ONLY.checked(address)


@pytest.mark.parametrize(
    "address",
    ["https://crew.example/tasks?token=1", "https://8.8.8.8/", "https://[2606:4700:4700::1111]/"],
)
def test_address_that_may_be_asked(address: str) -> None:
    assert str(PUBLIC_ONLY.checked(address)) == address


class Resolver(AbstractResolver):
    """
    Resolves every name to the same addresses.
    """

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6
                if ipaddress.ip_address(address).version == 6
                else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        self.closed = True


async def test_only_addresses_that_may_be_called_are_resolved_to() -> None:
    inner = Resolver("10.0.0.1", "8.8.8.8", "::1", "2606:4700:4700::1111")
    resolver = GuardedResolver(PUBLIC_ONLY, inner, encrypted=True)

    found = await resolver.resolve("crew.example", 443)

    assert [result["host"] for result in found] == ["8.8.8.8", "2606:4700:4700::1111"]
    await resolver.close()
    assert inner.closed


async def test_name_without_an_address_that_may_be_called_is_forbidden() -> None:
    resolver = GuardedResolver(PUBLIC_ONLY, Resolver("10.0.0.1", "fe80::1%lo"), encrypted=True)

    with pytest.raises(TargetForbiddenError):
        await resolver.resolve("crew.example", 443)
