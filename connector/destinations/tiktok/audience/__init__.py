"""A TikTok audience as a destination: its members become what the query returns."""
