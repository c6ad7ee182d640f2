"""The way to a destination: through which proxy, and whose certificates are trusted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from connector.config.fields import text


@dataclass(frozen=True, slots=True)
class Network:
    """`proxy` may hold a user name and a password; `ca_file` is trusted beside the usual authorities."""

    proxy: SecretStr | None = None
    ca_file: Path | None = None


DIRECT = Network()
"""What the environment says of proxies, and the usual authorities."""


def proxy_url(value: object) -> str:
    """Take the address of an HTTP proxy, with a user name and a password where it wants them."""
    address = text(value).strip()
    try:
        url = urlsplit(address)
        named = bool(url.hostname) and (url.port or 0) >= 0
    except ValueError:
        named = False
    if not named or url.scheme not in {"http", "https"} or url.path.strip("/") or url.query or url.fragment:
        raise ValueError(
            "must be the address of an HTTP proxy, as http://proxy.example:3128 or "
            "http://user:password@proxy.example:3128 (what is not a letter or digit in them as in a URL: %40 for @)"
        )
    return address


ProxyUrl = Annotated[SecretStr, BeforeValidator(proxy_url)]
File = Annotated[Path, BeforeValidator(text)]
