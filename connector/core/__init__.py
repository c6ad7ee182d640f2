"""Building blocks for every package: outcomes, hashed rows, routes, redaction, text and durable files."""
