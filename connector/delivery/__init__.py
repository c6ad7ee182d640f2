"""Batches go out, each until its fate is known. Knows no particular API: one attempt is handed in."""
