"""Build fragments of DuckDB SQL: each function takes the SQL of its inputs and returns the SQL of its value.

An input that a fragment repeats has to be a column name, so that nothing is computed twice.
"""
