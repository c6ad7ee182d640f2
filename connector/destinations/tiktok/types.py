"""Define TikTok's destination types, which the entry points name."""

from connector.config.destination_types import DestinationType
from connector.destinations.tiktok.settings import AudienceSettings, EventsSettings

EVENTS = DestinationType(EventsSettings, "connector.destinations.tiktok.events.destination:TikTokEvents")
AUDIENCE = DestinationType(AudienceSettings, "connector.destinations.tiktok.audience.destination:TikTokAudience")
