"""Stage hashed rows on disk in the batches in which they are sent, and edit what is staged."""
