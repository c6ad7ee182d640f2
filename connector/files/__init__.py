"""Delimited files, here or elsewhere, become a stream of Arrow record batches; what is wrong with them, by line."""
