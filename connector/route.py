"""Where events go."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """TikTok's event_source and event_source_id, which all events of a request share."""

    event_source: str
    event_source_id: str

    @property
    def is_audience(self) -> bool:
        """Tell whether identifiers go to an audience; `event_source` is then the action and their types."""
        return " " in self.event_source
