"""Settings for behaviours of TikTok that are not known for certain; the default is the strict one."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from connector.errors import UsageError


def _choice(*choices: str) -> str:
    """Declare a setting; its first choice is the default."""
    default: str = field(default=choices[0], metadata={"choices": choices})
    return default


@dataclass(frozen=True, slots=True)
class Strictness:
    """What the simulator does where TikTok's pages are silent or contradict each other."""

    unhashed: str = _choice("refuse", "record")
    """An identifier that is no SHA-256 in lower-case hex: code 40062 (the official SDK has it), or a violation only."""
    doubtful: str = _choice("note", "refuse")
    """Old or future times, currencies off the list, limited data use without ip: no page says that they are refused."""
    types: str = _choice("all", "known")
    """Checked types: of all fields in the catalogue, or only of fields with a live refusal."""
    web_needs: str = _choice("page_and_user", "page", "nothing")
    """TikTok's pages contradict each other on what a web event requires."""
    statuses: str = _choice("real", "always_200")
    """HTTP statuses of `/event/track/`: 400 and 401 are told by one good source each."""
    check_first: str = _choice("token", "body")
    """What a request is refused for where both the token and the body are wrong."""
    index: str = _choice("dotted", "brackets", "batch", "none")
    """How a message names an event: `data.2.event`, `data[2].event`, `Batch.2.event`, or `event` alone."""
    count_from: str = _choice("zero", "one")
    echo: str = _choice("no", "yes")
    """Whether a message repeats the wrong value, as some do."""
    legacy_names: str = _choice("distinct", "converted")
    """Whether CompletePayment and Purchase with one id are two events, or one after TikTok's conversion."""
    cookie_dedup: str = _choice("on", "off")
    """Web events without an id: the same name and `ttp` within five minutes count once (one good source)."""
    refreshing: str = _choice("rotates", "stays")
    """Whether a refresh token is replaced by a new one when it is used."""
    rates: str = _choice("enforced", "unlimited")
    """Requests a second: 1,000 for events, 10,000 for segments, 10 for the rest (agreed by several sources)."""
    mapping_rows: int = 10_000
    """Most rows of `/segment/mapping/`; vendors use 1,000 and 10,000, no page of TikTok's says."""


STRICT = Strictness()


def parse_strictness(settings: Iterable[str]) -> Strictness:
    """Parse `NAME=VALUE` settings into a Strictness. Raises UsageError for an unknown name or value."""
    strictness = STRICT
    for setting in settings:
        name, _, value = setting.partition("=")
        strictness = replace(strictness, **{name: _value(name, value)})
    return strictness


def _value(name: str, value: str) -> Any:
    settings = {one.name: one for one in fields(Strictness)}
    if name not in settings:
        raise UsageError(f"Unknown strictness {name!r}; there are {', '.join(settings)}.")
    choices = settings[name].metadata.get("choices")
    if choices is None:
        if not value.isdecimal() or int(value) < 1:
            raise UsageError(f"{name} is a number of at least 1, not {value!r}.")
        return int(value)
    if value not in choices:
        raise UsageError(f"{name} is {' or '.join(choices)}, not {value!r}.")
    return value
