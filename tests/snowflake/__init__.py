"""A stand-in for Snowflake: its HTTP protocol over DuckDB, in a process of its own."""
