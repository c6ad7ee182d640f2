"""A query's SQL becomes a stream of Arrow record batches. One file a warehouse, loaded by name."""
