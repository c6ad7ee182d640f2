"""TikTok: request bodies, one HTTP attempt, and what an answer means."""
