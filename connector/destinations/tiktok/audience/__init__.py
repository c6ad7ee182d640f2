"""Send people to a TikTok audience as its members."""
