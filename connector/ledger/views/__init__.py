"""Queries for pages and lists: each function takes one or two statements in the transaction of its caller."""
