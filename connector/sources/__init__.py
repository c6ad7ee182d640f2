"""Queries as streams of Arrow record batches. One module a warehouse, loaded by name."""
