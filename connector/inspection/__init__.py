"""Checks before sending: validate, compile, plan, preview, promote, and tests of destinations."""
