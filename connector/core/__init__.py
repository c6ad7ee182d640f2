"""What every part shares: outcomes, hashed rows, routes, redaction, text and durable files."""
