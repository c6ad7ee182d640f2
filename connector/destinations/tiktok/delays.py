"""How long TikTok takes to show what it was sent."""

EVENTS_SHOW_WITHIN = 24
"""Hours from the last request until events are to be seen in TikTok's Events Manager.

Source: two vendors' pages on offline events, which agree. TikTok's own pages say nothing of it; of web events no page
does, and they are taken to be no slower.
"""
