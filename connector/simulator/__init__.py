"""A local TikTok: good enough to try everything without an account."""
