"""The hosts at which the console answers, which keeps out names that an attacker makes resolve here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Sites:
    """The addresses of the console as browsers write them."""

    hosts: frozenset[str]
    """Values of the header Host that are answered."""
    origins: frozenset[str]
    """Values of the header Origin that are the console's own."""
    home: str
    """The origin to show to people."""
    aliases: frozenset[str] = frozenset()
    """Values of Host that are redirected to `home`."""

    @property
    def is_https(self) -> bool:
        """True if browsers see the console by https alone."""
        return all(origin.startswith("https:") for origin in self.origins)


def loopback_sites(host: str, port: int) -> Sites:
    """Return the sites of a console on loopback; `localhost` is redirected, because cookies of it are shared."""
    own = f"[{host}]" if ":" in host else host
    names = dict.fromkeys([own, "127.0.0.1", "[::1]"])
    suffix = "" if port == 80 else f":{port}"
    hosts = frozenset(f"{name}{suffix}" for name in names)
    home = f"http://{'127.0.0.1' if host == 'localhost' else own}{suffix}"
    return Sites(hosts, frozenset(f"http://{one}" for one in hosts), home, frozenset({f"localhost{suffix}"}))


def proxied_sites(origins: Sequence[str]) -> Sites:
    """Return the sites of a console behind a proxy."""
    return Sites(frozenset(urlsplit(origin).netloc for origin in origins), frozenset(origins), origins[0])


def values_of(headers: Headers, name: str) -> list[str]:
    """Return every value of a header; names are in lower case."""
    wanted = name.lower().encode()
    return [value.decode("latin-1") for key, value in headers if key.lower() == wanted]


def host_of(scope: dict[str, Any]) -> str | None:
    """Return the one value of Host in lower case; None if there is none, or several."""
    hosts = values_of(scope["headers"], "host")
    return hosts[0].strip().lower() if len(hosts) == 1 else None
