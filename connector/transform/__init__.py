"""Data templates, and the compiler from them and the catalogue to one columnar expression.

The only room that ever sees a plain identifier: `pyarrow` batches of a query's result go in,
`HashedRows` come out.
"""
