"""What the events of a request have to look like, compiled from the parameter catalogue.

Parsing and checking types are one step. Which fields TikTok requires of which event source is no part
of the catalogue and stands here (`/event/track/` reference page; agreed by several sources).
"""

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from connector.catalogue import PARAMETERS, Kind, Parameter
from connector.simulator.strictness import Strictness
from connector.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS

EVENT_SOURCES = ("web", "app", "offline", "crm")
MOST_EVENTS = 1_000

Path = tuple[str, ...]
Field = tuple[str, Any] | tuple[str, Any, Any]

Name = Annotated[str, Meta(min_length=1)]
KnownName = Literal[*STANDARD_EVENTS, *LEGACY_EVENTS]  # type: ignore[valid-type]

_BY_KIND: dict[Kind, Any] = {Kind.TIMESTAMP: int, Kind.AMOUNT: float, Kind.QUANTITY: float}
_KNOWN = frozenset({"event", "event_time", "event_id", "content_id"})
"""Fields of which somebody was refused a wrong type."""

_REQUIRED: dict[str, dict[Path, Any]] = {
    "app": {("app", "app_id"): Name},
    "crm": {("lead", "lead_id"): Name},
    "offline": {},
}
_WEB: dict[str, dict[Path, Any]] = {
    "page_and_user": {("page", "url"): Name, ("user",): object},
    "page": {("page", "url"): Name},
    "nothing": {},
}


class Shape:
    """Parsers for one event source, of events and of whole bodies. `identity` names what says who somebody is."""

    def __init__(self, source: str, strictness: Strictness) -> None:
        parameters = [one for one in PARAMETERS if one.path and _taken_by(one, source)]
        self.hashed = tuple(one.path[-1] for one in parameters if one.hashed)
        others = [one.path[-1] for one in parameters if one.name in {"tiktok_click_id", "cookie_id", "ip"}]
        self.identity = (*self.hashed, *others)
        event = _Compiler(source, strictness, parameters).event()
        events: Any = Annotated[list[event], Meta(min_length=1, max_length=MOST_EVENTS)]  # type: ignore[valid-type]
        self.events = msgspec.json.Decoder(events)
        root: list[Field] = [("event_source", Literal[source]), ("event_source_id", str), ("data", events)]
        self.bodies = msgspec.json.Decoder(msgspec.defstruct(f"{source}_body", [*root, ("test_event_code", Any, None)]))


@cache
def shape(source: str, strictness: Strictness) -> Shape:
    """The shape of an event source's events, made once."""
    return Shape(source, strictness)


def _taken_by(parameter: Parameter, source: str) -> bool:
    """The catalogue knows web and offline; for apps and CRM every parameter's type is looked at."""
    return source in parameter.sources or source not in {"web", "offline"}


class _Compiler:
    """Turns parameters, each with its path in the event, into nested types."""

    def __init__(self, source: str, strictness: Strictness, parameters: list[Parameter]) -> None:
        self._source, self._all_types = source, strictness.types == "all"
        self._required = _WEB[strictness.web_needs] if source == "web" else _REQUIRED[source]
        self._types: dict[Path, Any] = {one.path: self._type(one) for one in parameters} | self._required
        self._types.setdefault(("properties", "currency"), Any)
        self._types.setdefault(("user", "ip"), Any)
        self._types["limited_data_use",] = bool if self._all_types else Any

    def event(self) -> type[Struct]:
        """The type of one event."""
        return self._object(())

    def _type(self, parameter: Parameter) -> Any:
        if parameter.kind is Kind.EVENT:
            return KnownName if self._source == "offline" else Name
        if not self._all_types and parameter.path[-1] not in _KNOWN:
            return Any
        one = _BY_KIND.get(parameter.kind, str)
        return one | list[one] if parameter.many else one  # type: ignore[valid-type]

    def _object(self, place: Path) -> type[Struct]:
        depth = len(place)
        below = [path for path in self._types if path[:depth] == place and len(path) > depth]
        names = dict.fromkeys(path[depth] for path in below)
        fields = [self._field((*place, name)) for name in names]
        return msgspec.defstruct("_".join((self._source, *place)), fields, kw_only=True, frozen=True, gc=False)

    def _field(self, path: Path) -> Field:
        leaf = not any(len(other) > len(path) and other[: len(path)] == path for other in self._types)
        kind = self._types[path] if leaf else self._object(path)
        if path == ("properties", "contents"):
            kind = list[kind]  # type: ignore[valid-type]
        if path[-1] in {"event", "event_time"} or any(one[: len(path)] == path for one in self._required):
            return path[-1], kind
        # Without a user there is an empty one, so that nobody has to look whether there is.
        absent = kind() if path in {("user",), ("properties",)} else UNSET
        return path[-1], kind | UnsetType, absent
