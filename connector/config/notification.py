"""Settings of notifications about the end of a run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from connector.config.fields import (
    TEXT_SCHEMA,
    JsonSchema,
    Text,
    accepts,
    as_list,
    number,
    one_of,
    text,
    whole,
    words,
)
from connector.config.nodes import Node
from connector.config.settings import Settings, Violation

ENDINGS = ("failed", "too_many_rejects", "completed", "recovered", "degraded")
"""Endings of a run to notify of; `recovered` is the first completed run after a failed one, `degraded` one that is far
from its earlier runs."""

DEFAULT_ENDINGS = ("failed", "too_many_rejects", "recovered", "degraded")


@accepts(lambda _: {"type": "string", "pattern": "://"})
def service_url(value: object) -> str:
    """Validate the URL of a service of apprise."""
    address = text(value).strip()
    if "://" not in address:
        raise ValueError("must be an address of a service as apprise writes it, such as slack://… or mailtos://…")
    return address


@accepts(lambda _: {"type": "string", "pattern": r"^\s*https?://[^\s/?#]+"})
def web_address(value: object) -> str:
    """Validate an http or https URL."""
    address = text(value).strip()
    try:
        url = urlsplit(address)
        is_valid = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("must be an http:// or https:// address")
    return address


@accepts(lambda _: _notify_schema())
def endings_by_name(value: object) -> Any:
    """Convert the name of a notification, a list of them, or a mapping of names to endings, to a mapping."""
    if isinstance(value, dict):
        return {name: words(endings) if endings not in ([], None) else () for name, endings in value.items()}
    return dict.fromkeys(words(value) if value != [] else (), DEFAULT_ENDINGS)


def _notify_schema() -> JsonSchema:
    endings = {"anyOf": [*as_list({"enum": list(ENDINGS)})["anyOf"], {"type": "null"}]}
    return {"anyOf": [*as_list(TEXT_SCHEMA)["anyOf"], {"type": "object", "additionalProperties": endings}]}


Ending = Annotated[str, one_of(*ENDINGS)]
Notify = Annotated[dict[str, tuple[Ending, ...]], BeforeValidator(endings_by_name)]


class DegradedSettings(Settings):
    """How far a completed run has to be from its earlier runs to be `degraded`."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    min_runs: Annotated[int, whole(2, 7)] = 5
    """How many earlier runs there must be, of the last seven that completed."""
    rows_percent: Annotated[float, number(0)] = 50
    """More or fewer rows read than usual, by so many percent."""
    rejects_percent: Annotated[float, number(0, 100)] = 5
    """A larger share of the rows rejected than usual, by so many percentage points."""
    match_coverage_percent: Annotated[float, number(0, 100)] = 10
    """A smaller share of the delivered events with an e-mail address, a phone number or another identifier than usual,
    by so many percentage points."""
    seconds_percent: Annotated[float, number(0)] = 200
    """A longer duration than usual, by so many percent, and by at least a minute."""


class Notification(Settings):
    """A service of apprise, or a webhook that gets the JSON of a run.

    The URLs hold passwords and tokens, so they do not print themselves.
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
        """Refuse neither or both of `url` and `webhook`."""
        ways = [key for key in ("url", "webhook") if values.get(key) is not None]
        misspelt = set(values) - set(cls.known_keys())
        if len(ways) != 1 and (ways or not misspelt):
            needs = "needs url (an address as apprise writes it) or webhook"
            yield "", "has both url and webhook; keep one of them" if ways else needs


def as_mapping(node: Node) -> Node:
    """Convert an entry of `notifications` to a mapping: a URL alone, or a list of them, is its `url`."""
    if isinstance(node.value, dict) or node.value is None:
        return node
    return replace(node, value={"url": node}, template=None)
