"""The story of one run, readable top to bottom."""
