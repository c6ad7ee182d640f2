"""What a destination and a run decide about one transform."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventRules:
    """The settings that shape events; `started_at` is the run's start in Unix seconds."""

    event_source: str
    event_source_id: str
    started_at: int
    fixed_event_name: str | None = None
    limited_data_use: bool = False
    custom_events: tuple[str, ...] = ()
    default_region: str = "US"
    timezone: str = "UTC"
    max_age_days: int = 28
    line_items: bool = True

    @property
    def oldest(self) -> int:
        """The earliest event_time that is sent."""
        return self.started_at - self.max_age_days * 86_400

    @property
    def newest(self) -> int:
        """The latest event_time that is sent: clocks may differ by ten minutes."""
        return self.started_at + 600


@dataclass(frozen=True, slots=True)
class MemberRules:
    """The settings that shape an audience's identifiers. `device_id_case` is `lower` or `upper`."""

    default_region: str = "US"
    device_id_case: str = "lower"
