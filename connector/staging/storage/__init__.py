"""Hashed events on disk, in order, in the batches in which they will be sent."""
