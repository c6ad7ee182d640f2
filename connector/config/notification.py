"""Who is told how a run ended, and how they are reached."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from connector.config.fields import Text, one_of, text, words
from connector.config.nodes import Node
from connector.config.settings import Settings, Violation

ENDINGS = ("failed", "too_many_rejects", "completed", "recovered")
"""What can be told of a run; `recovered` is the first that completed after one that failed."""

DEFAULT_ENDINGS = ("failed", "too_many_rejects", "recovered")


def service_url(value: object) -> str:
    """Take what can be the address of a service that apprise knows."""
    address = text(value).strip()
    if "://" not in address:
        raise ValueError("must be an address of a service as apprise writes it, such as slack://… or mailtos://…")
    return address


def web_address(value: object) -> str:
    """Take an http or https address."""
    address = text(value).strip()
    try:
        url = urlsplit(address)
        good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("must be an http:// or https:// address")
    return address


def endings_by_name(value: object) -> Any:
    """Take a notification's name, a list of them, or a mapping from names to what each is told of."""
    if isinstance(value, dict):
        return {name: words(endings) if endings not in ([], None) else () for name, endings in value.items()}
    return dict.fromkeys(words(value) if value != [] else (), DEFAULT_ENDINGS)


Ending = Annotated[str, one_of(*ENDINGS)]
Notify = Annotated[dict[str, tuple[Ending, ...]], BeforeValidator(endings_by_name)]


class Notification(Settings):
    """A way to reach somebody: services by apprise's addresses, or a web address that gets a run's JSON.

    The addresses hold passwords and tokens, so they do not print themselves.
    """

    name: str
    description: Text | None = None
    """A text for people."""
    url: Annotated[tuple[Annotated[SecretStr, BeforeValidator(service_url)], ...], BeforeValidator(words)] = ()
    """One or several services, as apprise writes their addresses."""
    webhook: Annotated[SecretStr, BeforeValidator(web_address)] | None = None
    """An address that gets the JSON of each run by POST."""

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse none or both of the ways."""
        ways = [key for key in ("url", "webhook") if values.get(key) is not None]
        misspelt = set(values) - set(cls.known_keys())
        if len(ways) != 1 and (ways or not misspelt):
            needs = "needs url (an address as apprise writes it) or webhook"
            yield "", "has both url and webhook; keep one of them" if ways else needs


def as_mapping(node: Node) -> Node:
    """Give an entry of `notifications` as a mapping: an address alone, or a list of them, is its `url`."""
    if isinstance(node.value, dict) or node.value is None:
        return node
    return replace(node, value={"url": node}, template=None)
