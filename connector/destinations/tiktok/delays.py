"""State how long TikTok takes to show events."""

EVENTS_SHOW_WITHIN = 24
"""Hours from the last request until TikTok's Events Manager shows the events.

Source: two vendors' pages on offline events, which agree. TikTok's own pages do not mention it; on web events no page
does, and they are assumed to be no slower.
"""
