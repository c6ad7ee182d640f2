"""Access control, and suppression of people who must not be sent."""
