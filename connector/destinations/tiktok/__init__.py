"""Send events and audience members to TikTok, and read its answers."""
