"""Notifications of people and programs about how a run ended. Never fails or delays a run."""
