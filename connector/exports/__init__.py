"""Tables of what happened, written as Parquet files or into a warehouse, for dashboards."""
