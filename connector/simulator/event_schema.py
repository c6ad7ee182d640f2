"""Msgspec types of the events of a request, compiled from the parameter catalogue.

Parsing and checking types are one step. Which fields TikTok requires of which event source is not in the
catalogue and is defined here (`/event/track/` reference page; agreed by several sources).
"""

from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from connector.catalogue import PARAMETERS, Kind, Parameter
from connector.catalogue.vocabulary import LEGACY_EVENTS, STANDARD_EVENTS
from connector.simulator.strictness import Strictness

EVENT_SOURCES = ("web", "app", "offline", "crm")
MAX_EVENTS = 1_000

Path = tuple[str, ...]
Field = tuple[str, Any] | tuple[str, Any, Any]

NonEmptyText = Annotated[str, Meta(min_length=1)]
StandardName = Literal[*STANDARD_EVENTS, *LEGACY_EVENTS]  # type: ignore[valid-type]

_BY_KIND: dict[Kind, Any] = {Kind.TIMESTAMP: int, Kind.AMOUNT: float, Kind.QUANTITY: float}
_STRICT_FIELDS = frozenset({"event", "event_time", "event_id", "content_id"})
"""Fields for which a wrong type was refused in practice."""

_REQUIRED: dict[str, dict[Path, Any]] = {
    "app": {("app", "app_id"): NonEmptyText},
    "crm": {("lead", "lead_id"): NonEmptyText},
    "offline": {},
}
_WEB: dict[str, dict[Path, Any]] = {
    "page_and_user": {("page", "url"): NonEmptyText, ("user",): object},
    "page": {("page", "url"): NonEmptyText},
    "nothing": {},
}


class EventSchema:
    """Decoders of one event source, for events and for whole bodies."""

    def __init__(self, source: str, strictness: Strictness) -> None:
        parameters = [one for one in PARAMETERS if one.path and _applies_to(one, source)]
        self.hashed = tuple(one.path[-1] for one in parameters if one.hashed)
        others = [one.path[-1] for one in parameters if one.name in {"tiktok_click_id", "cookie_id", "ip"}]
        self.identity = (*self.hashed, *others)
        """The fields that identify a person."""
        event = _SchemaCompiler(source, strictness, parameters).event()
        events: Any = Annotated[list[event], Meta(min_length=1, max_length=MAX_EVENTS)]  # type: ignore[valid-type]
        self.events = msgspec.json.Decoder(events)
        root: list[Field] = [("event_source", Literal[source]), ("event_source_id", str), ("data", events)]
        self.bodies = msgspec.json.Decoder(msgspec.defstruct(f"{source}_body", [*root, ("test_event_code", Any, None)]))


@cache
def event_schema(source: str, strictness: Strictness) -> EventSchema:
    """Return the cached schema of an event source's events."""
    return EventSchema(source, strictness)


def _applies_to(parameter: Parameter, source: str) -> bool:
    """Test whether a parameter is checked; for apps and CRM, which the catalogue does not know, all are."""
    return source in parameter.sources or source not in {"web", "offline"}


class _SchemaCompiler:
    """Compiles parameters, each with its path in the event, into nested types."""

    def __init__(self, source: str, strictness: Strictness, parameters: list[Parameter]) -> None:
        self._source, self._all_types = source, strictness.types == "all"
        self._required = _WEB[strictness.web_needs] if source == "web" else _REQUIRED[source]
        self._types: dict[Path, Any] = {one.path: self._type(one) for one in parameters} | self._required
        self._types.setdefault(("properties", "currency"), Any)
        self._types.setdefault(("user", "ip"), Any)
        self._types["limited_data_use",] = bool if self._all_types else Any

    def event(self) -> type[Struct]:
        """Compile the type of one event."""
        return self._object(())

    def _type(self, parameter: Parameter) -> Any:
        if parameter.kind is Kind.EVENT:
            return StandardName if self._source == "offline" else NonEmptyText
        if not self._all_types and parameter.path[-1] not in _STRICT_FIELDS:
            return Any
        value_type = _BY_KIND.get(parameter.kind, str)
        return value_type | list[value_type] if parameter.many else value_type  # type: ignore[valid-type]

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
        # A missing user or properties object is an empty one, so that callers need not test for it.
        absent = kind() if path in {("user",), ("properties",)} else UNSET
        return path[-1], kind | UnsetType, absent
