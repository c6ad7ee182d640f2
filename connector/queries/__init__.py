"""Saved queries as SQL text."""
