"""Settings of the console in the browser."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from connector.config.fields import accepts, is_sendable, one_of, pattern, text, words
from connector.config.settings import Settings, Violation

LINK, PROXY = "link", "proxy"
WITHOUT_ROLES = "is proxy, but the project has no roles, so everybody would be an admin; add `roles`, or use auth: link"
"""The problem with a proxy that names users in a project that gives them no roles."""

_HEADER = r"[A-Za-z][A-Za-z0-9-]{0,63}"
HeaderName = Annotated[str, pattern(_HEADER, "the name of an HTTP header: letters, digits and hyphens")]
_RESERVED = frozenset({"host", "origin", "cookie", "authorization", "forwarded", "content-length", "content-type"})


@accepts(lambda _: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
def proxy_networks(value: object) -> tuple[str, ...]:
    """Validate addresses and networks of machines; refuse those that contain every address."""
    found = []
    for entry in words(value):
        try:
            network = ipaddress.ip_network(entry.strip(), strict=False)
        except ValueError:
            raise ValueError("must be IP addresses or networks, such as [10.0.0.7, 10.1.0.0/24]") from None
        if not network.prefixlen:
            raise ValueError("must name the proxy's own addresses: a network of all addresses trusts everybody")
        found.append(str(network))
    return tuple(found)


@accepts(lambda _: {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
def browser_origins(value: object) -> tuple[str, ...]:
    """Validate the origins at which browsers see the console, without a path."""
    return tuple(_origin(entry.strip().rstrip("/")) for entry in words(value))


def _origin(entry: str) -> str:
    try:
        parts = urlsplit(entry)
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    rest = parts.path or parts.query or parts.fragment or parts.username
    if parts.scheme not in {"http", "https"} or not parts.hostname or rest or not re.fullmatch(r"\S+", entry):
        raise ValueError("must be origins without a path, such as https://connector.example")
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


@accepts(lambda _: {"type": "string", "pattern": rf"^\s*{_HEADER}\s*:"})
def header_with_value(value: object) -> str:
    """Validate a header with its value; accept a placeholder that is still to be filled in."""
    header = text(value).strip()
    name, mark, secret = header.partition(":")
    if not mark or not re.fullmatch(_HEADER, name.strip()) or not ("{{" in secret or is_sendable(secret)):
        raise ValueError('must be a header and its value, as "X-Console-Secret: {{ env.CONSOLE_SECRET }}"')
    return f"{name.strip()}:{secret.strip()}"


class ConsoleSettings(Settings):
    """Who may enter the console, and at which addresses."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    auth: Annotated[Literal["link", "proxy"], one_of(LINK, PROXY)] = "link"
    """`link`: the user who starts it, with the one-time link that it prints. `proxy`: the users that a proxy names in
    `header`; needs `roles`."""
    header: HeaderName | None = None
    """The header in which the proxy names the user, such as `X-Forwarded-User`. Required by `proxy`."""
    trusted: Annotated[tuple[str, ...], BeforeValidator(proxy_networks)] = ()
    """The addresses or networks of the proxy. All other machines are refused. Required by `proxy`."""
    origins: Annotated[tuple[str, ...], BeforeValidator(browser_origins)] = ()
    """The origins at which browsers see the console, such as `https://connector.example`. Required by `proxy`."""
    secret_header: Annotated[SecretStr, BeforeValidator(header_with_value)] | None = None
    """A second header with a value that only the proxy knows: `"X-Console-Secret: {{ env.CONSOLE_SECRET }}"`. Use it
    if other programs run on the proxy's machine."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """See Settings."""
        keys = ("header", "trusted", "origins")
        if values.get("auth", LINK) != PROXY:
            unused = [key for key in (*keys, "secret_header") if values.get(key) is not None]
            yield from ((key, "has an effect only with auth: proxy; add that, or remove it") for key in unused)
            return
        for key in keys:
            if not values.get(key):
                yield "auth", f"is proxy, which needs {key}; add it"
        if str(values.get("header") or "").lower() in _RESERVED:
            yield "header", "must be a header that the proxy alone sets, such as X-Forwarded-User"
