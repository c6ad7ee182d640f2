"""Send batches until the outcome of each is known. Knows no particular API: the caller passes the attempt."""
