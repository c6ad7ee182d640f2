"""Compile data templates to columnar queries, and turn the batches of a result into hashed rows.

This is the only package that handles plain identifiers: `pyarrow` batches go in, `HashedRows` come out.
"""
