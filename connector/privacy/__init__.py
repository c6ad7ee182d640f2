"""Who may see or send what, and whom to forget."""
