"""Runs, their batches, requests and excluded rows. The only package that knows how they are stored."""
