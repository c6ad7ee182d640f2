"""Settings that every destination of events has, whatever takes the events."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from connector.config.addresses import Zone
from connector.config.destination import DestinationSettings
from connector.config.fields import Switch, Text, Words, one_of, whole


class BaseEventSettings(DestinationSettings):
    """Settings that decide which rows become events, and how."""

    aliases: ClassVar[Mapping[str, str]] = {**DestinationSettings.aliases, "event_set_id": "event_source_id"}

    event_source: Annotated[Literal["web", "offline"], one_of("web", "offline")]
    """`web` for a pixel, `offline` for an offline event set."""
    event_source_id: Text | None = None
    """The id of the event source."""
    fixed_event_name: Text | None = None
    """The event of rows that name none."""
    limited_data_use: Switch = False
    """If `true`, asks for limited data use. It has no effect on events without an `ip`."""
    custom_events: Words = ()
    """Web: your own event names to accept in addition to the standard ones."""
    timezone: Zone = "UTC"
    """The time zone of times without an offset."""
    max_age_days: Annotated[int, whole(1, 3650)] = 28
    """How many days old an event may be, and for how many days a delivered event is skipped."""
