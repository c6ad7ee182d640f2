"""TikTok's Events API as a destination: web and offline conversions."""
