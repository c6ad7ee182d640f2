"""Behaviours of TikTok that are not known for certain: each can be chosen, the strict one is the default."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from connector.errors import UsageError


def _one_of(*choices: str) -> str:
    """A setting; its first choice is the default."""
    default: str = field(default=choices[0], metadata={"choices": choices})
    return default


@dataclass(frozen=True, slots=True)
class Strictness:
    """What the simulator does where TikTok's pages are silent or contradict each other."""

    unhashed: str = _one_of("refuse", "record")
    """An identifier that is no SHA-256 in lower-case hex: code 40062 (the official SDK has it), or a violation only."""
    doubtful: str = _one_of("note", "refuse")
    """Old or future times, currencies off the list, limited data use without ip: no page says that they are refused."""
    types: str = _one_of("all", "known")
    """Fields of a wrong type: all that the catalogue knows, or those alone that were refused to somebody."""
    web_needs: str = _one_of("page_and_user", "page", "nothing")
    """TikTok's pages contradict each other on what a web event requires."""
    statuses: str = _one_of("real", "always_200")
    """HTTP statuses of `/event/track/`: 400 and 401 are told by one good source each."""
    check_first: str = _one_of("token", "body")
    """What a request is refused for where both the token and the body are wrong."""
    index: str = _one_of("dotted", "brackets", "batch", "none")
    """How a message names an event: `data.2.event`, `data[2].event`, `Batch.2.event`, or `event` alone."""
    count_from: str = _one_of("zero", "one")
    echo: str = _one_of("no", "yes")
    """Whether a message repeats the wrong value, as some do."""
    legacy_names: str = _one_of("distinct", "converted")
    """Whether CompletePayment and Purchase with one id are two events, or one after TikTok's conversion."""
    cookie_dedup: str = _one_of("on", "off")
    """Web events without an id: the same name and `ttp` within five minutes count once (one good source)."""
    refreshing: str = _one_of("rotates", "stays")
    """Whether a refresh token is replaced by a new one when it is used."""
    rates: str = _one_of("enforced", "unlimited")
    """Requests a second: 1,000 for events, 10,000 for segments, 10 for the rest (agreed by several sources)."""
    mapping_rows: int = 10_000
    """Most rows of `/segment/mapping/`; vendors use 1,000 and 10,000, no page of TikTok's says."""


STRICT = Strictness()


def choose(settings: Iterable[str]) -> Strictness:
    """Strictness with `NAME=VALUE` settings applied. Raises UsageError for a name or value that there is not."""
    chosen = STRICT
    for setting in settings:
        name, _, value = setting.partition("=")
        chosen = replace(chosen, **{name: _value(name, value)})
    return chosen


def _value(name: str, value: str) -> Any:
    known = {one.name: one for one in fields(Strictness)}
    if name not in known:
        raise UsageError(f"There is no strictness called {name!r}; there are {', '.join(known)}.")
    choices = known[name].metadata.get("choices")
    if choices is None:
        if not value.isdecimal() or int(value) < 1:
            raise UsageError(f"{name} is a number of at least 1, not {value!r}.")
        return int(value)
    if value not in choices:
        raise UsageError(f"{name} is {' or '.join(choices)}, not {value!r}.")
    return value
