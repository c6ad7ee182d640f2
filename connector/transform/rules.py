"""Define the rules of a transform that its destination and run decide."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from connector.core.outcomes import IdenticalRows, NegativeLines


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
    identical_rows: IdenticalRows = "keep"
    negative_lines: NegativeLines = "subtract"

    @property
    def oldest(self) -> int:
        """The earliest event_time to send, except for dates; see `oldest_day`."""
        return self.started_at - self.max_age_days * 86_400

    def oldest_day(self, zone: str) -> int:
        """Return the start, in Unix seconds, of the earliest day in `zone` of which events without an hour are sent."""
        today = datetime.fromtimestamp(self.started_at, ZoneInfo(zone)).date()
        day = today - timedelta(days=self.max_age_days)
        return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp())

    @property
    def newest(self) -> int:
        """The latest event_time to send: clocks may differ by ten minutes."""
        return self.started_at + 600


@dataclass(frozen=True, slots=True)
class MemberRules:
    """The settings that shape an audience's identifiers. `device_id_case` is `lower` or `upper`.

    Each of the `email_rules` gives a digest of its own where it differs.
    """

    default_region: str = "US"
    device_id_case: str = "lower"
    email_rules: tuple[str, ...] = ("plain",)
