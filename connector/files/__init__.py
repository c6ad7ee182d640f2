"""Delimited files, local or remote, as a stream of Arrow record batches; problems are reported by line."""
