"""Runs, their batches, requests and rows that were left out; the only room that knows how they are stored."""
