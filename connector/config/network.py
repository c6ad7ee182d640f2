"""Network settings of a destination: its proxy and its trusted certificates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from connector.config.fields import accepts, text


@dataclass(frozen=True, slots=True)
class Network:
    """The way to a destination."""

    proxy: SecretStr | None = None
    """The URL of a proxy. It may hold a user name and a password."""
    ca_file: Path | None = None
    """Certificates to trust in addition to the usual authorities."""


DIRECT = Network()
"""The proxies of the environment, and the usual authorities."""


@accepts(lambda _: {"type": "string", "pattern": r"^\s*https?://[^\s/?#]+/?\s*$"})
def proxy_url(value: object) -> str:
    """Validate the URL of an HTTP proxy, which may hold a user name and a password."""
    address = text(value).strip()
    try:
        url = urlsplit(address)
        is_valid = bool(url.hostname) and (url.port or 0) >= 0
    except ValueError:
        is_valid = False
    if not is_valid or url.scheme not in {"http", "https"} or url.path.strip("/") or url.query or url.fragment:
        raise ValueError(
            "must be the address of an HTTP proxy, as http://proxy.example:3128 or "
            "http://user:password@proxy.example:3128; percent-encode signs in them, such as %40 for @"
        )
    return address


ProxyUrl = Annotated[SecretStr, BeforeValidator(proxy_url)]
File = Annotated[Path, BeforeValidator(text)]
