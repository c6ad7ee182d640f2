"""Delta and Iceberg tables as files: their current snapshot, a data file at a time."""
