"""Users that a trusted proxy names in a header."""

import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connector.config.console import ConsoleSettings
from connector.console.security.hosts import values_of

LONGEST_NAME = 128
"""Characters of the name of a user."""
NOT_TRUSTED = "This machine is not the console's proxy. Open the console at the proxy's address."
NO_USER = "The proxy did not name one user."


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """The proxy whose header is believed."""

    header: str
    """The header with the user's name."""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    """The addresses of the proxy."""
    secret: tuple[str, str] | None = None
    """The name and the value of a header that only the proxy can send."""

    def user_of(self, scope: dict[str, Any]) -> tuple[str | None, str]:
        """Return the user that the proxy names; or None, and why not."""
        if not self._is_trusted(scope):
            return None, NOT_TRUSTED
        names = values_of(scope["headers"], self.header)
        if len(names) != 1 or not is_user_name(names[0]):
            return None, NO_USER
        return names[0], ""

    def _is_trusted(self, scope: dict[str, Any]) -> bool:
        peer = scope.get("client")
        if not peer or not _is_in(peer[0], self.networks):
            return False
        if self.secret is None:
            return True
        found = values_of(scope["headers"], self.secret[0])
        return len(found) == 1 and hmac.compare_digest(found[0].encode(), self.secret[1].encode())


def is_user_name(name: str) -> bool:
    """Return whether a header's value can be the name of a user."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()


def _is_in(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None) or peer
    return any(mapped in network for network in networks)


def trusted_proxy(settings: ConsoleSettings) -> TrustedProxy:
    """Return the proxy of settings that have `auth: proxy`."""
    name, mark, value = (
        settings.secret_header.get_secret_value().partition(":") if settings.secret_header else ("",) * 3
    )
    return TrustedProxy(
        settings.header or "",
        tuple(map(ipaddress.ip_network, settings.trusted)),
        (name, value) if mark else None,
    )
