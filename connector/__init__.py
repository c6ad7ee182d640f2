"""Sends the result of a SQL query to TikTok."""

__version__ = "0.1.0"
