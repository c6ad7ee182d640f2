"""Where things are."""

API = "/open_api/v1.3"
EVENT_TRACK = f"{API}/event/track/"
CONTROL = "/_simulator"
"""Not TikTok's: what a test or a person asks of the simulator while it runs."""
