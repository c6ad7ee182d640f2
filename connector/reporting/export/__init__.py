"""Export of tables about runs, as Parquet files or into a warehouse, for dashboards."""
