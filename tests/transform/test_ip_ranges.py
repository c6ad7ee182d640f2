"""Which IP addresses belong to one device on the public internet: the edges of every range that does not."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest

from connector.transform.sql.functions import is_public_ip

NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
)
"""Of RFC 6890 and its successors, without what documentation uses."""


def edges() -> Iterator[IPv4Address | IPv6Address]:
    for network in NOT_PUBLIC:
        kind, most = type(network.network_address), 2**network.max_prefixlen
        first, last = int(network.network_address), int(network.broadcast_address)
        yield from (kind(number) for number in (first - 1, first, last, last + 1) if 0 <= number < most)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    return not any(
        address in network
        for network in NOT_PUBLIC
        if isinstance(network, IPv4Network if isinstance(address, IPv4Address) else IPv6Network)
    )


@pytest.mark.parametrize("address", sorted({str(one) for one in edges()}))
def test_the_edges_of_ranges_that_are_not_public(address: str) -> None:
    found = next(one for one in edges() if str(one) == address)
    assert is_public_ip(address) is is_public(found)
    if isinstance(found, IPv4Address):
        assert is_public_ip(f"::ffff:{address}") is is_public(found)
